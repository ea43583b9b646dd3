package recorder

import (
	"slices"
	"testing"
	"time"
)

// Pictures come 25 times a second, keyframes at intervals.
func TestThumbnails_AreTakenAtTheirTimes(t *testing.T) {
	const frame = time.Second / 25
	for name, c := range map[string]struct {
		interval, keyframes, offset time.Duration // offset is that of all keyframes after the first
		pause                       [2]time.Duration
		want                        []time.Duration // in multiples of a frame
	}{
		"at keyframes":                           {interval: time.Second, keyframes: time.Second, want: []time.Duration{0, 25, 50, 75}},
		"at keyframes a little late":             {interval: time.Second, keyframes: time.Second, offset: 2 * frame, want: []time.Duration{0, 27, 52, 77}},
		"at keyframes a little early":            {interval: time.Second, keyframes: time.Second, offset: -2 * frame, want: []time.Duration{0, 23, 48, 73, 98}},
		"between keyframes":                      {interval: time.Second, keyframes: time.Minute, want: []time.Duration{0, 28, 53, 78}},
		"none while there are no pictures":       {interval: time.Second, keyframes: time.Minute, pause: [2]time.Duration{25 * frame, 90 * frame}, want: []time.Duration{0, 90}},
		"of sparse ones the first at their time": {interval: time.Minute, keyframes: time.Second, want: []time.Duration{0}},
	} {
		t.Run(name, func(t *testing.T) {
			begins := time.Unix(1000, 0)
			thumbs := &thumbnails{interval: c.interval}
			var got []time.Duration
			for n := range time.Duration(100) {
				at := n * frame
				if at >= c.pause[0] && at < c.pause[1] {
					continue
				}
				if p := (picture{begins.Add(at), n == 0 || (at-c.offset)/frame%(c.keyframes/frame) == 0}); thumbs.isDue(p) {
					got = append(got, n)
					thumbs.advance(p.at)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("thumbnails are of the pictures %v, want %v", got, c.want)
			}
		})
	}
}
