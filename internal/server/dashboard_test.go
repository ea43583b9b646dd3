package server

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"rostrum/internal/admin"
	"rostrum/internal/api"
	"rostrum/internal/control"
	"rostrum/internal/event"
	"rostrum/internal/inbound"
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

// What operators are given must not ask for metrics that are not there.
func TestDrift_OperatorsAreGivenMetricsThatAreThere(t *testing.T) {
	known := described{}
	known.MustRegister(admin.Media(nil), admin.Listeners(nil), admin.Stages(nil), admin.NewRealtime(nil, nil), admin.Channels(nil), admin.Certificates(nil),
		admin.Compositions(nil), admin.Recordings(nil))
	event.NewDispatcher(nil, "", event.DispatcherConfig{Metrics: known})
	api.New(new(control.Plane), api.Config{Metrics: known})
	inbound.NewPanics(nil, known)
	known["rostrum_event_lost_total"] = true // of sweep
	for _, name := range []string{"grafana-dashboard.json", "alerts.yaml"} {
		text, err := os.ReadFile("../../deploy/" + name)
		if err != nil {
			t.Fatal(err)
		}
		asked := regexp.MustCompile(`\b(?:ivs|rostrum)_[a-z_]+`).FindAllString(string(text), -1)
		if len(asked) < 10 {
			t.Errorf("%s asks for %d metrics, expected more", name, len(asked))
		}
		for _, metric := range asked {
			if !known[strings.TrimSuffix(metric, "_bucket")] {
				t.Errorf("%s asks for %s, which is not there", name, metric)
			}
		}
	}
}

func TestAlerts_FireWhenSomebodyHasToAct(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed: it is in Debian's package prometheus")
	}
	if out, err := exec.CommandContext(t.Context(), promtool, "test", "rules", "testdata/alerts.yaml").CombinedOutput(); err != nil {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}
