//go:build cgo

package compositor

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// shown counts for how many ticks each picture of a source is shown. phase and jitter are of
// the times at which pictures are due.
func shown(source, output float64, phase, jitter time.Duration, seed uint64) (lasted []int) {
	random := rand.New(rand.NewPCG(seed, 1))
	const seconds = 60
	var pictures []timedPicture
	c := newCadence(time.Duration(float64(time.Second) / output))
	lasted = make([]int, int(seconds*source))
	next, last := 0, uint64(0)
	for n := 0; float64(n) < (seconds-1)*output; n++ {
		at := int64(float64(n) / output * VideoRate)
		for ; ; next++ { // arrived 50 ms before they are due
			due := int64(float64(next)/source*VideoRate) + int64(phase.Seconds()*VideoRate)
			if due > at+VideoRate/20 {
				break
			}
			if jitter > 0 {
				due += int64((2*random.Float64() - 1) * jitter.Seconds() * VideoRate)
			}
			pictures = append(pictures, timedPicture{ticks: due, serial: uint64(next + 1)})
		}
		pictures = pictures[c.passed(pictures, at):]
		if i := c.choose(pictures, at, last); i >= 0 {
			last = pictures[i].serial
		}
		if last > 0 {
			lasted[last-1]++
		}
	}
	return lasted[30:int((seconds-2)*source)] // without the beginning and the end
}

func TestCadence_NeitherRepeatsNorSkipsAtEqualRates(t *testing.T) {
	for _, rate := range []float64{15, 25, 30, 60} {
		interval := time.Duration(float64(time.Second) / rate)
		for _, jitter := range []time.Duration{0, time.Millisecond, interval / 16, min(interval/8, 4*time.Millisecond)} {
			for phase := time.Duration(0); phase < interval; phase += interval / 16 {
				off, lasted := 0, shown(rate, rate, phase, jitter, uint64(phase))
				for _, n := range lasted {
					if n != 1 {
						off++
					}
				}
				if off*100 > len(lasted) {
					t.Errorf("at %g pictures a second, %v after the ticks, with ±%v: %d of %d pictures are not shown once", rate, phase, jitter, off, len(lasted))
				}
			}
		}
	}
}

// A camera's clock drifts against ours: in each beat a picture has to be repeated or skipped.
func TestCadence_RepeatsLittleMoreThanItMustAtAlmostEqualRates(t *testing.T) {
	for _, source := range []float64{29.97, 29.9, 30.03, 30.1} {
		off := 0
		for _, n := range shown(source, 30, 5*time.Millisecond, 4*time.Millisecond, 3) {
			if n != 1 {
				off++
			}
		}
		if beats := int(60*max(source-30, 30-source)) + 1; off > 2*beats {
			t.Errorf("%g into 30 pictures a second: %d pictures in a minute are not shown once, expected at most %d", source, off, 2*beats)
		}
	}
}

func TestCadence_IsRegularAtOtherRates(t *testing.T) {
	for _, c := range []struct {
		source, output float64
		lasts          []int // ticks that a picture may last
		irregular      int   // pictures of a hundred that may last otherwise than the ones a cycle before
		cycle          int   // pictures
	}{
		{15, 30, []int{2}, 1, 1},
		{10, 30, []int{3}, 1, 1},
		{60, 30, []int{0, 1}, 1, 2},
		{30, 60, []int{2}, 1, 1},
		{25, 30, []int{1, 2}, 20, 5},
		{24, 30, []int{1, 2}, 20, 4},
		{20, 30, []int{1, 2}, 20, 2},
	} {
		for phase := time.Duration(0); phase < 66*time.Millisecond; phase += 3 * time.Millisecond {
			t.Run(fmt.Sprintf("%g into %g, %v", c.source, c.output, phase), func(t *testing.T) {
				lasted := shown(c.source, c.output, phase, 2*time.Millisecond, uint64(phase))
				irregular, other := 0, 0
				for i, n := range lasted {
					if i >= c.cycle && n != lasted[i-c.cycle] {
						irregular++
					}
					if n != c.lasts[0] && n != c.lasts[len(c.lasts)-1] {
						other++
					}
				}
				if irregular*100 > c.irregular*len(lasted) || other*100 > len(lasted) {
					t.Errorf("%d of %d are unlike those a cycle before, and %d last neither of %v: %v", irregular, len(lasted), other, c.lasts, lasted[:60])
				}
			})
		}
	}
}
