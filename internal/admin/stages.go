package admin

import (
	"github.com/prometheus/client_golang/prometheus"

	"rostrum/internal/stage"
)

// stages counts who is on the live stages. A stage that nobody is on has no
// metrics, so there are never more than live stages.
type stages struct {
	ask                                            func() []stage.Counts
	participants, publishers, subscribers, sockets *prometheus.Desc
}

// Stages makes metrics of what the live stages say of themselves.
func Stages(ask func() []stage.Counts) prometheus.Collector {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("rostrum_stage_"+name, help, []string{"stage"}, nil)
	}
	return &stages{
		ask:          ask,
		participants: desc("participants", "Participants that are connected, by stage."),
		publishers:   desc("publishers", "Participants that publish or are about to, replicas too, by stage."),
		subscribers:  desc("subscribers", "Participants that subscribe, by stage."),
		sockets:      desc("sockets", "Open events sockets, by stage."),
	}
}

// Describe names the metrics.
func (s *stages) Describe(to chan<- *prometheus.Desc) {
	to <- s.participants
	to <- s.publishers
	to <- s.subscribers
	to <- s.sockets
}

// Collect asks the stages.
func (s *stages) Collect(to chan<- prometheus.Metric) {
	for _, c := range s.ask() {
		for _, m := range []struct {
			desc *prometheus.Desc
			n    int
		}{{s.participants, c.Participants}, {s.publishers, c.Publishers}, {s.subscribers, c.Subscribers}, {s.sockets, c.Sockets}} {
			to <- prometheus.MustNewConstMetric(m.desc, prometheus.GaugeValue, float64(m.n), c.StageID)
		}
	}
}
