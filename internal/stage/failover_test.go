package stage

import (
	"testing"
	"testing/synctest"
	"time"

	"rostrum/internal/media"
	"rostrum/internal/sfu"
)

// pictureInterval is that of the test's encoders.
const pictureInterval = 40 * time.Millisecond

// A failoverTest has encoders, and what viewers get of them.
type failoverTest struct {
	*failover
	t        *testing.T
	passed   []passedFrame
	switches string // the names of the sources
}

type passedFrame struct {
	sfu.LocalFrame
	at time.Duration
}

// A testEncoder sends pictures, with the encoder's name in each, and audio.
type testEncoder struct {
	*failoverSource
	test  *failoverTest
	name  byte
	clock time.Duration // its timestamp when the test began
	drift float64       // of it, per second
	group int           // pictures from keyframe to keyframe; 0 for none
	layer int
	n     int
}

func newFailoverTest(t *testing.T) *failoverTest {
	f := &failoverTest{t: t}
	began := time.Now()
	f.failover = newFailover(func(frames ...sfu.LocalFrame) {
		for _, frame := range frames {
			f.passed = append(f.passed, passedFrame{frame, time.Since(began)})
		}
	}, func(to string) { f.switches += to })
	return f
}

func (f *failoverTest) encoder(name byte, clock time.Duration) *testEncoder {
	return &testEncoder{failoverSource: f.addSource(string(name)), test: f, name: name, clock: clock, group: 25}
}

func (e *testEncoder) video() {
	kind := byte(0x41)
	if e.group > 0 && e.n%e.group == 0 {
		kind = 0x65
	}
	e.n++
	e.test.writeFrame(e.failoverSource, sfu.LocalFrame{Kind: media.Video, Layer: e.layer, Units: [][]byte{{kind, 0x88, e.name}}, Time: e.now()})
}

func (e *testEncoder) audio() {
	e.test.writeFrame(e.failoverSource, sfu.LocalFrame{Kind: media.Audio, Units: [][]byte{{0xfc, 0, e.name}}, Time: e.now()})
}

func (e *testEncoder) now() time.Duration {
	passed := time.Since(e.test.began)
	return e.clock + passed + time.Duration(float64(passed)*e.drift)
}

// send has encoders send for a time.
func send(d time.Duration, encoders ...*testEncoder) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(pictureInterval) {
		for _, e := range encoders {
			e.video()
			e.audio()
		}
	}
}

// sources are those of the pictures that were passed on, in order; each begins with a keyframe.
// Timestamps increase, and viewers wait no longer than maxBreak.
func (f *failoverTest) sources(maxBreak time.Duration) (names string) {
	f.t.Helper()
	last := map[media.Kind]passedFrame{}
	for i, p := range f.passed {
		before, began := last[p.Kind]
		if began && p.Time <= before.Time {
			f.t.Errorf("frame %d has the timestamp %s after %s", i, p.Time, before.Time)
		}
		if began && p.at-before.at > maxBreak {
			f.t.Errorf("frame %d came after a break of %s", i, p.at-before.at)
		}
		last[p.Kind] = p
		if name := string(p.Units[0][2]); p.Kind == media.Video && (names == "" || names[len(names)-1:] != name) {
			names += name
			if !isKeyframe(p.LocalFrame) {
				f.t.Errorf("%s begins without a keyframe", name)
			}
		}
	}
	// The timestamps are those of one source: what was passed on last is as old as the first.
	first, end := f.passed[0], last[media.Video]
	if drift := (end.Time - first.Time) - (end.at - first.at); drift.Abs() > 2*pictureInterval {
		f.t.Errorf("the timestamps are off by %s", drift)
	}
	return names
}

func TestFailover_SwitchesWhenTheActiveSourceIsLost(t *testing.T) {
	for _, c := range []struct {
		name     string
		play     func(f *failoverTest, a, b *testEncoder)
		want     string
		maxBreak time.Duration
	}{
		{"none is lost", func(f *failoverTest, a, b *testEncoder) { send(3*time.Second, a, b) }, "a", pictureInterval},
		{"closed", func(f *failoverTest, a, b *testEncoder) {
			send(3300*time.Millisecond, a, b)
			f.removeSource(a.failoverSource)
			send(3*time.Second, b)
		}, "ab", pictureInterval},
		{"the standby closed", func(f *failoverTest, a, b *testEncoder) {
			send(time.Second, a, b)
			f.removeSource(b.failoverSource)
			send(time.Second, a, b) // frames that were on their way
		}, "a", pictureInterval},
		{"silent", func(f *failoverTest, a, b *testEncoder) {
			send(3300*time.Millisecond, a, b)
			send(3*time.Second, b)
		}, "ab", 700 * time.Millisecond},
		{"audio is silent", func(f *failoverTest, a, b *testEncoder) {
			send(3300*time.Millisecond, a, b)
			for end := time.Now().Add(2 * time.Second); time.Now().Before(end); {
				a.video()
				send(pictureInterval, b)
			}
		}, "ab", 700 * time.Millisecond},
		{"back and forth", func(f *failoverTest, a, b *testEncoder) {
			send(3300*time.Millisecond, a, b)
			send(2*time.Second, b)
			send(2*time.Second, a, b)
			f.removeSource(b.failoverSource)
			send(2*time.Second, a)
			again := f.encoder('c', 5*time.Hour)
			send(2*time.Second, a, again)
			f.removeSource(a.failoverSource)
			send(time.Second, again)
		}, "abac", 700 * time.Millisecond},
		{"the standby joins late", func(f *failoverTest, a, b *testEncoder) {
			send(time.Second, a)
			b.n = 5 // no keyframe yet
			send(400*time.Millisecond, a, b)
			f.removeSource(a.failoverSource)
			send(2*time.Second, b)
		}, "ab", 500 * time.Millisecond},
		{"all are slow", func(f *failoverTest, a, b *testEncoder) {
			a.group, b.group = 2, 2
			send(pictureInterval, a)
			for range 10 {
				send(pictureInterval, b, a)
				time.Sleep(time.Second)
			}
		}, "a", 1100 * time.Millisecond},
		{"the standby is silent in part", func(f *failoverTest, a, b *testEncoder) {
			send(time.Second, a, b)
			for range 50 {
				a.audio()
				b.video()
				time.Sleep(pictureInterval)
			}
			send(time.Second, a, b)
		}, "a", 3 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFailoverTest(t)
				c.play(f, f.encoder('a', time.Hour), f.encoder('b', 3*time.Hour))
				if got := f.sources(c.maxBreak); got != c.want || f.switches != c.want {
					t.Errorf("viewers saw %s, want %s; reported was %s", got, c.want, f.switches)
				}
			})
		})
	}
}

// What an encoder without keyframes sends is not kept.
func TestFailover_KeepsNoEndlessGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFailoverTest(t)
		a, b := f.encoder('a', 0), f.encoder('b', 0)
		a.group, b.group = 1<<30, 1<<30
		send(time.Minute, a, b)
		for _, s := range f.failover.sources {
			if n := len(s.groups[0].frames); n > maxGroupFrames {
				t.Errorf("%d pictures are kept", n)
			}
		}
		f.removeSource(a.failoverSource)
		if b.canBegin() || f.active != nil {
			t.Error("viewers see a source without a keyframe")
		}
		b.group = 25
		send(2*time.Second, b)
		if f.active != b.failoverSource {
			t.Error("the keyframe does not begin the source")
		}
	})
}

// However far the active source's clock has gone from ours, another continues where it was.
func TestFailover_ContinuesAClockThatDrifts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFailoverTest(t)
		a, b := f.encoder('a', time.Hour), f.encoder('b', 0)
		a.drift = 0.01
		send(5*time.Minute, a, b) // three seconds
		before := f.passed[len(f.passed)-1]
		f.removeSource(a.failoverSource)
		send(time.Second, b)
		after := f.passed[len(f.passed)-1]
		if jump := (after.Time - before.Time) - (after.at - before.at); jump.Abs() > 2*pictureInterval {
			t.Errorf("the timestamps jump by %s", jump)
		}
	})
}

// A layer of the next source is shown from its keyframe on.
func TestFailover_BeginsEachLayerWithAKeyframe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFailoverTest(t)
		a, b := f.encoder('a', 0), f.encoder('b', 0)
		low := &testEncoder{failoverSource: b.failoverSource, test: f, name: 'b', group: 25, layer: 1, n: 1}
		send(400*time.Millisecond, a, b, low)
		f.removeSource(a.failoverSource)
		send(2*time.Second, b, low)
		for _, p := range f.passed {
			if p.Layer == 1 {
				if !isKeyframe(p.LocalFrame) {
					t.Error("the layer begins without a keyframe")
				}
				return
			}
		}
		t.Error("the layer is not passed on")
	})
}

func TestFailover_IgnoresSourcesThatHaveEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFailoverTest(t)
		a := f.encoder('a', 0)
		send(time.Second, a)
		f.removeSource(a.failoverSource)
		passed := len(f.passed)
		send(2*time.Second, a)
		if len(f.passed) != passed || f.active != nil {
			t.Error("viewers see a source that has ended")
		}
	})
}
