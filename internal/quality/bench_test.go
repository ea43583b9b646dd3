package quality

import (
	"fmt"
	"testing"
	"time"

	"rostrum/internal/media"
	"rostrum/internal/sfu"
	"rostrum/internal/stage"
	"rostrum/internal/store"
	"rostrum/internal/wire"
)

// BenchmarkHistory_AnHourOfAThousandParticipants is what 1,000 participants cost who all
// report, 100 of whom publish: an hour of samples, stored and joined, as CPU seconds an hour
// and bytes of rows a day.
func BenchmarkHistory_AnHourOfAThousandParticipants(b *testing.B) {
	for range b.N {
		h := openHistory(b)
		begin := time.Now().Add(-3 * time.Hour).Truncate(time.Hour)
		n := 0
		s := sampler{history: h, from: Sources{func() []stage.MediaSample { n++; return thousand(n) }, func() Load { return Load{} }}}
		for at := begin; at.Before(begin.Add(time.Hour)); at = at.Add(interval) {
			s.sample(at)
			for i := range 1000 {
				h.report(stage.Reporter{SessionID: "st-abcdefABCDEFG", ParticipantID: fmt.Sprintf("participant-%d", i)}, wire.Quality{Received: &wire.MediaQuality{
					Bitrate: 1.4e6 + float64((n*7919+i*31)%90_000), Jitter: float64((n + i) % 5), FrameRate: 30, Height: 720,
				}}, at)
			}
			h.flush(b.Context(), at)
		}
		h.flush(b.Context(), begin.Add(2*time.Hour))
		if err := h.joinHours(b.Context(), begin.Add(2*time.Hour)); err != nil {
			b.Fatal(err)
		}
		size, rows := 0, 0
		for i := range 1000 {
			err := h.store.Read(b.Context(), func(tx *store.Tx) error {
				all, err := tx.Quality("st-abcdefABCDEFG", fmt.Sprintf("participant-%d", i), begin, begin.Add(time.Hour))
				for _, r := range all {
					rows++
					size += len(r.Data) + 150 // with what a row takes beside its data
				}
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/hour")
		b.ReportMetric(float64(24*size), "B/day")
		b.ReportMetric(float64(24*rows), "rows/day")
	}
}

// thousand are the figures of 1,000 participants, with noise.
func thousand(n int) []stage.MediaSample {
	m := stage.MediaSample{SessionID: "st-abcdefABCDEFG"}
	for i := range 1000 {
		id, noise := fmt.Sprintf("participant-%d", i), (n*104_729+i*613)%100_000
		transport := sfu.TransportStats{RoundTrip: time.Duration(30+noise%7) * time.Millisecond}
		if i < 100 {
			m.Publishers = append(m.Publishers, stage.PublisherSample{ParticipantID: id, PublisherStats: sfu.PublisherStats{Transport: transport, Tracks: []sfu.TrackStats{{Kind: media.Video, Layers: []sfu.LayerStats{
				{LayerInfo: sfu.LayerInfo{Label: "hi", Height: 720, Bitrate: 1_500_000 + noise, FPS: 30, Active: true}, Packets: uint64(n * 1000)},
				{LayerInfo: sfu.LayerInfo{Label: "low", Height: 180, Bitrate: 150_000 + noise/10, FPS: 15, Active: true}, Packets: uint64(n * 200)},
			}}}}})
		}
		for k := range 2 {
			m.Receivers = append(m.Receivers, stage.ReceiverSample{ParticipantID: id, PublisherID: fmt.Sprintf("participant-%d", (i+k+1)%100), SubscriberStats: sfu.SubscriberStats{
				Transport: transport, Estimate: 4_000_000 + 5*noise, Subscriptions: []sfu.SubscriptionStats{{Kind: media.Video, Target: "hi", Current: "hi", Bitrate: 1_500_000 + noise}},
			}})
		}
	}
	return []stage.MediaSample{m}
}
