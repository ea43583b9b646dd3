package admin

import (
	"github.com/prometheus/client_golang/prometheus"

	"rostrum/internal/stage"
)

// stages collects metrics of the live stages. A stage without participants has
// no metrics, which bounds their number.
type stages struct {
	counts                                         func() []stage.Counts
	participants, publishers, subscribers, sockets *prometheus.Desc
}

// Stages returns metrics of the live stages.
func Stages(counts func() []stage.Counts) prometheus.Collector {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("rostrum_stage_"+name, help, []string{"stage"}, nil)
	}
	return &stages{
		counts:       counts,
		participants: desc("participants", "Connected participants of the stage."),
		publishers:   desc("publishers", "Participants of the stage that publish or are about to, including replicas."),
		subscribers:  desc("subscribers", "Participants of the stage that subscribe."),
		sockets:      desc("sockets", "Open events sockets of the stage."),
	}
}

// Describe implements prometheus.Collector.
func (s *stages) Describe(out chan<- *prometheus.Desc) {
	out <- s.participants
	out <- s.publishers
	out <- s.subscribers
	out <- s.sockets
}

// Collect implements prometheus.Collector.
func (s *stages) Collect(out chan<- prometheus.Metric) {
	for _, c := range s.counts() {
		for _, m := range []struct {
			desc *prometheus.Desc
			n    int
		}{{s.participants, c.Participants}, {s.publishers, c.Publishers}, {s.subscribers, c.Subscribers}, {s.sockets, c.Sockets}} {
			out <- prometheus.MustNewConstMetric(m.desc, prometheus.GaugeValue, float64(m.n), c.StageID)
		}
	}
}
