package quality

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"rostrum/internal/stage"
	"rostrum/internal/wire"
)

// Bob's picture froze for four seconds, of which his client could tell only afterwards.
func TestTimeline_NamesWhyThePictureFroze(t *testing.T) {
	h := openHistory(t)
	bob, now := alice, time.Now().Truncate(time.Minute).Add(-5*time.Minute)
	bob.ParticipantID = "bob"
	h.Record(bob, stage.Change{At: now, Kind: stage.ChangeLayer, PublisherID: "alice", Detail: "hi"})
	h.report(bob, wire.Quality{Received: &wire.MediaQuality{Bitrate: 1e6, FrameRate: 30}}, now.Add(2*time.Second))
	h.report(bob, wire.Quality{Received: &wire.MediaQuality{Loss: 0.7, Freezes: 1, Frozen: 4000}}, now.Add(62*time.Second))
	h.Record(bob, stage.Change{At: now.Add(63 * time.Second), Kind: stage.ChangeReconnected, PublisherID: "alice", Detail: "an ICE restart"})
	check := func(when string) {
		t.Helper()
		a, err := h.Read(t.Context(), bob, Query{now.Add(-time.Minute), now.Add(3 * time.Minute)})
		if err != nil || len(a.Timeline) != 3 {
			t.Fatalf("%s: expected three entries, got %+v, %v", when, a, err)
		}
		layer, froze, back := a.Timeline[0], a.Timeline[1], a.Timeline[2]
		if layer.Text != "The layer hi flows" || layer.PublisherID != "alice" || layer.Cause != nil || back.Text != "Reconnected by an ICE restart" {
			t.Errorf("%s: got %+v and %+v", when, layer, back)
		}
		if froze.Text != "The video froze for 4.0 s" || !froze.At.Equal(now.Add(58*time.Second)) || froze.Cause == nil || froze.Cause.Code != ReceiveLoss {
			t.Errorf("%s: expected the freeze of 4 s by lost packets, got %+v, %+v", when, froze, froze.Cause)
		}
	}
	check("in memory")
	h.flush(t.Context(), now.Add(70*time.Second))
	check("with one minute stored")
	h.flush(t.Context(), now.Add(5*time.Minute))
	check("stored")
	if err := h.joinHours(t.Context(), now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	check("joined")
}

// What began in a minute that is stored does not replace it.
func TestTimeline_LateFreezeKeepsTheMinuteBefore(t *testing.T) {
	h, now := openHistory(t), time.Now().Truncate(time.Minute).Add(-5*time.Minute)
	report := func(at time.Time, frozen float64) {
		h.report(alice, wire.Quality{Received: &wire.MediaQuality{Bitrate: 1e6, Frozen: frozen}}, at)
		h.flush(t.Context(), at)
	}
	report(now.Add(30*time.Second), 0)
	report(now.Add(80*time.Second), 50_000)
	h.flush(t.Context(), now.Add(4*time.Minute))
	a, err := h.Read(t.Context(), alice, Query{now, now.Add(3 * time.Minute)})
	if err != nil || len(a.Received) != 2 || len(a.Timeline) != 1 {
		t.Errorf("expected two samples and a freeze, got %+v, %v", a, err)
	}
}

func TestTimeline_IsBounded(t *testing.T) {
	h, now := openHistory(t), time.Now().Truncate(time.Hour).Add(-2*time.Hour)
	for i := range 3600 { // ten changes a second
		at := now.Add(time.Duration(i) * 100 * time.Millisecond)
		h.Record(alice, stage.Change{At: at, Kind: stage.ChangeLayer, PublisherID: "bob", Detail: fmt.Sprint(i % 3)})
		if n := len(h.live(alice).Timeline); n > 3*maxMinuteEntries {
			t.Fatalf("%d entries in memory", n)
		}
		h.flush(t.Context(), at)
	}
	h.flush(t.Context(), now.Add(time.Hour))
	if err := h.joinHours(t.Context(), now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	a, err := h.Read(t.Context(), alice, Query{now, now.Add(time.Hour)})
	if err != nil || len(a.Timeline) == 0 || len(a.Timeline) > maxHourEntries {
		t.Errorf("expected up to %d entries, got %d, %v", maxHourEntries, len(a.Timeline), err)
	}
}

// Congestion switches the layers of many publishers before the picture freezes.
func TestTimeline_KeepsAFreezeAfterManyLayers(t *testing.T) {
	h, now := openHistory(t), time.Now().Truncate(time.Minute).Add(-5*time.Minute)
	for n := range 2 * maxMinuteEntries {
		h.Record(alice, stage.Change{At: now.Add(time.Duration(n) * time.Millisecond), Kind: stage.ChangeLayer, PublisherID: fmt.Sprint(n), Detail: "low"})
	}
	h.report(alice, wire.Quality{Received: &wire.MediaQuality{Loss: 0.5, Frozen: 4000}}, now.Add(10*time.Second))
	h.Record(alice, stage.Change{At: now.Add(20 * time.Second), Kind: stage.ChangeLost})
	a, err := h.Read(t.Context(), alice, Query{now.Add(-time.Minute), now.Add(time.Minute)})
	kinds := map[string]int{}
	for _, e := range a.Timeline {
		kinds[string(e.Kind)]++
	}
	if err != nil || len(a.Timeline) != maxMinuteEntries || kinds[string(stage.ChangeLost)] != 1 || kinds[string(stage.ChangeLayer)] != maxMinuteEntries-2 {
		t.Errorf("the timeline has %v, %v", kinds, err)
	}
}

func TestTimeline_AWaitThatGoesOnIsOneEntry(t *testing.T) {
	b, now := &buffer{}, time.Unix(1_800_000_000, 0).UTC()
	for i := 1; i <= 4; i++ {
		b.addFreeze(entryKeyframeWait, 5000, now.Add(time.Duration(i)*interval))
	}
	if len(b.Timeline) != 1 || b.Timeline[0].Duration != 20_000 || !b.Timeline[0].At.Equal(now) {
		t.Errorf("expected one wait of 20 s, got %+v", b.Timeline)
	}
}

func TestUnpack_ReadsBlocksOfTheVersionBefore(t *testing.T) {
	sent := minute(func(s *Sample) { s.Loss = 30 }, 4)
	block := Block{Sent: sent, Details: Details{Device: "Linux"}}
	data := pack(&block)
	// Version 1 has the same columns but the last one, which a direction without samples lacks anyway.
	old := append([]byte{1}, data[1:]...)
	last := appendColumn(nil, sent, func(*Sample) int64 { return 0 })
	details, _ := json.Marshal(block.Details)
	end := len(old) - len(details) - 1 - len(last) // before the number of received samples
	old = append(append(old[:end:end], 0), details...)
	got, err := unpack(old)
	if err != nil || len(got.Sent) != len(sent) || got.Sent[11] != func() Sample { s := sent[11]; s.At = s.At.UTC(); return s }() || got.Details.Device != "Linux" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestStallMeter_CountsLateTicks(t *testing.T) {
	var m stallMeter
	for _, passed := range []time.Duration{stallTick, stallTick + minStall, stallTick + 3*time.Second} {
		m.add(passed)
	}
	if got := m.take(); got != 3*time.Second || m.take() != 0 {
		t.Errorf("expected 3 s, got %v", got)
	}
}
