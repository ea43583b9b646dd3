package admin

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rostrum/internal/media"
	"rostrum/internal/stage"
)

// sampleEvery is how often the media of live stages are sampled.
const sampleEvery = 10 * time.Second

// Realtime is what the managed service shows in CloudWatch under
// AWS/IVSRealTime (Real-Time User Guide, Monitoring), in the form of Prometheus:
// its names in snake case with the prefix ivs_realtime_, its dimensions as
// labels, its statistics Average, Maximum and Minimum as the label statistic.
//
// Its labels are bounded by what is live. DroppedFrames, and the dimensions of
// client platform and country, are known to clients alone and not here.
type Realtime struct {
	counts func() []stage.Counts
	ask    func() []stage.MediaSample
	latest atomic.Pointer[[]stage.MediaSample]

	concurrentPublishers, concurrentSubscriptions, publishers, subscribers *prometheus.Desc
	downloadPacketLoss, subscribeBitrate                                   *prometheus.Desc
	publishBitrate, publishFramerate, publishResolution                    *prometheus.Desc
}

// NewRealtime makes metrics of what the live stages count, and of samples of
// their media that Run takes.
func NewRealtime(counts func() []stage.Counts, ask func() []stage.MediaSample) *Realtime {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("ivs_realtime_"+name, help, labels, nil)
	}
	layer := []string{"stage", "participant", "simulcast_layer", "media_type"}
	return &Realtime{
		counts: counts, ask: ask,
		concurrentPublishers:    desc("concurrent_publishers", "Publishers on all stages of this node."),
		concurrentSubscriptions: desc("concurrent_subscriptions", "Connections from a publisher to a subscriber on all stages of this node."),
		publishers:              desc("publishers", "Publishers on the stage.", "stage"),
		subscribers:             desc("subscribers", "Subscribers on the stage; who also publishes counts in both.", "stage"),
		downloadPacketLoss:      desc("download_packet_loss_percent", "Packets lost on the way to subscribers, percent, over the connections of the stage.", "stage", "statistic"),
		subscribeBitrate:        desc("subscribe_bitrate", "Audio and video that a subscriber is sent, bits a second, over the subscribers of the stage.", "stage", "statistic"),
		publishBitrate:          desc("publish_bitrate", "What a participant sends, bits a second, by layer.", layer...),
		publishFramerate:        desc("publish_framerate", "Pictures a second that a participant sends, by layer.", layer...),
		publishResolution:       desc("publish_resolution", "The smaller side of the picture in pixels, by layer.", layer...),
	}
}

// Run samples until the context ends.
func (m *Realtime) Run(ctx context.Context) error {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for {
		samples := m.ask()
		m.latest.Store(&samples)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Describe names the metrics.
func (m *Realtime) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		m.concurrentPublishers, m.concurrentSubscriptions, m.publishers, m.subscribers,
		m.downloadPacketLoss, m.subscribeBitrate, m.publishBitrate, m.publishFramerate, m.publishResolution,
	} {
		to <- d
	}
}

// Collect shows what is counted now and was sampled last.
func (m *Realtime) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
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
	if latest := m.latest.Load(); latest != nil {
		for _, s := range *latest {
			if live[s.StageID] {
				connections += len(s.Receivers)
				m.collectPublishers(s, gauge)
				m.collectReceivers(s, gauge)
			}
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
					label = "none" // as the service says it
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
	var loss spread
	bitrate := map[string]float64{} // by subscriber, of all it receives
	for _, r := range s.Receivers {
		for _, u := range r.Subscriptions {
			loss.add(100 * u.Loss)
			bitrate[r.ParticipantID] += float64(u.Bitrate)
		}
	}
	var bits spread
	for _, b := range bitrate {
		bits.add(b)
	}
	for d, values := range map[*prometheus.Desc]spread{m.downloadPacketLoss: loss, m.subscribeBitrate: bits} {
		if values.n > 0 {
			gauge(d, values.sum/float64(values.n), s.StageID, "average")
			gauge(d, values.greatest, s.StageID, "maximum")
			gauge(d, values.least, s.StageID, "minimum")
		}
	}
}

// A spread is what is told of many values.
type spread struct {
	n                    int
	sum, least, greatest float64
}

func (s *spread) add(v float64) {
	if s.n == 0 {
		s.least, s.greatest = v, v
	}
	s.n++
	s.sum += v
	s.least, s.greatest = min(s.least, v), max(s.greatest, v)
}
