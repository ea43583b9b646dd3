package admin

import (
	"github.com/prometheus/client_golang/prometheus"

	"rostrum/internal/arn"
	"rostrum/internal/composition"
)

// compositions collects metrics of the compositions that run on this node. One
// that has ended has no metrics, which bounds their number.
type compositions struct {
	stats                                          func() []composition.Stats
	running                                        *prometheus.Desc
	publishers, restarts, cpu, memory, ticks, late *prometheus.Desc
	spool                                          *prometheus.Desc
}

// Compositions returns metrics of the compositions that run on this node.
func Compositions(stats func() []composition.Stats) prometheus.Collector {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("rostrum_composition_"+name, help, []string{"composition"}, nil)
	}
	return &compositions{
		stats:      stats,
		running:    prometheus.NewDesc("rostrum_compositions", "Compositions that this node runs.", nil, nil),
		publishers: desc("publishers", "Publishers on the composition's stage."),
		restarts:   desc("worker_restarts_total", "Workers that were started after one failed."),
		cpu:        desc("worker_cpu_seconds_total", "CPU time of the composition's workers, user and system."),
		memory:     desc("worker_memory_bytes", "Resident memory of the composition's worker."),
		ticks:      desc("ticks_total", "Frames that the output clocks requested."),
		late:       desc("late_ticks_total", "Requested frames that were not ready in time."),
		spool:      desc("spool_bytes", "Bytes on this node that wait for upload to a bucket."),
	}
}

// Describe implements prometheus.Collector.
func (c *compositions) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.running, c.publishers, c.restarts, c.cpu, c.memory, c.ticks, c.late, c.spool} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *compositions) Collect(out chan<- prometheus.Metric) {
	all := c.stats()
	out <- prometheus.MustNewConstMetric(c.running, prometheus.GaugeValue, float64(len(all)))
	for _, s := range all {
		name, err := arn.Parse(s.ARN)
		if err != nil {
			continue // all that run have an ARN
		}
		for _, m := range []struct {
			desc *prometheus.Desc
			kind prometheus.ValueType
			n    float64
		}{
			{c.publishers, prometheus.GaugeValue, float64(s.Publishers)}, {c.restarts, prometheus.CounterValue, float64(s.Restarts)},
			{c.cpu, prometheus.CounterValue, s.WorkerCPU.Seconds()}, {c.memory, prometheus.GaugeValue, float64(s.WorkerMemory)},
			{c.ticks, prometheus.CounterValue, float64(s.Ticks)}, {c.late, prometheus.CounterValue, float64(s.LateTicks)},
			{c.spool, prometheus.GaugeValue, float64(s.SpoolBytes)},
		} {
			out <- prometheus.MustNewConstMetric(m.desc, m.kind, m.n, name.ID)
		}
	}
}
