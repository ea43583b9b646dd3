//go:build cgo

package compositor

import "rostrum/internal/codec"

const (
	ceiling     = 0.89                   // -1 dB, since an encoder overshoots a little
	stepSamples = codec.SampleRate / 400 // the limiter looks ahead 2.5 ms
	releaseStep = 0.0125                 // of gain: back to 1 within 200 ms
)

// A limiter keeps mixed audio below the ceiling. It reduces the gain ahead of a peak and
// raises it slowly afterwards, so that loud audio gets quieter without distortion. Its
// output is one step older than its input.
type limiter struct {
	pending []float32 // taken, not returned
	gain    float32   // at the beginning of pending
	begun   bool
}

// limit takes samples and returns those that are ready, in whole steps.
func (l *limiter) limit(in []float32) (out []float32) {
	if !l.begun {
		l.begun, l.gain = true, 1
	}
	l.pending = append(l.pending, in...)
	for len(l.pending) >= 4*stepSamples {
		now, next := l.pending[:2*stepSamples], l.pending[2*stepSamples:4*stepSamples]
		to := min(maxGain(now), maxGain(next), l.gain+releaseStep)
		for i := range stepSamples {
			g := l.gain + (to-l.gain)*float32(i)/stepSamples
			out = append(out, clamp(now[2*i]*g), clamp(now[2*i+1]*g))
		}
		l.gain = to
		l.pending = append(l.pending[:0], l.pending[2*stepSamples:]...)
	}
	return out
}

// maxGain is the gain at which samples stay below the ceiling, at most 1.
func maxGain(samples []float32) float32 {
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
