package admin

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rostrum/internal/media"
	"rostrum/internal/stage"
)

// sampleInterval is the time between samples of the media of live stages.
const sampleInterval = 10 * time.Second

// Realtime has the metrics of CloudWatch under AWS/IVSRealTime (Real-Time User
// Guide, Monitoring): the names in snake case with the prefix ivs_realtime_, the
// dimensions as labels, the statistics Average, Maximum and Minimum as the label
// statistic.
//
// The labels are bounded by the live stages. DroppedFrames, and the dimensions
// client platform and country, are missing: only clients know them.
type Realtime struct {
	counts func() []stage.Counts
	sample func() []stage.MediaSample
	latest atomic.Pointer[[]stage.MediaSample]

	concurrentPublishers, concurrentSubscriptions, publishers, subscribers *prometheus.Desc
	downloadPacketLoss, subscribeBitrate                                   *prometheus.Desc
	publishBitrate, publishFramerate, publishResolution                    *prometheus.Desc
}

// NewRealtime returns metrics of the live stages' counts, and of samples of
// their media, which Run takes.
func NewRealtime(counts func() []stage.Counts, sample func() []stage.MediaSample) *Realtime {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("ivs_realtime_"+name, help, labels, nil)
	}
	layer := []string{"stage", "participant", "simulcast_layer", "media_type"}
	return &Realtime{
		counts: counts, sample: sample,
		concurrentPublishers:    desc("concurrent_publishers", "Publishers on all stages of this node."),
		concurrentSubscriptions: desc("concurrent_subscriptions", "Subscriptions on all stages of this node."),
		publishers:              desc("publishers", "Publishers on the stage.", "stage"),
		subscribers:             desc("subscribers", "Subscribers on the stage; participants that also publish count in both.", "stage"),
		downloadPacketLoss:      desc("download_packet_loss_percent", "Packet loss to subscribers, percent, over the subscriptions of the stage.", "stage", "statistic"),
		subscribeBitrate:        desc("subscribe_bitrate", "Audio and video bitrate to a subscriber, bits per second, over the subscribers of the stage.", "stage", "statistic"),
		publishBitrate:          desc("publish_bitrate", "Bitrate from a publisher, bits per second, by layer.", layer...),
		publishFramerate:        desc("publish_framerate", "Frame rate from a publisher, frames per second, by layer.", layer...),
		publishResolution:       desc("publish_resolution", "Smaller side of the video from a publisher, pixels, by layer.", layer...),
	}
}

// Run samples until the context ends.
func (m *Realtime) Run(ctx context.Context) error {
	tick := time.NewTicker(sampleInterval)
	defer tick.Stop()
	for {
		samples := m.sample()
		m.latest.Store(&samples)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Samples returns the last samples of the media of live stages.
func (m *Realtime) Samples() []stage.MediaSample {
	if latest := m.latest.Load(); latest != nil {
		return *latest
	}
	return nil
}

// Describe implements prometheus.Collector.
func (m *Realtime) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		m.concurrentPublishers, m.concurrentSubscriptions, m.publishers, m.subscribers,
		m.downloadPacketLoss, m.subscribeBitrate, m.publishBitrate, m.publishFramerate, m.publishResolution,
	} {
		out <- d
	}
}

// Collect implements prometheus.Collector, with the current counts and the last sample.
func (m *Realtime) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	publishers := 0
	live := map[string]bool{}
	for _, c := range m.counts() {
		live[c.StageID] = true
		publishers += c.Publishers
		gauge(m.publishers, float64(c.Publishers), c.StageID)
		gauge(m.subscribers, float64(c.Subscribers), c.StageID)
	}
	connections := 0
	for _, s := range m.Samples() {
		if live[s.StageID] {
			connections += len(s.Receivers)
			m.collectPublishers(s, gauge)
			m.collectReceivers(s, gauge)
		}
	}
	gauge(m.concurrentPublishers, float64(publishers))
	gauge(m.concurrentSubscriptions, float64(connections))
}

func (m *Realtime) collectPublishers(s stage.MediaSample, gauge func(*prometheus.Desc, float64, ...string)) {
	for _, p := range s.Publishers {
		for _, t := range p.Tracks {
			for _, l := range t.Layers {
				label := l.Label
				if label == "" {
					label = "none" // as in CloudWatch
				}
				labels := []string{s.StageID, p.ParticipantID, label, t.Kind.String()}
				gauge(m.publishBitrate, float64(l.Bitrate), labels...)
				if t.Kind == media.Video {
					gauge(m.publishFramerate, l.FPS, labels...)
					gauge(m.publishResolution, float64(min(l.Width, l.Height)), labels...)
				}
			}
		}
	}
}

func (m *Realtime) collectReceivers(s stage.MediaSample, gauge func(*prometheus.Desc, float64, ...string)) {
	var loss statistics
	bitrate := map[string]float64{} // by subscriber
	for _, r := range s.Receivers {
		for _, u := range r.Subscriptions {
			loss.add(100 * u.Loss)
			bitrate[r.ParticipantID] += float64(u.Bitrate)
		}
	}
	var bits statistics
	for _, b := range bitrate {
		bits.add(b)
	}
	for d, values := range map[*prometheus.Desc]statistics{m.downloadPacketLoss: loss, m.subscribeBitrate: bits} {
		if values.n > 0 {
			gauge(d, values.sum/float64(values.n), s.StageID, "average")
			gauge(d, values.max, s.StageID, "maximum")
			gauge(d, values.min, s.StageID, "minimum")
		}
	}
}

// statistics sums up values.
type statistics struct {
	n             int
	sum, min, max float64
}

func (s *statistics) add(v float64) {
	if s.n == 0 {
		s.min, s.max = v, v
	}
	s.n++
	s.sum += v
	s.min, s.max = min(s.min, v), max(s.max, v)
}
