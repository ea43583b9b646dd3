package quality

import (
	"context"
	"encoding/json"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"rostrum/internal/media"
	"rostrum/internal/sfu"
	"rostrum/internal/stage"
	"rostrum/internal/store"
	"rostrum/internal/wire"
)

func openHistory(t testing.TB) *History {
	s, err := store.Open(context.Background(), store.Config{Ephemeral: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return NewHistory(s, Config{Age: 7 * 24 * time.Hour, Log: slog.New(slog.DiscardHandler)})
}

var alice = stage.Reporter{StageARN: "arn:stage", SessionID: "st-1", ParticipantID: "alice"}

func TestPack_UnpacksToTheSame(t *testing.T) {
	start := time.Unix(1_800_000_000, 0).UTC()
	var block Block
	for i := range 60 {
		s := Sample{At: start.Add(time.Duration(i) * interval), Interval: 5, Bitrate: 1500 + i*i%70, RoundTrip: 40 + i%3, FrameRate: 30, Height: 720, Limits: Limits(i % 3)}
		block.Sent = append(block.Sent, s)
		s.Freezes, s.Frozen, s.Load = i/50, i*10, 0
		block.Received = append(block.Received, s)
	}
	block.Details = Details{Device: "Linux, 8 cores", SendCodec: "H264"}
	data := pack(&block)
	got, err := unpack(data)
	if err != nil || !reflect.DeepEqual(got, block) {
		t.Errorf("expected %+v, got %+v, %v", block, got, err)
	}
	for n := range data {
		if _, err := unpack(data[:n]); err == nil && n < len(data)-len(`{"device":"Linux, 8 cores","sendCodec":"H264"}`) {
			t.Errorf("expected an error of the first %d bytes", n)
		}
	}
}

func FuzzUnpack_BoundsWhatItReads(f *testing.F) {
	f.Add(pack(&Block{Sent: minute(func(s *Sample) { s.Loss = 3 }, 4)}))
	f.Add(pack(&Block{Timeline: []Entry{{At: time.Unix(0, 0), Kind: entryFreeze, Duration: 4000}}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		if b, err := unpack(data); err == nil && len(b.Sent)+len(b.Received) > 2*maxPacked {
			t.Errorf("got %d samples of %d bytes", len(b.Sent)+len(b.Received), len(data))
		}
	})
}

func TestReport_BoundsHostileValues(t *testing.T) {
	h, now := openHistory(t), time.Now()
	q := wire.Quality{Device: strings.Repeat("é<b>\x00", 10_000), Sent: &wire.MediaQuality{Bitrate: 1e300, Loss: -5, RoundTrip: 1e18, Path: strings.Repeat("p", 1000)}}
	h.report(alice, q, now)
	for i := range 1000 { // ignored: too soon
		h.report(alice, wire.Quality{Sent: &wire.MediaQuality{Loss: 1}}, now.Add(time.Duration(i)*time.Millisecond))
	}
	got := h.live(alice)
	want := Sample{At: now.Truncate(interval).Add(interval), Interval: 5, Bitrate: 1_000_000, RoundTrip: 60_000}
	if len(got.Sent) != 1 || got.Sent[0] != want {
		t.Errorf("expected %+v, got %+v", want, got.Sent)
	}
	if len(got.Details.Device) != maxDetail || strings.ContainsAny(got.Details.Device, "\x00é") || len(got.Details.SendPath) != maxDetail {
		t.Errorf("expected texts of %d bytes, got %+v", maxDetail, got.Details)
	}
}

// mediaSample is a stage where alice publishes and bob receives her.
func mediaSample(change func(p *sfu.PublisherStats, r *stage.ReceiverSample)) []stage.MediaSample {
	layer := func(label string, height int) sfu.LayerStats {
		return sfu.LayerStats{LayerInfo: sfu.LayerInfo{Label: label, Height: height, Bitrate: height * 2000, FPS: 29.97, Active: true}, Offered: true, Packets: 1000}
	}
	p := sfu.PublisherStats{Tracks: []sfu.TrackStats{{Kind: media.Video, Codec: media.H264, Layers: []sfu.LayerStats{layer("hi", 720), layer("low", 180)}}}}
	r := stage.ReceiverSample{ParticipantID: "bob", PublisherID: "alice", SubscriberStats: sfu.SubscriberStats{
		Estimate: 2_000_000, Subscriptions: []sfu.SubscriptionStats{{Kind: media.Video, Target: "hi", Current: "hi", Bitrate: 1_440_000}},
	}}
	change(&p, &r)
	return []stage.MediaSample{{StageARN: alice.StageARN, SessionID: alice.SessionID,
		Publishers: []stage.PublisherSample{{ParticipantID: "alice", PublisherStats: p}}, Receivers: []stage.ReceiverSample{r}}}
}

// What a publisher does not send is not kept from a viewer by its path.
func TestCollector_IgnoresLayersThatAreNotOffered(t *testing.T) {
	h, now := openHistory(t), time.Now().Add(-time.Minute).Truncate(interval)
	figures := mediaSample(func(p *sfu.PublisherStats, r *stage.ReceiverSample) {
		p.Tracks[0].Layers[0].Offered, p.Tracks[0].Layers[0].Active = false, false
		r.Subscriptions[0].Target, r.Subscriptions[0].Current = "low", "low"
	})
	s := sampler{history: h, from: Sources{func() []stage.MediaSample { return figures }, func() Load { return Load{} }}}
	s.sample(now)
	s.sample(now.Add(interval))
	bob := alice
	bob.ParticipantID = "bob"
	if got, err := h.Read(t.Context(), bob, Query{now, now.Add(time.Minute)}); err != nil || len(got.Received) == 0 || len(got.Causes) > 0 {
		t.Errorf("the causes are %+v, %v", got, err)
	}
}

func TestCollector_NamesTheCauseOfTheEnginesFigures(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(p *sfu.PublisherStats, r *stage.ReceiverSample)
		code   Code
	}{
		"uplink loss": {func(p *sfu.PublisherStats, r *stage.ReceiverSample) {
			p.Tracks[0].Layers[0].Packets, p.Tracks[0].Layers[0].Lost, p.Tracks[0].Layers[0].Repaired = 1880, 60, 60
			r.Subscriptions[0].KeyframeWait = 2 * time.Second
		}, SendLoss},
		"estimate": {func(_ *sfu.PublisherStats, r *stage.ReceiverSample) {
			r.Estimate, r.Subscriptions[0].Target, r.Subscriptions[0].Current, r.Subscriptions[0].Loss = 300_000, "low", "low", 0.05
		}, Estimate},
		"no layer fits": {func(_ *sfu.PublisherStats, r *stage.ReceiverSample) {
			r.Subscriptions[0].Paused, r.Subscriptions[0].Reason = true, sfu.PausedByBandwidth
		}, Estimate},
		"preferred layer": {func(_ *sfu.PublisherStats, r *stage.ReceiverSample) {
			u := &r.Subscriptions[0]
			u.Target, u.Current, u.Preferred = "low", "low", "low"
		}, LayerLimit},
		"keyframe": {func(_ *sfu.PublisherStats, r *stage.ReceiverSample) {
			r.Subscriptions[0].KeyframeWait = 3 * time.Second
		}, KeyframeWait},
		"codec":         {func(_ *sfu.PublisherStats, r *stage.ReceiverSample) { r.LacksCodec = true }, MissingCodec},
		"downlink loss": {func(_ *sfu.PublisherStats, r *stage.ReceiverSample) { r.Subscriptions[0].Loss = 0.1 }, ReceiveLoss},
	} {
		h, now := openHistory(t), time.Now().Add(-time.Minute).Truncate(interval)
		figures := mediaSample(func(*sfu.PublisherStats, *stage.ReceiverSample) {})
		s := sampler{history: h, from: Sources{func() []stage.MediaSample { return figures }, func() Load { return Load{} }}}
		s.sample(now)
		figures = mediaSample(tt.change)
		s.sample(now.Add(interval))
		bob := alice
		bob.ParticipantID = "bob"
		got, err := h.Read(t.Context(), bob, Query{now, now.Add(time.Minute)})
		if err != nil || len(got.Causes) == 0 || got.Causes[0].Code != tt.code {
			t.Errorf("%s: expected %s first, got %+v, %v", name, tt.code, got, err)
		}
	}
}

func TestSampler_NamesABusyServer(t *testing.T) {
	h, now := openHistory(t), time.Now().Add(-time.Minute).Truncate(interval)
	var load Load
	figures := mediaSample(func(*sfu.PublisherStats, *stage.ReceiverSample) {})
	s := sampler{history: h, from: Sources{func() []stage.MediaSample { return figures }, func() Load { return load }}}
	s.sample(now)
	load = Load{CPUSeconds: 1e6, Drops: 40}
	s.sample(now.Add(interval))
	got, err := h.Read(t.Context(), alice, Query{now, now.Add(time.Minute)})
	if err != nil || len(got.Causes) == 0 || got.Causes[0].Code != Node {
		t.Errorf("expected %s first, got %+v, %v", Node, got, err)
	}
}

func TestHistory_KeepsSamplesAtFallingResolution(t *testing.T) {
	h := openHistory(t)
	begin := time.Now().Add(-3 * time.Hour).Truncate(time.Hour)
	for at := begin; at.Before(begin.Add(30 * time.Minute)); at = at.Add(interval) {
		q := wire.Quality{Device: "Linux", Sent: &wire.MediaQuality{Bitrate: 1e6, FrameRate: 30}, Received: &wire.MediaQuality{Bitrate: 2e6, Freezes: 1, Frozen: 100}}
		h.report(alice, q, at)
		h.flush(t.Context(), at)
	}
	read := func() *Answer {
		a, err := h.Read(t.Context(), alice, Query{begin, begin.Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	frozen := func(a *Answer) (all int) {
		for _, s := range a.Received {
			all += s.Frozen
		}
		return all
	}
	if a := read(); len(a.Sent) != 360 || a.Details.Device != "Linux" || frozen(a) != 36_000 {
		t.Fatalf("expected 360 samples with 36 s of freezes, got %d with %d ms, %+v", len(a.Sent), frozen(a), a.Details)
	}
	h.flush(t.Context(), begin.Add(time.Hour))
	for _, before := range []time.Time{begin.Add(17 * time.Minute), begin.Add(time.Hour)} { // in two steps
		if err := h.joinHours(t.Context(), before); err != nil {
			t.Fatal(err)
		}
		if a := read(); frozen(a) != 36_000 || a.Details.Device != "Linux" {
			t.Errorf("expected the same 36 s of freezes, got %d ms, %+v", frozen(a), a.Details)
		}
	}
	a := read()
	if len(a.Sent) != 30 || a.Sent[3].Interval != 60 || a.Sent[3].Bitrate != 1000 || a.Received[3].Freezes != 12 {
		t.Errorf("expected 30 samples of a minute, got %d: %+v", len(a.Sent), a.Sent[min(3, len(a.Sent)-1)])
	}
	h.maintain(t.Context(), begin.Add(h.cfg.Age+2*time.Hour))
	if a := read(); len(a.Sent) != 0 {
		t.Errorf("expected nothing after %s, got %d samples", h.cfg.Age, len(a.Sent))
	}
}

func TestHistory_StoresTheRestWhenItEnds(t *testing.T) {
	h := openHistory(t)
	h.Report(alice, wire.Quality{Sent: &wire.MediaQuality{Bitrate: 1e6}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Run(ctx, Sources{}); err != nil {
		t.Fatal(err)
	}
	again := NewHistory(h.store, h.cfg)
	a, err := again.Read(t.Context(), alice, Query{})
	if err != nil || len(a.Sent) != 1 {
		t.Errorf("expected one sample, got %+v, %v", a, err)
	}
	text, err := json.Marshal(a)
	if err != nil || !strings.Contains(string(text), `"bitrateKbps":1000`) || !strings.Contains(string(text), `"causes":[]`) || !strings.Contains(string(text), `"received":[]`) {
		t.Errorf("got %s, %v", text, err)
	}
}
