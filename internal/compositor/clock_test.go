//go:build cgo

package compositor

import (
	"testing"
	"time"
)

// A machine needs some time for each tick.
type machine struct {
	draws, repeats time.Duration // for a tick
	stall          time.Duration // once, at a third of the run
}

// A scheduled tick has a picture.
type scheduled struct {
	tick, lasts int64
	repeat      bool
	made        time.Duration // when, after the first
}

func (m machine) run(c *outputClock, length time.Duration) (pictures []scheduled) {
	var now time.Duration
	stalled := false
	for n := int64(0); c.at(n) < length; {
		now = max(now, c.at(n))
		if !stalled && m.stall > 0 && now > length/3 {
			stalled, now = true, now+m.stall
		}
		lasts, repeat := c.schedule(n, now-c.at(n))
		pictures = append(pictures, scheduled{n, lasts, repeat, now})
		if now += m.draws; repeat {
			now += m.repeats - m.draws
		}
		n += lasts
	}
	return pictures
}

func TestOutputClock_KeepsUpOnAnyMachine(t *testing.T) {
	const length = time.Minute
	cases := []struct {
		name    string
		machine machine
		exact   bool          // each tick has a picture of its own
		drawn   int           // at least
		frozen  time.Duration // the longest time in which nothing new is drawn
		behind  time.Duration // the latest picture
	}{
		{"fast enough", machine{draws: 20 * time.Millisecond, repeats: 5 * time.Millisecond}, true, 1800, 34 * time.Millisecond, 0},
		{"stalls for a moment", machine{20 * time.Millisecond, 5 * time.Millisecond, 900 * time.Millisecond}, true, 1760, 1200 * time.Millisecond, 900 * time.Millisecond},
		{"stalls for long", machine{20 * time.Millisecond, 5 * time.Millisecond, 6 * time.Second}, false, 1600, 6100 * time.Millisecond, 6 * time.Second},
		{"a little too slow", machine{draws: 40 * time.Millisecond, repeats: 10 * time.Millisecond}, true, 1000, 100 * time.Millisecond, 100 * time.Millisecond},
		{"too slow to repeat", machine{draws: 120 * time.Millisecond, repeats: 60 * time.Millisecond}, false, 450, 2500 * time.Millisecond, 1200 * time.Millisecond},
		{"far too slow", machine{draws: 400 * time.Millisecond, repeats: 300 * time.Millisecond}, false, 140, 1500 * time.Millisecond, 1500 * time.Millisecond},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := &outputClock{rate: 30, keyframes: 2 * time.Second}
			pictures := c.machine.run(p, length)
			drawn, last := 0, time.Duration(0)
			var frozen, behind time.Duration
			next, begins := int64(0), map[int64]bool{}
			for _, x := range pictures {
				if x.tick != next || x.lasts < 1 {
					t.Fatalf("a picture at tick %d lasts %d, want the next at %d", x.tick, x.lasts, next)
				}
				if c.exact && x.lasts != 1 {
					t.Fatalf("the picture of tick %d lasts %d", x.tick, x.lasts)
				}
				next, begins[x.tick] = x.tick+x.lasts, true
				behind = max(behind, x.made-p.at(x.tick))
				if !x.repeat {
					drawn++
					frozen, last = max(frozen, x.made-last), x.made
				}
			}
			if drawn < c.drawn || frozen > c.frozen || behind > c.behind {
				t.Errorf("%d pictures are drawn, want %d; nothing new for at most %v, want %v; %v late, want %v", drawn, c.drawn, frozen, c.frozen, behind, c.behind)
			}
			for n := int64(0); n < next; n += 60 {
				if !begins[n] {
					t.Errorf("no picture begins at tick %d, where a keyframe must be", n)
				}
			}
		})
	}
}
