//go:build unix

package quality

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rostrum/internal/media"
	"rostrum/internal/sfu"
	"rostrum/internal/stage"
	"rostrum/internal/store"
	"rostrum/internal/wire"
)

// What the history may cost of 1,000 participants.
const (
	maxCPU      = 0.02       // of a core
	maxDayBytes = 50_000_000 // of rows after a day, with what they take beside their data
	fullHours   = 2          // that are kept in full, at most: an hour of age, and what is not joined yet
)

// BenchmarkHistory_AnHourOfAThousandParticipants is what 1,000 participants cost who all
// report, 100 of whom publish: the processor time of an hour of samples, stored and joined, and
// the bytes of rows: of a day, and of the hours that are kept in full beside it.
func BenchmarkHistory_AnHourOfAThousandParticipants(b *testing.B) {
	for range b.N {
		c := costOf(b, 1000)
		b.ReportMetric(c.cpu.Seconds(), "cpu-s/hour")
		b.ReportMetric(float64(c.dayBytes), "B/day")
		b.ReportMetric(float64(fullHours*c.hourBytes), "B/full")
		if share := c.cpu.Seconds() / 3600; share > maxCPU {
			b.Errorf("the history takes %.2f %% of a core, more than %.0f %%", 100*share, 100*maxCPU)
		}
	}
}

// TestHistory_TakesLittleSpace measures a hundred of a thousand participants: rows do not depend
// on each other.
func TestHistory_TakesLittleSpace(t *testing.T) {
	c := costOf(t, 100)
	day, full := 10*c.dayBytes, 10*fullHours*c.hourBytes
	t.Logf("1,000 participants: %d bytes a day, and %d bytes in full", day, full)
	if day+full > maxDayBytes {
		t.Errorf("expected at most %d bytes after a day, got %d and %d", maxDayBytes, day, full)
	}
}

// A cost is that of an hour.
type cost struct {
	cpu       time.Duration // of the process
	hourBytes int           // of its rows in full
	dayBytes  int           // of 24 such hours, joined
}

func costOf(t testing.TB, participants int) (c cost) {
	h := openHistory(t)
	begin := time.Now().Add(-3 * time.Hour).Truncate(time.Hour)
	n := 0
	s := sampler{history: h, from: Sources{func() []stage.MediaSample { n++; return someMedia(n, participants) }, func() Load { return Load{} }}}
	used := cpuTime(t)
	for at := begin; at.Before(begin.Add(time.Hour)); at = at.Add(interval) {
		s.sample(at)
		for i := range participants {
			h.report(stage.Reporter{SessionID: "st-abcdefABCDEFG", ParticipantID: fmt.Sprintf("participant-%d", i)}, wire.Quality{Received: &wire.MediaQuality{
				Bitrate: 1.4e6 + float64((n*7919+i*31)%90_000), Jitter: float64((n + i) % 5), FrameRate: 30, Height: 720,
			}}, at)
		}
		h.flush(t.Context(), at)
	}
	h.flush(t.Context(), begin.Add(2*time.Hour))
	c.hourBytes = rowBytes(t, h, participants, begin)
	if err := h.joinHours(t.Context(), begin.Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	c.cpu = cpuTime(t) - used
	c.dayBytes = 24 * rowBytes(t, h, participants, begin)
	return c
}

// rowBytes is what the rows of an hour take.
func rowBytes(t testing.TB, h *History, participants int, begin time.Time) (size int) {
	for i := range participants {
		err := h.store.Read(t.Context(), func(tx *store.Tx) error {
			all, err := tx.Quality("st-abcdefABCDEFG", fmt.Sprintf("participant-%d", i), begin, begin.Add(time.Hour))
			for _, r := range all {
				size += len(r.Data) + 150 // with what a row takes beside its data
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return size
}

// cpuTime is what the process has used of processors.
func cpuTime(t testing.TB) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// someMedia are the figures of participants, a tenth of whom publish, with noise.
func someMedia(n, participants int) []stage.MediaSample {
	m := stage.MediaSample{SessionID: "st-abcdefABCDEFG"}
	for i := range participants {
		id, noise := fmt.Sprintf("participant-%d", i), (n*104_729+i*613)%100_000
		transport := sfu.TransportStats{RoundTrip: time.Duration(30+noise%7) * time.Millisecond}
		if i < participants/10 {
			m.Publishers = append(m.Publishers, stage.PublisherSample{ParticipantID: id, PublisherStats: sfu.PublisherStats{Transport: transport, Tracks: []sfu.TrackStats{{Kind: media.Video, Layers: []sfu.LayerStats{
				{LayerInfo: sfu.LayerInfo{Label: "hi", Height: 720, Bitrate: 1_500_000 + noise, FPS: 30, Active: true}, Packets: uint64(n * 1000)},
				{LayerInfo: sfu.LayerInfo{Label: "low", Height: 180, Bitrate: 150_000 + noise/10, FPS: 15, Active: true}, Packets: uint64(n * 200)},
			}}}}})
		}
		for k := range 2 {
			m.Receivers = append(m.Receivers, stage.ReceiverSample{ParticipantID: id, PublisherID: fmt.Sprintf("participant-%d", (i+k+1)%(participants/10)), SubscriberStats: sfu.SubscriberStats{
				Transport: transport, Estimate: 4_000_000 + 5*noise, Subscriptions: []sfu.SubscriptionStats{{Kind: media.Video, Target: "hi", Current: "hi", Bitrate: 1_500_000 + noise}},
			}})
		}
	}
	return []stage.MediaSample{m}
}
