package admin_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rostrum/internal/admin"
	"rostrum/internal/channel"
	"rostrum/internal/sfu"
	"rostrum/internal/stage"
)

func get(h http.Handler, path string) (status int, body string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func TestHealth_IsAliveWhenNotReadyAndLogsTheReason(t *testing.T) {
	var logged string
	passes, fails := func(context.Context) error { return nil }, func(context.Context) error { return errors.New("disk failure at /secret/path") }
	for _, c := range []struct {
		name   string
		checks map[string]admin.Check
		path   string
		status int
		body   string
	}{
		{"alive", map[string]admin.Check{"store": fails}, "/healthz", 200, "ok\n"},
		{"ready", map[string]admin.Check{"store": passes}, "/readyz", 200, "ready\n"},
		{"not ready", map[string]admin.Check{"store": fails}, "/readyz", 503, "store is not ready\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := admin.Health(func(name string, err error) { logged = name + ": " + err.Error() }, c.checks)
			if status, body := get(h, c.path); status != c.status || body != c.body {
				t.Errorf("expected %d %q, got %d %q", c.status, c.body, status, body)
			}
		})
	}
	if !strings.Contains(logged, "disk failure") {
		t.Errorf("expected the reason in the log, got %q", logged)
	}
}

func TestMetrics_ServesRegisteredMetrics(t *testing.T) {
	r := prometheus.NewRegistry()
	n := prometheus.NewCounter(prometheus.CounterOpts{Name: "rostrum_test_total", Help: "A test."})
	r.MustRegister(n)
	n.Inc()
	if _, body := get(admin.Metrics(r), "/metrics"); !strings.Contains(body, "rostrum_test_total 1") {
		t.Errorf("expected rostrum_test_total 1, got %s", body)
	}
}

func TestMedia_HasEveryDropReasonFromTheStart(t *testing.T) {
	r := prometheus.NewRegistry()
	r.MustRegister(admin.Media(func() sfu.EngineStats {
		return sfu.EngineStats{Transports: 3, HalfOpen: 1, RedundantSubscriptions: 2, RedundantBytes: 4096, Drops: map[sfu.Drop]uint64{sfu.Drops()[0]: 7}}
	}))
	_, body := get(admin.Metrics(r), "/metrics")
	for i, reason := range sfu.Drops() {
		expected := fmt.Sprintf("rostrum_media_drops_total{reason=%q} 0", reason)
		if i == 0 {
			expected = fmt.Sprintf("rostrum_media_drops_total{reason=%q} 7", reason)
		}
		if !strings.Contains(body, expected) {
			t.Errorf("expected %s, got %s", expected, body)
		}
	}
	for _, expected := range []string{
		"rostrum_media_transports 3", "rostrum_media_transports_half_open 1",
		"rostrum_media_audio_red_subscriptions 2", "rostrum_media_audio_red_bytes_total 4096",
	} {
		if !strings.Contains(body, expected+"\n") {
			t.Errorf("expected %s, got %s", expected, body)
		}
	}
}

func TestProfiles_AreListed(t *testing.T) {
	if status, body := get(admin.Profiles(), "/debug/pprof/"); status != 200 || !strings.Contains(body, "goroutine") {
		t.Errorf("expected the list of profiles, got %d %s", status, body)
	}
}

func TestStages_HasMetricsOfEachLiveStage(t *testing.T) {
	r := prometheus.NewRegistry()
	r.MustRegister(admin.Stages(func() []stage.Counts {
		return []stage.Counts{{StageID: "Ab3dEf6hIj9k", Participants: 4, Publishers: 2, Subscribers: 3, Sockets: 4}}
	}))
	w := httptest.NewRecorder()
	admin.Metrics(r).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, want := range []string{
		`rostrum_stage_participants{stage="Ab3dEf6hIj9k"} 4`, `rostrum_stage_publishers{stage="Ab3dEf6hIj9k"} 2`,
		`rostrum_stage_subscribers{stage="Ab3dEf6hIj9k"} 3`, `rostrum_stage_sockets{stage="Ab3dEf6hIj9k"} 4`,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the metrics lack %s:\n%s", want, w.Body)
		}
	}
}

func TestChannels_HasTheMetricsOfCloudWatchAndOfPushes(t *testing.T) {
	r := prometheus.NewRegistry()
	r.MustRegister(admin.Channels(func() []channel.Stats {
		return []channel.Stats{
			{ChannelID: "one", Viewers: 3, VideoBitrate: 2e6, AudioBitrate: 160e3, FrameRate: 30, KeyframeInterval: 2 * time.Second, Push: &channel.PushStats{Reconnects: 4, Dropped: 7}},
			{ChannelID: "two", Starving: true},
		}
	}))
	_, body := get(admin.Metrics(r), "/metrics")
	for _, expected := range []string{
		"ivs_concurrent_streams 2", `ivs_concurrent_views{channel="one"} 3`, `ivs_ingest_video_bitrate{channel="one"} 2e+06`, `ivs_ingest_audio_bitrate{channel="one"} 160000`,
		`ivs_ingest_framerate{channel="one"} 30`, `ivs_keyframe_interval{channel="one"} 2`, `rostrum_channel_starving{channel="two"} 1`,
		`rostrum_channel_push_up{channel="one"} 0`, `rostrum_channel_push_reconnects_total{channel="one"} 4`, `rostrum_channel_push_dropped_frames_total{channel="one"} 7`,
	} {
		if !strings.Contains(body, expected) {
			t.Errorf("the metrics lack %s:\n%s", expected, body)
		}
	}
	if strings.Contains(body, `push_up{channel="two"}`) {
		t.Error("a channel without a push has metrics of one")
	}
}
