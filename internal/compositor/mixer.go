//go:build cgo

package compositor

import "rostrum/internal/codec"

const (
	ceiling = 0.89                   // -1 dB: an encoder overshoots a little
	step    = codec.SampleRate / 400 // the limiter looks ahead 2.5 ms
	release = 0.0125                 // and lets go within 200 ms
)

// A limiter keeps the sum of many voices below the ceiling. It turns the gain down
// before a peak, not at it, and up again slowly: loud moments get quieter, they don't
// crackle. What it returns is one step older than what it takes.
type limiter struct {
	held []float32 // taken, not returned
	gain float32   // at the beginning of held
	open bool
}

// limit takes samples and returns those that are ready, in whole steps.
func (l *limiter) limit(in []float32) (out []float32) {
	if !l.open {
		l.open, l.gain = true, 1
	}
	l.held = append(l.held, in...)
	for len(l.held) >= 4*step {
		now, next := l.held[:2*step], l.held[2*step:4*step]
		to := min(allowed(now), allowed(next), l.gain+release)
		for i := range step {
			g := l.gain + (to-l.gain)*float32(i)/step
			out = append(out, clamp(now[2*i]*g), clamp(now[2*i+1]*g))
		}
		l.gain = to
		l.held = append(l.held[:0], l.held[2*step:]...)
	}
	return out
}

// allowed is the gain at which samples stay below the ceiling.
func allowed(samples []float32) float32 {
	peak := float32(0)
	for _, v := range samples {
		peak = max(peak, v, -v)
	}
	if peak <= ceiling {
		return 1
	}
	return ceiling / peak
}

func clamp(v float32) float32 { return min(max(v, -1), 1) }
