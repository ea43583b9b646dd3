package admin

import (
	"github.com/prometheus/client_golang/prometheus"

	"rostrum/internal/channel"
)

// channels shows what the managed service shows in CloudWatch under AWS/IVS
// (Low-Latency User Guide, Monitoring), in the form of Prometheus: its names in
// snake case with the prefix ivs_. What it has no name for is Rostrum's.
// A channel that is offline has no metrics, so there are never more than are live.
type channels struct {
	ask                                         func() []channel.Stats
	streams, views                              *prometheus.Desc
	video, audio, framerate, keyframe, starving *prometheus.Desc
	pushUp, pushReconnects, pushDropped         *prometheus.Desc
}

// Channels makes metrics of what the channels that are live here are doing.
func Channels(ask func() []channel.Stats) prometheus.Collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	const label = "channel"
	return &channels{
		ask:            ask,
		streams:        desc("ivs_concurrent_streams", "Channels of this node that are live."),
		views:          desc("ivs_concurrent_views", "Viewers of the channel within ten seconds.", label),
		video:          desc("ivs_ingest_video_bitrate", "Picture that the encoder sends, bits a second.", label),
		audio:          desc("ivs_ingest_audio_bitrate", "Sound that the encoder sends, bits a second.", label),
		framerate:      desc("ivs_ingest_framerate", "Pictures a second that the encoder sends.", label),
		keyframe:       desc("ivs_keyframe_interval", "Seconds between the last two keyframes.", label),
		starving:       desc("rostrum_channel_starving", "1 while no picture comes from the encoder.", label),
		pushUp:         desc("rostrum_channel_push_up", "1 while another platform takes the channel's stream, 0 while it is tried again.", label),
		pushReconnects: desc("rostrum_channel_push_reconnects_total", "Connections to the other platform after the first, tried or made.", label),
		pushDropped:    desc("rostrum_channel_push_dropped_frames_total", "Frames that the other platform was too slow, or not there, for.", label),
	}
}

// Describe names the metrics.
func (c *channels) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		c.streams, c.views, c.video, c.audio, c.framerate, c.keyframe, c.starving, c.pushUp, c.pushReconnects, c.pushDropped,
	} {
		to <- d
	}
}

// Collect asks the channels.
func (c *channels) Collect(to chan<- prometheus.Metric) {
	all := c.ask()
	to <- prometheus.MustNewConstMetric(c.streams, prometheus.GaugeValue, float64(len(all)))
	for _, s := range all {
		show := func(d *prometheus.Desc, kind prometheus.ValueType, n float64) {
			to <- prometheus.MustNewConstMetric(d, kind, n, s.ChannelID)
		}
		show(c.views, prometheus.GaugeValue, float64(s.Viewers))
		show(c.video, prometheus.GaugeValue, s.VideoBitrate)
		show(c.audio, prometheus.GaugeValue, s.AudioBitrate)
		show(c.framerate, prometheus.GaugeValue, s.FrameRate)
		show(c.keyframe, prometheus.GaugeValue, s.KeyframeInterval.Seconds())
		show(c.starving, prometheus.GaugeValue, one(s.Starving))
		if p := s.Push; p != nil {
			show(c.pushUp, prometheus.GaugeValue, one(p.Up))
			show(c.pushReconnects, prometheus.CounterValue, float64(p.Reconnects))
			show(c.pushDropped, prometheus.CounterValue, float64(p.Dropped))
		}
	}
}

func one(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
