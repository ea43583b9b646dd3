package admin

import (
	"github.com/prometheus/client_golang/prometheus"

	"rostrum/internal/recorder"
)

// recordings collects metrics of the recordings of participants. They are sums over all of
// this node: one for each would be a label without a bound.
type recordings struct {
	stats                            func() recorder.Stats
	running                          *prometheus.Desc
	files, segments, bytes           *prometheus.Desc
	failures, dropped                *prometheus.Desc
	spoolFiles, spoolBytes, spoolAge *prometheus.Desc
}

// Recordings returns metrics of the recordings of participants on this node.
func Recordings(stats func() recorder.Stats) prometheus.Collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("rostrum_recording_"+name, help, labels, nil)
	}
	return &recordings{
		stats:      stats,
		running:    prometheus.NewDesc("rostrum_recordings", "Recordings of participants that this node records or uploads, by state.", []string{"state"}, nil),
		files:      desc("uploaded_files_total", "Segments, thumbnails and other files of participants' recordings that were uploaded."),
		segments:   desc("uploaded_segments_total", "Segments among those files."),
		bytes:      desc("uploaded_bytes_total", "Bytes of those files."),
		failures:   desc("failures_total", "Recordings of participants that failed."),
		dropped:    desc("dropped_packets_total", "Packets that were not recorded because the recorder was too slow."),
		spoolFiles: desc("spool_files", "Files of participants' recordings that wait for a bucket."),
		spoolBytes: desc("spool_bytes", "Bytes of those files."),
		spoolAge:   desc("spool_oldest_seconds", "How long the oldest of those files has waited; 0 if none waits."),
	}
}

// Describe implements prometheus.Collector.
func (c *recordings) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.running, c.files, c.segments, c.bytes, c.failures, c.dropped, c.spoolFiles, c.spoolBytes, c.spoolAge} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *recordings) Collect(out chan<- prometheus.Metric) {
	s := c.stats()
	for state, n := range s.Recordings {
		out <- prometheus.MustNewConstMetric(c.running, prometheus.GaugeValue, float64(n), string(state))
	}
	for _, m := range []struct {
		desc *prometheus.Desc
		kind prometheus.ValueType
		n    float64
	}{
		{c.files, prometheus.CounterValue, float64(s.Files)}, {c.segments, prometheus.CounterValue, float64(s.Segments)}, {c.bytes, prometheus.CounterValue, float64(s.Bytes)},
		{c.failures, prometheus.CounterValue, float64(s.Failures)}, {c.dropped, prometheus.CounterValue, float64(s.DroppedPackets)},
		{c.spoolFiles, prometheus.GaugeValue, float64(s.SpoolFiles)}, {c.spoolBytes, prometheus.GaugeValue, float64(s.SpoolBytes)},
		{c.spoolAge, prometheus.GaugeValue, s.Oldest.Seconds()},
	} {
		out <- prometheus.MustNewConstMetric(m.desc, m.kind, m.n)
	}
}
