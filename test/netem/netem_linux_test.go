package netem

import (
	"testing"
	"time"

	"rostrum/internal/quality"
)

// steady runs a call under conditions that don't change.
func steady(t *testing.T, c conditions, d time.Duration) []sight {
	w := newTestbed(t)
	w.path.set(c)
	began := time.Now()
	all := w.watches().runs(d)
	if c.loss > 0 && c.burst == 0 {
		w.expectCause("viewer", began, quality.ReceiveLoss)
	}
	first, last := all[0], all[len(all)-1]
	t.Logf("%v: longest freeze %v, %.1f pictures a second, sound concealed %.1f %%, packets of the picture lost for good %d of %d, first picture after %v",
		d, freeze(all).Round(time.Millisecond), float64(last.Frames-first.Frames)/last.At.Sub(first.At).Seconds(), 100*concealed(all),
		last.Lost-first.Lost, last.Packets-first.Packets, last.Picture.Round(time.Millisecond))
	return all
}

func TestNetwork_FivePercentLossFreezesNothing(t *testing.T) {
	all := steady(t, conditions{loss: 0.05, delay: 10 * time.Millisecond}, 15*time.Second)
	if f := freeze(all); f > time.Second {
		t.Errorf("a freeze of %v, want at most 1 s", f)
	}
	if c := concealed(all); c >= 0.03 {
		t.Errorf("%.1f %% of the sound was concealed, want less than 3 %%", 100*c)
	}
}

func TestNetwork_BurstsOfLossAreRepaired(t *testing.T) {
	if f := freeze(steady(t, conditions{loss: 0.1, burst: 4, delay: 10 * time.Millisecond}, 15*time.Second)); f > 2*time.Second {
		t.Errorf("a freeze of %v, want at most 2 s", f)
	}
}

// TestNetwork_SoundIsCoveredWhereRepairsComeLate: over a round trip of 200 ms what is sent
// again is too late. Of two viewers on one path one can read redundant sound.
func TestNetwork_SoundIsCoveredWhereRepairsComeLate(t *testing.T) {
	w := newTestbed(t)
	w.path.set(conditions{loss: 0.05, delay: 100 * time.Millisecond})
	able, unable := w.watches(), w.watches(plainSound+"=1")
	unable.shows()
	able.runs(8 * time.Second) // loss is counted over seconds
	covered := able.runs(20 * time.Second)
	plain := unable.since(covered[0].At)
	first, last := covered[0], covered[len(covered)-1]
	t.Logf("%.1f %% of the sound concealed where it's sent redundantly, which made good for %d packets of %d; %.1f %% where it isn't",
		100*concealed(covered), last.Covered-first.Covered, last.Sound-first.Sound, 100*concealed(plain))
	if c := concealed(covered); c >= 0.03 || c >= concealed(plain) {
		t.Errorf("%.1f %% of the sound was concealed, %.1f %% of plain sound; want less than 3 %%, and less than that", 100*c, 100*concealed(plain))
	}
}

func TestNetwork_JitterFreezesNothing(t *testing.T) {
	if f := freeze(steady(t, conditions{delay: 100 * time.Millisecond, jitter: 30 * time.Millisecond}, 10*time.Second)); f > time.Second {
		t.Errorf("a freeze of %v, want at most 1 s", f)
	}
}

func TestNetwork_LayersFollowTheRate(t *testing.T) {
	w := newTestbed(t, "--simulcast", "--size", "1280x720")
	at := func(rate float64) conditions { return conditions{rate: rate, delay: 15 * time.Millisecond} }
	w.path.set(at(4e6))
	d := w.watches()
	best := func(s sight) bool { return s.Width == 1280 }
	d.settles(time.Now(), 30*time.Second, 4*time.Second, "the best layer at 4 Mbps", best)
	began := time.Now()
	w.path.set(at(500e3))
	down := d.settles(began, 10*time.Second, 4*time.Second, "a lower layer at 500 kbps", func(s sight) bool { return !best(s) })
	t.Logf("down after %v", down.Round(time.Millisecond))
	if down > 2*time.Second {
		t.Errorf("the layer went down after %v, want 2 s", down)
	}
	began = time.Now()
	w.path.set(at(4e6))
	up := d.settles(began, 20*time.Second, 2*time.Second, "the best layer at 4 Mbps again", best)
	t.Logf("up again after %v", up.Round(time.Millisecond))
	if up > 10*time.Second {
		t.Errorf("the layer went up after %v, want 10 s", up)
	}
}

// TestNetwork_SoundGoesOnWhereNoPictureFits: 150 kbit/s are less than the smallest layer and
// the sound take. The picture is paused, which its viewer is told, and is back once it fits.
func TestNetwork_SoundGoesOnWhereNoPictureFits(t *testing.T) {
	w := newTestbed(t, "--simulcast", "--size", "1280x720")
	at := func(rate float64) conditions { return conditions{rate: rate, delay: 15 * time.Millisecond} }
	w.path.set(at(4e6))
	d := w.watches()
	d.settles(time.Now(), 30*time.Second, 2*time.Second, "the best layer at 4 Mbps", func(s sight) bool { return s.Width == 1280 })
	began := time.Now()
	w.path.set(at(150e3))
	paused, first := d.await(began, 15*time.Second, "being told of the pause", func(s, _ sight) bool { return s.Told == "bandwidth" })
	time.Sleep(10 * time.Second)
	_, last := d.await(time.Now(), time.Second, "the next look", func(_, _ sight) bool { return true })
	came, lost := last.Sound-first.Sound, last.Silent-first.Silent
	t.Logf("paused after %v; in the %v after that %d packets of sound came, %d were lost, and %d pictures came",
		paused.Round(time.Millisecond), last.At.Sub(first.At).Round(time.Second), came, lost, last.Frames-first.Frames)
	if lost*20 > came+lost || came < 400 {
		t.Errorf("%d packets of sound came and %d were lost in 10 s, want 500 and less than a twentieth of them", came, lost)
	}
	w.expectCause("viewer", began, quality.Estimate)
	if last.Told != "bandwidth" {
		t.Errorf("the picture is paused for %q at the end, want bandwidth", last.Told)
	}
	began = time.Now()
	w.path.set(at(4e6))
	back, _ := d.await(began, 15*time.Second, "the picture again", func(s, before sight) bool { return s.Told == "" && s.Frames > before.Frames })
	t.Logf("the picture was back %v after the path", back.Round(time.Millisecond))
	if back > 10*time.Second {
		t.Errorf("the picture was back after %v, want 10 s", back)
	}
}

func TestNetwork_ACallSurvivesTenSecondsOfDarkness(t *testing.T) {
	w := newTestbed(t)
	d := w.watches()
	d.runs(3 * time.Second)
	w.path.set(conditions{dark: true})
	time.Sleep(10 * time.Second)
	began := time.Now()
	w.path.set(conditions{})
	back, _ := d.await(began, 20*time.Second, "the picture", func(s, before sight) bool { return s.Frames > before.Frames })
	t.Logf("the picture was back %v after a blackout of 10 s", back.Round(time.Millisecond))
	if back > 3*time.Second {
		t.Errorf("the picture was back after %v, want 3 s", back)
	}
}

func TestNetwork_ANewMappingIsFollowed(t *testing.T) {
	w := newTestbed(t)
	d := w.watches()
	d.runs(3 * time.Second)
	began := time.Now()
	w.path.set(conditions{moved: 0x0101})
	back, _ := d.await(began.Add(200*time.Millisecond), 20*time.Second, "the picture", func(s, before sight) bool { return s.Frames > before.Frames })
	back += 200 * time.Millisecond
	t.Logf("the picture was back %v after the NAT forgot its mapping", back.Round(time.Millisecond))
	if back > 3*time.Second {
		t.Errorf("the picture was back after %v, want 3 s", back)
	}
}

func TestNetwork_WithoutUDPMediaComeByTCP(t *testing.T) {
	w := newTestbed(t)
	w.path.set(conditions{noUDP: true, delay: 10 * time.Millisecond})
	all := w.watches().runs(3 * time.Second)
	last := all[len(all)-1]
	t.Logf("connected after %v, first picture after %v", last.Connected.Round(time.Millisecond), last.Picture.Round(time.Millisecond))
	if last.Connected > 2*time.Second {
		t.Errorf("connected after %v, want 2 s", last.Connected)
	}
	if f := freeze(all); f > time.Second {
		t.Errorf("a freeze of %v, want at most 1 s", f)
	}
}
