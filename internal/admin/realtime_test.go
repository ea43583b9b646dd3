package admin

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"rostrum/internal/media"
	"rostrum/internal/sfu"
	"rostrum/internal/stage"
)

func TestRealtime_HasTheMetricsOfCloudWatch(t *testing.T) {
	counts := []stage.Counts{{StageID: "live", Participants: 3, Publishers: 1, Subscribers: 2}}
	receiver := func(id string, bitrate int, loss float64) stage.ReceiverSample {
		return stage.ReceiverSample{ParticipantID: id, SubscriberStats: sfu.SubscriberStats{Subscriptions: []sfu.SubscriptionStats{{Kind: media.Video, Bitrate: bitrate, Loss: loss}}}}
	}
	samples := []stage.MediaSample{
		{StageID: "over", Receivers: []stage.ReceiverSample{receiver("z", 1, 1)}},
		{
			StageID: "live",
			Publishers: []stage.PublisherSample{{ParticipantID: "p", PublisherStats: sfu.PublisherStats{Tracks: []sfu.TrackStats{
				{Kind: media.Video, Layers: []sfu.LayerStats{{LayerInfo: sfu.LayerInfo{Label: "hi", Width: 1280, Height: 720, Bitrate: 1_500_000, FPS: 30}}}},
				{Kind: media.Audio, Layers: []sfu.LayerStats{{LayerInfo: sfu.LayerInfo{Bitrate: 64_000}}}},
			}}}},
			Receivers: []stage.ReceiverSample{receiver("a", 1_000_000, 0.02), receiver("b", 500_000, 0), receiver("b", 100_000, 0.01)},
		},
	}
	m := NewRealtime(func() []stage.Counts { return counts }, func() []stage.MediaSample { return samples })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Run(ctx); err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(m)
	expected := `
# HELP ivs_realtime_concurrent_publishers Publishers on all stages of this node.
# TYPE ivs_realtime_concurrent_publishers gauge
ivs_realtime_concurrent_publishers 1
# HELP ivs_realtime_concurrent_subscriptions Subscriptions on all stages of this node.
# TYPE ivs_realtime_concurrent_subscriptions gauge
ivs_realtime_concurrent_subscriptions 3
# HELP ivs_realtime_download_packet_loss_percent Packet loss to subscribers, percent, over the subscriptions of the stage.
# TYPE ivs_realtime_download_packet_loss_percent gauge
ivs_realtime_download_packet_loss_percent{stage="live",statistic="average"} 1
ivs_realtime_download_packet_loss_percent{stage="live",statistic="maximum"} 2
ivs_realtime_download_packet_loss_percent{stage="live",statistic="minimum"} 0
# HELP ivs_realtime_publish_bitrate Bitrate from a publisher, bits per second, by layer.
# TYPE ivs_realtime_publish_bitrate gauge
ivs_realtime_publish_bitrate{media_type="audio",participant="p",simulcast_layer="none",stage="live"} 64000
ivs_realtime_publish_bitrate{media_type="video",participant="p",simulcast_layer="hi",stage="live"} 1.5e+06
# HELP ivs_realtime_publish_framerate Frame rate from a publisher, frames per second, by layer.
# TYPE ivs_realtime_publish_framerate gauge
ivs_realtime_publish_framerate{media_type="video",participant="p",simulcast_layer="hi",stage="live"} 30
# HELP ivs_realtime_publish_resolution Smaller side of the video from a publisher, pixels, by layer.
# TYPE ivs_realtime_publish_resolution gauge
ivs_realtime_publish_resolution{media_type="video",participant="p",simulcast_layer="hi",stage="live"} 720
# HELP ivs_realtime_publishers Publishers on the stage.
# TYPE ivs_realtime_publishers gauge
ivs_realtime_publishers{stage="live"} 1
# HELP ivs_realtime_subscribe_bitrate Audio and video bitrate to a subscriber, bits per second, over the subscribers of the stage.
# TYPE ivs_realtime_subscribe_bitrate gauge
ivs_realtime_subscribe_bitrate{stage="live",statistic="average"} 800000
ivs_realtime_subscribe_bitrate{stage="live",statistic="maximum"} 1e+06
ivs_realtime_subscribe_bitrate{stage="live",statistic="minimum"} 600000
# HELP ivs_realtime_subscribers Subscribers on the stage; participants that also publish count in both.
# TYPE ivs_realtime_subscribers gauge
ivs_realtime_subscribers{stage="live"} 2
`
	w := httptest.NewRecorder()
	Metrics(registry).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if seen := w.Body.String(); seen != strings.TrimPrefix(expected, "\n") {
		t.Errorf("the metrics are\n%s\nexpected%s", seen, expected)
	}
}
