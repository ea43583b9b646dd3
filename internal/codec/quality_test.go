//go:build cgo

package codec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// stereo makes audio of four seconds from a function of the time, the right channel at a part
// of the left one's level.
func stereo(right float64, f func(t float64) float64) []float32 {
	s := make([]float32, 2*4*SampleRate)
	for i := range len(s) / 2 {
		v := f(float64(i) / SampleRate)
		s[2*i], s[2*i+1] = float32(v), float32(right*v)
	}
	return s
}

// sines are tones of one level, together at a level below 1.
func sines(level float64, hertz ...float64) func(float64) float64 {
	return func(t float64) (v float64) {
		for _, h := range hertz {
			v += level / float64(len(hertz)) * math.Sin(2*math.Pi*h*t)
		}
		return v
	}
}

// scale plays notes of eight harmonics, four a second, each struck and fading.
func scale(t float64) (v float64) {
	note := math.Floor(t * 4)
	begun := t - note/4
	pitch := 220 * math.Pow(2, math.Mod(note*4, 25)/12)
	for h := 1.; h <= 8; h++ {
		v += math.Sin(2*math.Pi*pitch*h*begun) / h
	}
	return 0.45 * v * math.Exp(-6*begun) * min(1, begun*200)
}

// speech is voiced syllables of three formants with a gliding pitch, between hisses and pauses.
func speech(seed uint64, level float64) func(float64) float64 {
	random := rand.New(rand.NewPCG(seed, 1))
	type resonator struct{ a, b, y1, y2 float64 }
	var formants [3]resonator
	phase, syllable, last := 0., -1., 0.
	return func(t float64) float64 {
		if s := math.Floor(t * 5); s != syllable {
			syllable = s
			for i, base := range []float64{300, 900, 2300} {
				f, width := base*(1+1.2*random.Float64()), 80.*float64(i+1)
				r := math.Exp(-math.Pi * width / SampleRate)
				formants[i] = resonator{a: 2 * r * math.Cos(2*math.Pi*f/SampleRate), b: -r * r, y1: formants[i].y1, y2: formants[i].y2}
			}
		}
		within := t*5 - syllable
		excitation := 0.
		if phase += (110 + 20*float64(seed%5) + 25*math.Sin(2*math.Pi*0.7*t)) / SampleRate; phase >= 1 {
			phase--
			excitation = math.Sin(math.Pi * min(1, within/0.75))
			if within > 0.75 {
				excitation = 0
			}
		}
		v := 0.
		for i := range formants {
			f := &formants[i]
			y := excitation + f.a*f.y1 + f.b*f.y2
			f.y1, f.y2 = y, f.y1
			v += y / float64(1+i)
		}
		hiss := 0.
		if within > 0.8 && int(syllable)%3 != 0 {
			n := random.Float64() - 0.5
			hiss, last = (n-last)*0.3, n
		}
		return max(-1, min(1, level*(v*0.12+hiss)))
	}
}

func pinkNoise(level float64) func(float64) float64 {
	random := rand.New(rand.NewPCG(7, 7))
	var b [3]float64
	return func(float64) float64 {
		w := random.NormFloat64()
		b[0] = 0.99765*b[0] + w*0.0990460
		b[1] = 0.96300*b[1] + w*0.2965164
		b[2] = 0.57000*b[2] + w*1.0526913
		return max(-1, min(1, level*0.2*(b[0]+b[1]+b[2]+w*0.1848)))
	}
}

// together are some that speak at once.
func together(n int) func(float64) float64 {
	voices := make([]func(float64) float64, n)
	for i := range voices {
		voices[i] = speech(uint64(i), 0.3)
	}
	return func(t float64) (v float64) {
		for _, voice := range voices {
			v += voice(t)
		}
		return max(-0.89, min(0.89, v))
	}
}

// throughAAC is the decoding of the encoding, at the place of the input.
func throughAAC(t *testing.T, in []float32) (out []float32) {
	t.Helper()
	e, err := NewAudioEncoder(AAC, 128_000)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	d, err := NewAudioDecoder(AAC, e.Config())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	packets, err := e.Encode(in)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packets {
		samples, err := d.Decode(p)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, samples...)
	}
	return out[2*e.Delay():]
}

// compare returns how loud the input is in the output, and how far all else is below it.
func compare(in, out []float32) (level, distance float64) {
	var xx, xy, yy float64
	for i := len(out) / 10; i < len(out)*9/10; i++ {
		x, y := float64(in[i]), float64(out[i])
		xx, xy, yy = xx+x*x, xy+x*y, yy+y*y
	}
	kept := xy * xy / xx
	return 20 * math.Log10(xy/xx), 10 * math.Log10(kept/(yy-kept))
}

// The bounds are some decibels below what the coder "twoloop" of FFmpeg 5.1 reaches. The
// coder "fast" changes the level of the loud tones by 1 to 3 dB and distorts them 10 to 18 dB
// below.
func TestAudioEncoder_KeepsQuality(t *testing.T) {
	for _, c := range []struct {
		name     string
		right    float64
		signal   func(float64) float64
		level    float64 // dB that it may change
		distance float64 // dB from the signal to what is not the signal, at least
	}{
		{"1 kHz near full scale", 1, sines(0.98, 1000), 0.5, 40},
		{"1 kHz at the limiter's ceiling", 1, sines(0.89, 1000), 0.2, 40},
		{"1 kHz, panned", 0.7, sines(0.89, 1000), 0.2, 28},
		{"1 kHz, on one side", 0, sines(0.89, 1000), 0.2, 40},
		{"a quiet tone", 1, sines(0.05, 1000), 0.2, 28},
		{"a low tone", 1, sines(0.89, 100), 0.2, 40},
		{"300 Hz", 1, sines(0.7, 300), 0.2, 40},
		{"3.1 kHz", 1, sines(0.89, 3100), 0.2, 40},
		{"10 kHz", 1, sines(0.7, 10_000), 0.2, 35},
		{"a chord", 1, sines(0.9, 261.6, 329.6, 392), 0.2, 36},
		{"notes", 1, scale, 0.4, 24},
		{"notes, panned", 0.7, scale, 0.4, 22},
		{"speech", 1, speech(1, 0.8), 0.9, 18},
		{"quiet speech", 1, speech(2, 0.05), 0.5, 18},
		{"many that speak", 0.7, together(8), 0.5, 18},
		{"noise", 1, pinkNoise(0.5), 1.5, 7},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := stereo(c.right, c.signal)
			level, distance := compare(in, throughAAC(t, in))
			result := fmt.Sprintf("its level changes by %.2f dB, distortion and noise are %.1f dB below", level, distance)
			if math.Abs(level) > c.level || distance < c.distance {
				t.Errorf("%s; want at most %g dB and at least %g dB", result, c.level, c.distance)
			} else {
				t.Log(result)
			}
		})
	}
}

// BenchmarkAudioEncoder encodes a second of audio.
func BenchmarkAudioEncoder(b *testing.B) {
	for name, signal := range map[string]func(float64) float64{"noise": pinkNoise(0.5), "speech": speech(1, 0.8), "many speak": together(8)} {
		b.Run(name, func(b *testing.B) {
			in := stereo(1, signal)[:2*SampleRate]
			e, err := NewAudioEncoder(AAC, 128_000)
			if err != nil {
				b.Fatal(err)
			}
			defer e.Close()
			for b.Loop() {
				if _, err := e.Encode(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
