package bandwidth

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// The tests of this package close the loop around a simulated path: viewers of simulcast
// publishers whose pictures have real sizes, a bottleneck with a queue that drops its tail,
// and what the sfu does with estimate, trains and pacing. Time passes in steps of a
// millisecond.

const (
	millisecond = int64(1e6)
	packetSize  = 1200
	soundSize   = 160
	picture     = 33 * millisecond
	keyEvery    = 60 // pictures
)

// bottleneck is what all viewers share.
type bottleneck struct {
	bps     float64 // 0 for no limit
	queue   int64   // most waiting time
	latency int64
	jitter  int64 // up to, evenly
	loss    float64
	unheard float64 // share of the viewers' reports that get lost
	free    int64
	random  *rand.Rand
}

func (b *bottleneck) send(now int64, size int) (arrived int64, lost bool) {
	at := now + b.latency + b.random.Int64N(b.jitter+1)
	if b.random.Float64() < b.loss {
		return 0, true
	}
	if b.bps > 0 {
		if start := max(now, b.free); start-now > b.queue {
			return 0, true
		} else {
			b.free = start + int64(float64(size)*8*1e9/b.bps)
		}
		at += b.free - now
	}
	return at, false
}

// simulcast is one publisher's picture as one viewer gets it.
type simulcast struct {
	delays   Delays
	layers   []int
	keyRatio float64 // size of a keyframe in pictures
	priority int
	now      int // layer that flows, and
	target   int // that is wished for
	since    int64
	backlog  []int // sizes that wait for the pacer
	acks     []pending
	missed   bool  // a report was lost
	train    int64 // until then packets belong to one
	trainID  uint32
	trainBPS int
	sent     int64 // bytes within the train
	patience Patience
	pacer    Pacer
	switches int
	frames   int
	below    int64 // time spent below the best layer
	paused   int64
}

type pending struct {
	ack Ack
	at  int64 // of arrival
}

// audience is a viewer with all it watches.
type audience struct {
	estimator Estimator
	prober    Prober
	watches   []*simulcast
	need      int
	sound     int // packets sent, and
	silent    int // lost
}

func (a *audience) packet(w *bottleneck, s *simulcast, now int64, size int) {
	at, lost := w.send(now, size+28)
	ack := Ack{Sent: now, Arrived: at + 1e12, Size: size, Lost: lost}
	if now < s.train {
		ack.Train = s.trainID
		s.sent += int64(size)
	}
	if lost {
		at = now + 150*millisecond // known by what came after it
	}
	s.acks = append(s.acks, pending{ack, at})
	if size == soundSize {
		a.sound++
		if lost {
			a.silent++
		}
	}
}

func (s *simulcast) size() int {
	if s.now == None {
		return 0
	}
	unit := float64(s.layers[s.now]) / 8 / 1000 * float64(picture) / 1e6 * keyEvery / (keyEvery - 1 + s.keyRatio)
	if s.frames%keyEvery == 0 {
		unit *= s.keyRatio
	}
	return int(unit)
}

func (a *audience) step(w *bottleneck, now int64) {
	for _, s := range a.watches {
		flow := 0
		if s.target != None {
			flow = s.layers[s.target]
		}
		if now%(20*millisecond) == 0 {
			a.packet(w, s, now, soundSize)
		}
		if s.now != s.target && now-s.since > 120*millisecond { // its keyframe has come
			s.now, s.frames, s.backlog = s.target, 0, nil
			s.switches++
		}
		if s.now < s.target && s.now == None || s.target == None {
			s.now = s.target
			s.frames = 0
		}
		if now%picture < millisecond {
			for left := s.size(); left > 0; left -= packetSize {
				s.backlog = append(s.backlog, min(left, packetSize))
			}
			s.frames++
		}
		for len(s.backlog) > 0 && s.pacer.Take(now, PaceRate(&a.estimator, flow), s.backlog[0]) {
			a.packet(w, s, now, s.backlog[0])
			s.backlog = s.backlog[1:]
		}
		for now < s.train && s.sent*8*1000 < int64(s.trainBPS)*(TrainSpan-(s.train-now))/millisecond {
			a.packet(w, s, now, 315)
		}
		if now%(50*millisecond) == 0 {
			a.report(w, s, now)
		}
		if s.now < len(s.layers)-1 {
			s.below += millisecond
		}
		if s.now == None {
			s.paused += millisecond
		}
	}
	if now%(100*millisecond) == 0 && now >= a.watches[0].train {
		if bps, ok := a.prober.Due(now, &a.estimator, a.need); ok {
			s := a.watches[0]
			s.train, s.trainBPS, s.sent = now+TrainSpan, bps, 0
			s.trainID++
		}
	}
	if now%(200*millisecond) == 0 {
		a.allot(now)
	}
}

// report gives the estimator what the receiver has told by now.
func (a *audience) report(w *bottleneck, s *simulcast, now int64) {
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
	if w.unheard > 0 && w.random.Float64() < w.unheard {
		s.missed = true
		return
	}
	if i := slices.IndexFunc(ready, func(k Ack) bool { return !k.Lost }); s.missed && i >= 0 {
		a.estimator.Missed(&s.delays, ready[i])
		s.missed = false
	}
	a.estimator.Feedback(now, &s.delays, ready)
}

func (a *audience) allot(now int64) {
	rate, known := a.estimator.Rate()
	if !known {
		return
	}
	var claims []Claim
	for _, s := range a.watches {
		rate -= soundSize * 8 * 50
		claims = append(claims, Claim{Priority: s.priority, Layers: s.layers, Most: s.patience.Bound(now, len(s.layers)-1), Now: s.target})
	}
	given, need := Allot(rate, claims)
	for i, s := range a.watches {
		if given[i] != s.target {
			s.patience.Moved(now, s.target, given[i])
			s.target, s.since = given[i], now
		}
	}
	if a.need = need; need > 0 {
		a.need += soundSize * 8 * 50 * len(a.watches)
	}
}

var tiers = []int{200_000, 700_000, 1_700_000}

func newAudience(publishers int, keyRatio float64) *audience {
	a := &audience{}
	for i := range publishers {
		a.watches = append(a.watches, &simulcast{layers: tiers, keyRatio: keyRatio, priority: publishers - i})
	}
	return a
}

// world runs viewers over a path.
type world struct {
	path *bottleneck
	all  []*audience
	now  int64
}

func newWorld(b bottleneck, all ...*audience) *world {
	b.random = rand.New(rand.NewPCG(1, 2))
	if b.queue == 0 {
		b.queue = 300 * millisecond
	}
	return &world{&b, all, second}
}

// run lets some time pass and calls watch, if it isn't nil, every millisecond.
func (w *world) run(seconds float64, watch func()) {
	for end := w.now + int64(seconds*1e9); w.now < end; w.now += millisecond {
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
func (w *world) falls(t *testing.T, layer int) (after int64) {
	t.Helper()
	began, after, s := w.now, none, w.all[0].watches[0]
	w.run(4, func() {
		if after == none && s.now <= layer {
			after = w.now - began
		}
	})
	if after > 2*second {
		t.Errorf("the layer went down after %d ms, want 2 s:%v", after/millisecond, w)
	}
	return after
}

const none = int64(1 << 62) // ns: never

// forget starts the counts anew.
func (w *world) forget() {
	for _, a := range w.all {
		a.sound, a.silent = 0, 0
		for _, s := range a.watches {
			s.switches, s.below, s.paused = 0, 0, 0
		}
	}
}

func (w *world) String() (text string) {
	for i, a := range w.all {
		rate, _ := a.estimator.Rate()
		text += fmt.Sprintf(" viewer %d: estimate %d, room %d, sound lost %d of %d;", i, rate, a.estimator.Room(), a.silent, a.sound)
		for j, s := range a.watches {
			text += fmt.Sprintf(" picture %d: layer %d, %d switches, %.1f s below the best, %.1f s paused;", j, s.now, s.switches, float64(s.below)/1e9, float64(s.paused)/1e9)
		}
	}
	return text
}
