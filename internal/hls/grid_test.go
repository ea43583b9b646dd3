package hls

import (
	"testing"
	"time"
)

func TestGrid_EvensOutWhatWasRounded(t *testing.T) {
	for _, rate := range []float64{30, 30000. / 1001, 24, 60, 48000. / 1024, 44100. / 1024} {
		g := grid{rate: rate}
		last := int64(-1)
		for n := range 100_000 { // an hour of pictures
			exact := time.Duration(float64(n) / rate * float64(time.Second))
			at := ticks(g.snap(exact.Truncate(time.Millisecond)+time.Second), 90_000)
			if step := at - last; last >= 0 && (float64(step) < 90_000/rate-1.01 || float64(step) > 90_000/rate+1.01) {
				t.Fatalf("at %f a second, step %d has %d ticks, expected %.1f", rate, n, step, 90_000/rate)
			}
			last = at
		}
	}
}

func TestGrid_FollowsTimesThatAreNotOnIt(t *testing.T) {
	g := grid{rate: 25}
	for _, c := range []struct{ at, expected time.Duration }{
		{1000, 1000}, {1041, 1040}, {1039, 1040}, // rounded
		{1120, 1120}, {1080, 1080}, // shown in another order
		{1500, 1500}, {1513, 1513}, {1554, 1553}, // a pause, and on from there
	} {
		if got := g.snap(c.at * time.Millisecond); got != c.expected*time.Millisecond {
			t.Errorf("%d ms becomes %s, expected %d ms", c.at, got, c.expected)
		}
	}
	unknown := grid{}
	if got := unknown.snap(1234567); got != 1234567 {
		t.Errorf("at an unknown rate a time becomes %d", got)
	}
}
