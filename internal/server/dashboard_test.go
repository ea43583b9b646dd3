package server

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"rostrum/internal/admin"
	"rostrum/internal/api"
	"rostrum/internal/control"
	"rostrum/internal/event"
)

// described notes the names of all metrics that are registered with it.
type described map[string]bool

var metricName = regexp.MustCompile(`fqName: "([^"]*)"`)

func (d described) Register(c prometheus.Collector) error {
	all := make(chan *prometheus.Desc, 100)
	c.Describe(all)
	close(all)
	for desc := range all {
		d[metricName.FindStringSubmatch(desc.String())[1]] = true
	}
	return nil
}

func (d described) MustRegister(all ...prometheus.Collector) {
	for _, c := range all {
		_ = d.Register(c)
	}
}

func (d described) Unregister(prometheus.Collector) bool { return false }

func TestDrift_DashboardAsksForMetricsThatAreThere(t *testing.T) {
	known := described{}
	known.MustRegister(admin.Media(nil), admin.Listeners(nil), admin.Stages(nil), admin.NewRealtime(nil, nil), admin.Channels(nil), admin.Certificates(nil))
	event.NewDispatcher(nil, "", event.DispatcherConfig{Metrics: known})
	api.New(new(control.Plane), api.Config{Metrics: known})
	text, err := os.ReadFile("../../deploy/grafana-dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	asked := regexp.MustCompile(`(?:ivs|rostrum)_[a-z_]+`).FindAllString(string(text), -1)
	if len(asked) < 10 {
		t.Errorf("the dashboard asks for %d metrics, expected more", len(asked))
	}
	for _, name := range asked {
		if !known[strings.TrimSuffix(name, "_bucket")] {
			t.Errorf("the dashboard asks for %s, which is not there", name)
		}
	}
}
