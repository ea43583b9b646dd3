package bandwidth

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// The tests of this package close the loop around a simulated path: viewers of simulcast
// publishers whose pictures have real sizes, a bottleneck with a queue that drops its tail,
// and what the sfu does with estimate, trains and pacing. Time passes in steps of a
// millisecond.

const (
	millisecond      = time.Millisecond
	packetSize       = 1200
	audioSize        = 160
	frameInterval    = 33 * millisecond
	keyframeInterval = 60 // pictures
)

// bottleneck is what all viewers share.
type bottleneck struct {
	bitrate    float64       // 0 for no limit
	maxQueue   time.Duration // most waiting time
	latency    time.Duration
	jitter     time.Duration // up to, evenly
	loss       float64
	reportLoss float64 // share of the viewers' reports that get lost
	free       time.Duration
	random     *rand.Rand
}

func (b *bottleneck) send(now time.Duration, size int) (arrived time.Duration, lost bool) {
	at := now + b.latency + time.Duration(b.random.Int64N(int64(b.jitter)+1))
	if b.random.Float64() < b.loss {
		return 0, true
	}
	if b.bitrate > 0 {
		if start := max(now, b.free); start-now > b.maxQueue {
			return 0, true
		} else {
			b.free = start + time.Duration(float64(size)*8*1e9/b.bitrate)
		}
		at += b.free - now
	}
	return at, false
}

// simulcast is one publisher's picture as one viewer gets it.
type simulcast struct {
	delays       DelayTracker
	layers       []int
	keyRatio     float64 // size of a keyframe in pictures
	priority     int
	current      int // layer that flows, and
	target       int // that is wished for
	since        time.Duration
	backlog      []int // sizes that wait for the pacer
	acks         []pending
	missed       bool          // a report was lost
	probeUntil   time.Duration // until then packets belong to one
	cluster      uint32
	probeBitrate int
	probeBytes   int64 // bytes within the train
	backoff      UpgradeBackoff
	pacer        Pacer
	switches     int
	frames       int
	below        time.Duration // time spent below the best layer
	paused       time.Duration
}

type pending struct {
	ack Ack
	at  time.Duration // of arrival
}

// audience is a viewer with all it watches.
type viewer struct {
	estimator    Estimator
	prober       Prober
	streams      []*simulcast
	need         int
	audioPackets int // packets sent, and
	audioLost    int // lost
}

func (a *viewer) packet(w *bottleneck, s *simulcast, now time.Duration, size int) {
	at, lost := w.send(now, size+28)
	ack := Ack{Sent: now, Arrived: at + 1e12, Size: size, Lost: lost}
	if now < s.probeUntil {
		ack.Cluster = s.cluster
		s.probeBytes += int64(size)
	}
	if lost {
		at = now + 150*millisecond // known by what came after it
	}
	s.acks = append(s.acks, pending{ack, at})
	if size == audioSize {
		a.audioPackets++
		if lost {
			a.audioLost++
		}
	}
}

func (s *simulcast) size() int {
	if s.current == NoLayer {
		return 0
	}
	unit := float64(s.layers[s.current]) / 8 / 1000 * float64(frameInterval) / 1e6 * keyframeInterval / (keyframeInterval - 1 + s.keyRatio)
	if s.frames%keyframeInterval == 0 {
		unit *= s.keyRatio
	}
	return int(unit)
}

func (a *viewer) step(w *bottleneck, now time.Duration) {
	for _, s := range a.streams {
		flow := 0
		if s.target != NoLayer {
			flow = s.layers[s.target]
		}
		if now%(20*millisecond) == 0 {
			a.packet(w, s, now, audioSize)
		}
		if s.current != s.target && now-s.since > 120*millisecond { // its keyframe has come
			s.current, s.frames, s.backlog = s.target, 0, nil
			s.switches++
		}
		if s.current < s.target && s.current == NoLayer || s.target == NoLayer {
			s.current = s.target
			s.frames = 0
		}
		if now%frameInterval < millisecond {
			for left := s.size(); left > 0; left -= packetSize {
				s.backlog = append(s.backlog, min(left, packetSize))
			}
			s.frames++
		}
		for len(s.backlog) > 0 && s.pacer.Allow(now, PacingBitrate(&a.estimator, flow), s.backlog[0]) {
			a.packet(w, s, now, s.backlog[0])
			s.backlog = s.backlog[1:]
		}
		for now < s.probeUntil && s.probeBytes*8*1000 < int64(s.probeBitrate)*(ProbeDuration-(s.probeUntil-now)).Milliseconds() {
			a.packet(w, s, now, 315)
		}
		if now%(50*millisecond) == 0 {
			a.report(w, s, now)
		}
		if s.current < len(s.layers)-1 {
			s.below += millisecond
		}
		if s.current == NoLayer {
			s.paused += millisecond
		}
	}
	if now%(100*millisecond) == 0 && now >= a.streams[0].probeUntil {
		if bps, ok := a.prober.Next(now, &a.estimator, a.need); ok {
			s := a.streams[0]
			s.probeUntil, s.probeBitrate, s.probeBytes = now+ProbeDuration, bps, 0
			s.cluster++
		}
	}
	if now%(200*millisecond) == 0 {
		a.allocate(now)
	}
}

// report gives the estimator what the receiver has told by now.
func (a *viewer) report(w *bottleneck, s *simulcast, now time.Duration) {
	var ready []Ack
	keep := s.acks[:0]
	for _, p := range s.acks {
		if p.at+w.latency < now {
			ready = append(ready, p.ack)
		} else {
			keep = append(keep, p)
		}
	}
	s.acks = keep
	if w.reportLoss > 0 && w.random.Float64() < w.reportLoss {
		s.missed = true
		return
	}
	if i := slices.IndexFunc(ready, func(k Ack) bool { return !k.Lost }); s.missed && i >= 0 {
		a.estimator.ReportLost(&s.delays, ready[i])
		s.missed = false
	}
	a.estimator.AddFeedback(now, &s.delays, ready)
}

func (a *viewer) allocate(now time.Duration) {
	rate, known := a.estimator.Bitrate()
	if !known {
		return
	}
	var requests []Request
	for _, s := range a.streams {
		rate -= audioSize * 8 * 50
		requests = append(requests, Request{Priority: s.priority, Bitrates: s.layers, MaxLayer: s.backoff.CapLayer(now, len(s.layers)-1), Current: s.target})
	}
	layers, need := Allocate(rate, requests)
	for i, s := range a.streams {
		if layers[i] != s.target {
			s.backoff.RecordChange(now, s.target, layers[i])
			s.target, s.since = layers[i], now
		}
	}
	if a.need = need; need > 0 {
		a.need += audioSize * 8 * 50 * len(a.streams)
	}
}

var tiers = []int{200_000, 700_000, 1_700_000}

func newViewer(publishers int, keyRatio float64) *viewer {
	a := &viewer{}
	for i := range publishers {
		a.streams = append(a.streams, &simulcast{layers: tiers, keyRatio: keyRatio, priority: publishers - i})
	}
	return a
}

// world runs viewers over a path.
type simulation struct {
	path *bottleneck
	all  []*viewer
	now  time.Duration
}

func newSimulation(b bottleneck, all ...*viewer) *simulation {
	b.random = rand.New(rand.NewPCG(1, 2))
	if b.maxQueue == 0 {
		b.maxQueue = 300 * millisecond
	}
	return &simulation{&b, all, second}
}

// run lets some time pass and calls watch, if it isn't nil, every millisecond.
func (w *simulation) run(seconds float64, watch func()) {
	for end := w.now + time.Duration(seconds*1e9); w.now < end; w.now += millisecond {
		for _, a := range w.all {
			a.step(w.path, w.now)
		}
		if watch != nil {
			watch()
		}
	}
}

// falls tells after which time the first picture of the first viewer is at a layer or below
// it, and has that be no more than two seconds.
func (w *simulation) timeToDowngrade(t *testing.T, layer int) (after time.Duration) {
	t.Helper()
	began, after, s := w.now, none, w.all[0].streams[0]
	w.run(4, func() {
		if after == none && s.current <= layer {
			after = w.now - began
		}
	})
	if after > 2*second {
		t.Errorf("the layer went down after %d ms, want 2 s:%v", after/millisecond, w)
	}
	return after
}

const none = time.Duration(1 << 62) // ns: never

// forget starts the counts anew.
func (w *simulation) resetCounters() {
	for _, a := range w.all {
		a.audioPackets, a.audioLost = 0, 0
		for _, s := range a.streams {
			s.switches, s.below, s.paused = 0, 0, 0
		}
	}
}

func (w *simulation) String() (text string) {
	for i, a := range w.all {
		rate, _ := a.estimator.Bitrate()
		text += fmt.Sprintf(" viewer %d: estimate %d, room %d, sound lost %d of %d;", i, rate, a.estimator.BurstBitrate(), a.audioLost, a.audioPackets)
		for j, s := range a.streams {
			text += fmt.Sprintf(" picture %d: layer %d, %d switches, %.1f s below the best, %.1f s paused;", j, s.current, s.switches, float64(s.below)/1e9, float64(s.paused)/1e9)
		}
	}
	return text
}
