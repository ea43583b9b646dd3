package bandwidth

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// The path tests close the control loop around a simulated path: viewers of simulcast
// publishers with frames of real sizes, a bottleneck with a tail-drop queue, and what the sfu
// package does with estimate, probes and pacing. Time advances in steps of one millisecond.

const (
	packetSize       = 1200
	audioSize        = 160
	audioBitrate     = audioSize * 8 * 50
	frameInterval    = 33 * time.Millisecond
	keyframeInterval = 60 // frames
	bestLayer        = 2

	never = time.Duration(1 << 62)
)

// bottleneck is the path that all viewers share.
type bottleneck struct {
	bitrate    float64       // 0 for no limit
	maxQueue   time.Duration // default 300 ms
	latency    time.Duration
	jitter     time.Duration // up to, uniform
	loss       float64
	reportLoss float64 // share of the viewers' reports that are lost
	freeAt     time.Duration
	random     *rand.Rand
}

func (b *bottleneck) send(now time.Duration, size int) (arrived time.Duration, lost bool) {
	at := now + b.latency + time.Duration(b.random.Int64N(int64(b.jitter)+1))
	if b.random.Float64() < b.loss {
		return 0, true
	}
	if b.bitrate > 0 {
		start := max(now, b.freeAt)
		if start-now > b.maxQueue {
			return 0, true
		}
		b.freeAt = start + time.Duration(float64(size)*8*1e9/b.bitrate)
		at += b.freeAt - now
	}
	return at, false
}

// stream is one publisher's simulcast video on its way to one viewer.
type stream struct {
	layers     []int
	keyRatio   float64 // size of a keyframe, in frames
	priority   int
	current    int // layer that flows
	target     int
	targetSet  time.Duration // when target changed
	frames     int
	backlog    []int // sizes of packets that wait for the pacer
	delays     DelayTracker
	acks       []pendingAck
	reportLost bool
	backoff    UpgradeBackoff
	pacer      Pacer
	probe      probe
	stats      streamStats
}

type probe struct {
	until   time.Duration
	cluster uint32
	bitrate int
	bytes   int64
}

type streamStats struct {
	switches  int
	belowBest time.Duration
	paused    time.Duration
}

type pendingAck struct {
	ack     Ack
	arrived time.Duration
}

func (s *stream) frameSize() int {
	if s.current == NoLayer {
		return 0
	}
	average := float64(s.layers[s.current]) / 8 * frameInterval.Seconds()
	size := average * keyframeInterval / (keyframeInterval - 1 + s.keyRatio)
	if s.frames%keyframeInterval == 0 {
		size *= s.keyRatio
	}
	return int(size)
}

// switchLayer enters the target layer, 120 ms after it was set, when its keyframe has come.
func (s *stream) switchLayer(now time.Duration) {
	if s.current != s.target && now-s.targetSet > 120*time.Millisecond {
		s.current, s.frames, s.backlog = s.target, 0, nil
		s.stats.switches++
	}
	if s.current < s.target && s.current == NoLayer || s.target == NoLayer {
		s.current, s.frames = s.target, 0
	}
}

// viewer is one viewer with all streams that it receives.
type viewer struct {
	estimator Estimator
	prober    Prober
	streams   []*stream
	needed    int

	audioPackets, audioLost int
}

func newViewer(publishers int, keyRatio float64) *viewer {
	v := &viewer{}
	for i := range publishers {
		v.streams = append(v.streams, &stream{layers: []int{200_000, 700_000, 1_700_000}, keyRatio: keyRatio, priority: publishers - i})
	}
	return v
}

func (v *viewer) send(b *bottleneck, s *stream, now time.Duration, size int) {
	arrived, lost := b.send(now, size+28)
	ack := Ack{Sent: now, Arrived: arrived + 1000*time.Second, Size: size, Lost: lost}
	if now < s.probe.until {
		ack.Cluster = s.probe.cluster
		s.probe.bytes += int64(size)
	}
	if lost {
		arrived = now + 150*time.Millisecond // when later packets show the loss
	}
	s.acks = append(s.acks, pendingAck{ack, arrived})
	if size == audioSize {
		v.audioPackets++
		if lost {
			v.audioLost++
		}
	}
}

func (v *viewer) step(b *bottleneck, now time.Duration) {
	for _, s := range v.streams {
		v.stepStream(b, s, now)
	}
	first := v.streams[0]
	if now%(100*time.Millisecond) == 0 && now >= first.probe.until {
		if bitrate, ok := v.prober.Next(now, &v.estimator, v.needed); ok {
			first.probe = probe{until: now + ProbeDuration, cluster: first.probe.cluster + 1, bitrate: bitrate}
		}
	}
	if now%(200*time.Millisecond) == 0 {
		v.allocate(now)
	}
}

func (v *viewer) stepStream(b *bottleneck, s *stream, now time.Duration) {
	average := 0
	if s.target != NoLayer {
		average = s.layers[s.target]
	}
	if now%(20*time.Millisecond) == 0 {
		v.send(b, s, now, audioSize)
	}
	s.switchLayer(now)
	if now%frameInterval < time.Millisecond {
		for left := s.frameSize(); left > 0; left -= packetSize {
			s.backlog = append(s.backlog, min(left, packetSize))
		}
		s.frames++
	}
	for len(s.backlog) > 0 && s.pacer.Allow(now, PacingBitrate(&v.estimator, average), s.backlog[0]) {
		v.send(b, s, now, s.backlog[0])
		s.backlog = s.backlog[1:]
	}
	for now < s.probe.until && s.probe.bytes*8*1000 < int64(s.probe.bitrate)*(ProbeDuration-(s.probe.until-now)).Milliseconds() {
		v.send(b, s, now, 315)
	}
	if now%(50*time.Millisecond) == 0 {
		v.report(b, s, now)
	}
	if s.current < len(s.layers)-1 {
		s.stats.belowBest += time.Millisecond
	}
	if s.current == NoLayer {
		s.stats.paused += time.Millisecond
	}
}

// report passes to the estimator what the receiver has reported by now.
func (v *viewer) report(b *bottleneck, s *stream, now time.Duration) {
	var ready []Ack
	keep := s.acks[:0]
	for _, p := range s.acks {
		if p.arrived+b.latency < now {
			ready = append(ready, p.ack)
		} else {
			keep = append(keep, p)
		}
	}
	s.acks = keep
	if b.reportLoss > 0 && b.random.Float64() < b.reportLoss {
		s.reportLost = true
		return
	}
	if i := slices.IndexFunc(ready, func(a Ack) bool { return !a.Lost }); s.reportLost && i >= 0 {
		v.estimator.ReportLost(&s.delays, ready[i])
		s.reportLost = false
	}
	v.estimator.AddFeedback(now, &s.delays, ready)
}

func (v *viewer) allocate(now time.Duration) {
	bitrate, known := v.estimator.Bitrate()
	if !known {
		return
	}
	var requests []Request
	for _, s := range v.streams {
		bitrate -= audioBitrate
		requests = append(requests, Request{Priority: s.priority, Bitrates: s.layers, MaxLayer: s.backoff.CapLayer(now, len(s.layers)-1), Current: s.target})
	}
	layers, needed := Allocate(bitrate, requests)
	for i, s := range v.streams {
		if layers[i] != s.target {
			s.backoff.RecordChange(now, s.target, layers[i])
			s.target, s.targetSet = layers[i], now
		}
	}
	if v.needed = needed; needed > 0 {
		v.needed += audioBitrate * len(v.streams)
	}
}

// simulation runs viewers over a bottleneck.
type simulation struct {
	path    *bottleneck
	viewers []*viewer
	now     time.Duration
}

func newSimulation(b bottleneck, viewers ...*viewer) *simulation {
	b.random = rand.New(rand.NewPCG(1, 2))
	if b.maxQueue == 0 {
		b.maxQueue = 300 * time.Millisecond
	}
	return &simulation{&b, viewers, time.Second}
}

// first is the first stream of the first viewer.
func (w *simulation) first() *stream { return w.viewers[0].streams[0] }

// run advances the time and calls watch, if it is not nil, every millisecond.
func (w *simulation) run(seconds float64, watch func()) {
	for end := w.now + time.Duration(seconds*1e9); w.now < end; w.now += time.Millisecond {
		for _, v := range w.viewers {
			v.step(w.path, w.now)
		}
		if watch != nil {
			watch()
		}
	}
}

// await runs until the condition holds and returns how long that took, never if it took
// longer than the limit. It runs until the limit in any case.
func (w *simulation) await(seconds float64, holds func() bool) time.Duration {
	start, after := w.now, never
	w.run(seconds, func() {
		if after == never && holds() {
			after = w.now - start
		}
	})
	return after
}

// timeToDowngrade returns after which time the first stream is at a layer or below, which must
// be within two seconds.
func (w *simulation) timeToDowngrade(t *testing.T, layer int) time.Duration {
	t.Helper()
	after := w.await(4, func() bool { return w.first().current <= layer })
	if after > 2*time.Second {
		t.Errorf("the downgrade took %v, want 2 s:%v", after, w)
	}
	return after
}

func (w *simulation) resetStats() {
	for _, v := range w.viewers {
		v.audioPackets, v.audioLost = 0, 0
		for _, s := range v.streams {
			s.stats = streamStats{}
		}
	}
}

func (w *simulation) String() (text string) {
	for i, v := range w.viewers {
		estimate, _ := v.estimator.Bitrate()
		text += fmt.Sprintf(" viewer %d: estimate %d, burst bitrate %d, audio lost %d of %d;", i, estimate, v.estimator.BurstBitrate(), v.audioLost, v.audioPackets)
		for j, s := range v.streams {
			text += fmt.Sprintf(" stream %d: layer %d, %d switches, %v below the best, %v paused;", j, s.current, s.stats.switches, s.stats.belowBest, s.stats.paused)
		}
	}
	return text
}
