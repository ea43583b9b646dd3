package admin

import (
	"github.com/prometheus/client_golang/prometheus"

	"rostrum/internal/channel"
)

// channels collects metrics of live channels. Where CloudWatch has a metric under
// AWS/IVS (Low-Latency User Guide, Monitoring), the name is the same in snake
// case with the prefix ivs_. A channel that is offline has no metrics, which
// bounds their number.
type channels struct {
	stats                                       func() []channel.Stats
	streams, views                              *prometheus.Desc
	video, audio, framerate, keyframe, starving *prometheus.Desc
	pushUp, pushReconnects, pushDropped         *prometheus.Desc
}

// Channels returns metrics of the channels that are live on this node.
func Channels(stats func() []channel.Stats) prometheus.Collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	const label = "channel"
	return &channels{
		stats:          stats,
		streams:        desc("ivs_concurrent_streams", "Channels of this node that are live."),
		views:          desc("ivs_concurrent_views", "Viewers of the channel in the last ten seconds.", label),
		video:          desc("ivs_ingest_video_bitrate", "Video bitrate from the encoder, bits per second.", label),
		audio:          desc("ivs_ingest_audio_bitrate", "Audio bitrate from the encoder, bits per second.", label),
		framerate:      desc("ivs_ingest_framerate", "Frame rate from the encoder, frames per second.", label),
		keyframe:       desc("ivs_keyframe_interval", "Time between the last two keyframes, seconds.", label),
		starving:       desc("rostrum_channel_starving", "1 while no video arrives from the encoder.", label),
		pushUp:         desc("rostrum_channel_push_up", "1 while the stream is pushed to another platform, 0 while the push reconnects.", label),
		pushReconnects: desc("rostrum_channel_push_reconnects_total", "Attempts to reconnect to the other platform.", label),
		pushDropped:    desc("rostrum_channel_push_dropped_frames_total", "Frames that were not sent to the other platform because it was slow or disconnected.", label),
	}
}

// Describe implements prometheus.Collector.
func (c *channels) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		c.streams, c.views, c.video, c.audio, c.framerate, c.keyframe, c.starving, c.pushUp, c.pushReconnects, c.pushDropped,
	} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *channels) Collect(out chan<- prometheus.Metric) {
	all := c.stats()
	out <- prometheus.MustNewConstMetric(c.streams, prometheus.GaugeValue, float64(len(all)))
	for _, s := range all {
		send := func(d *prometheus.Desc, kind prometheus.ValueType, n float64) {
			out <- prometheus.MustNewConstMetric(d, kind, n, s.ChannelID)
		}
		send(c.views, prometheus.GaugeValue, float64(s.Viewers))
		send(c.video, prometheus.GaugeValue, s.VideoBitrate)
		send(c.audio, prometheus.GaugeValue, s.AudioBitrate)
		send(c.framerate, prometheus.GaugeValue, s.FrameRate)
		send(c.keyframe, prometheus.GaugeValue, s.KeyframeInterval.Seconds())
		send(c.starving, prometheus.GaugeValue, boolGauge(s.Starving))
		if p := s.Push; p != nil {
			send(c.pushUp, prometheus.GaugeValue, boolGauge(p.Up))
			send(c.pushReconnects, prometheus.CounterValue, float64(p.Reconnects))
			send(c.pushDropped, prometheus.CounterValue, float64(p.Dropped))
		}
	}
}

// boolGauge is the value of a gauge that is 1 or 0.
func boolGauge(on bool) float64 {
	if on {
		return 1
	}
	return 0
}
