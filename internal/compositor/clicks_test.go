//go:build cgo

package compositor

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"rostrum/internal/codec"
)

// TestProgram_HasNoClicksWhenParticipantsJoinAndLeave has participants with a steady tone
// join, leave, mute and vanish, and searches the output for anything but the tone: a cut
// through a wave has the whole spectrum.
func TestProgram_HasNoClicksWhenParticipantsJoinAndLeave(t *testing.T) {
	tone := clip{packets: toneSecond(t, hertz, 0.15)}
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Config{Width: 64, Height: 64})
		s.join("steady", tone, path{audio: 20 * time.Millisecond})
		r := rand.New(rand.NewPCG(3, 4))
		time.Sleep(time.Second)
		for i := range 12 {
			p := path{audio: time.Duration(10+r.IntN(40)) * time.Millisecond, jitter: time.Duration(1+r.IntN(20)) * time.Millisecond, seed: uint64(i)}
			m, err := s.stage.Join(ParticipantConfig{ID: fmt.Sprint(i)})
			if err != nil {
				t.Fatal(err)
			}
			for range 1 + i%2 { // some mute and unmute
				ctx, cancel := context.WithTimeout(s.ctx, time.Duration(500+r.IntN(700))*time.Millisecond)
				tone.send(ctx, m, p)
				cancel()
				if i%3 == 0 { // no packet comes any more
					time.Sleep(700 * time.Millisecond)
				}
			}
			m.Leave()
			time.Sleep(time.Duration(r.IntN(300)) * time.Millisecond)
		}
		o := s.stop()
		o.expectContinuous()
		samples := o.samples()[AudioRate/2:] // the first second begins with the tone itself
		loudest, at := largestResidual(samples)
		if loudest > 0.02 {
			t.Errorf("at %.3f s there is %.3f besides the tone", 0.5+float64(at)/AudioRate, loudest)
		}
		t.Logf("at most %.4f besides the tone", loudest)
	})
}

// hertz is the tone's frequency: packets of 20 ms end anywhere in its wave.
const hertz = 1013

// toneSecond is a second of a tone that can be repeated without a step.
func toneSecond(t *testing.T, hertz, level float64) [][]byte {
	t.Helper()
	e, err := codec.NewAudioEncoder(codec.Opus, 64_000)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	wave := make([]float32, 2*(2*codec.SampleRate+960))
	for i := range len(wave) / 2 {
		v := float32(level * math.Sin(2*math.Pi*hertz*float64(i)/codec.SampleRate))
		wave[2*i], wave[2*i+1] = v, v
	}
	packets, err := e.Encode(wave)
	if err != nil {
		t.Fatal(err)
	}
	return packets[50:100] // after a second the encoder has settled
}

// largestResidual is the largest sample after the tone is removed: a tone obeys
// x[i] = 2·cos(ω)·x[i-1] - x[i-2].
func largestResidual(samples []float32) (largest float64, at int) {
	k := 2 * math.Cos(2*math.Pi*hertz/AudioRate)
	for i := 2; i < len(samples); i++ {
		rest := math.Abs(float64(samples[i]) - k*float64(samples[i-1]) + float64(samples[i-2]))
		if rest > largest {
			largest, at = rest, i
		}
	}
	return largest, at
}
