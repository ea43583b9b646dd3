package admin

import (
	"github.com/prometheus/client_golang/prometheus"

	"rostrum/internal/arn"
	"rostrum/internal/composition"
)

// compositions shows those that run on this node. One that has ended has no
// metrics, so there are never more than run.
type compositions struct {
	ask                                            func() []composition.Stats
	running                                        *prometheus.Desc
	publishers, restarts, cpu, memory, ticks, late *prometheus.Desc
	spool                                          *prometheus.Desc
}

// Compositions makes metrics of what the compositions that run here say of themselves.
func Compositions(ask func() []composition.Stats) prometheus.Collector {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("rostrum_composition_"+name, help, []string{"composition"}, nil)
	}
	return &compositions{
		ask:        ask,
		running:    prometheus.NewDesc("rostrum_compositions", "Compositions that this node runs.", nil, nil),
		publishers: desc("publishers", "Publishers on the composition's stage, as its worker sees them."),
		restarts:   desc("worker_restarts_total", "Workers that took the place of one that failed."),
		cpu:        desc("worker_cpu_seconds_total", "CPU time of the composition's workers, user and system."),
		memory:     desc("worker_memory_bytes", "Resident memory of the composition's worker."),
		ticks:      desc("ticks_total", "Pictures that the output clocks asked for."),
		late:       desc("late_ticks_total", "Ticks at which the picture wasn't ready."),
		spool:      desc("spool_bytes", "What waits on this machine for its bucket."),
	}
}

// Describe names the metrics.
func (c *compositions) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.running, c.publishers, c.restarts, c.cpu, c.memory, c.ticks, c.late, c.spool} {
		to <- d
	}
}

// Collect asks the compositions.
func (c *compositions) Collect(to chan<- prometheus.Metric) {
	all := c.ask()
	to <- prometheus.MustNewConstMetric(c.running, prometheus.GaugeValue, float64(len(all)))
	for _, s := range all {
		name, err := arn.Parse(s.ARN)
		if err != nil {
			continue // none that runs has another name
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
			to <- prometheus.MustNewConstMetric(m.desc, m.kind, m.n, name.ID)
		}
	}
}
