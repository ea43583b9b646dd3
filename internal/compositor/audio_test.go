//go:build cgo

package compositor

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"rostrum/internal/codec"
	"rostrum/internal/media"
)

// sine is a tone from a position on.
func sine(at, n int64) []float32 {
	s := make([]float32, 2*n)
	for i := range n {
		v := float32(0.5 * math.Sin(2*math.Pi*440*float64(at+i)/codec.SampleRate))
		s[2*i], s[2*i+1] = v, v
	}
	return s
}

// largestStep is the largest step between two samples of a channel: a tone of 440 Hz at
// one half has 0.029, a click much more.
func largestStep(samples []float32) float64 {
	largest := 0.0
	for i := 2; i < len(samples); i++ {
		largest = max(largest, math.Abs(float64(samples[i]-samples[i-2])))
	}
	return largest
}

const click = 0.06

func TestAudioReader_HasNoClicks(t *testing.T) {
	const tick = 1600
	read := func(b *audioBuffer, positions []int64, leaving bool) (out []float32) {
		r := &audioReader{}
		for i, at := range positions {
			mix := make([]float32, 2*tick)
			r.mix(b, at, mix, leaving && i == len(positions)-1)
			out = append(out, mix...)
		}
		return out
	}
	whole := &audioBuffer{}
	whole.write(0, sine(0, 20_000))
	gap := &audioBuffer{}
	gap.write(0, sine(0, 4000))
	gap.write(4960, sine(4960, 8000))
	short := &audioBuffer{}
	short.write(2000, sine(2000, 2000))
	cases := []struct {
		name      string
		buffer    *audioBuffer
		positions []int64
		leaving   bool
		silent    bool // at the end
	}{
		{"steady", whole, []int64{0, 1600, 3200, 4800}, false, false},
		{"drift of some samples", whole, []int64{0, 1610, 3250, 4900}, false, false},
		{"a jump ahead", whole, []int64{0, 1600, 9000, 10600}, false, false},
		{"a jump back", whole, []int64{8000, 9600, 3000, 4600}, false, false},
		{"a lost packet", gap, []int64{0, 1600, 3200, 4800, 6400}, false, false},
		{"audio that begins and ends", short, []int64{0, 1600, 3200, 4800}, false, true},
		{"a participant that leaves", whole, []int64{0, 1600, 3200}, true, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			out := read(c.buffer, c.positions, c.leaving)
			if s := largestStep(out); s > click {
				t.Errorf("there is a step of %.3f", s)
			}
			if last := math.Abs(float64(out[len(out)-1])); c.silent && last > 0.01 {
				t.Errorf("it ends at %.3f, want silence", last)
			}
			loudest := 0.0
			for _, v := range out {
				loudest = max(loudest, math.Abs(float64(v)))
			}
			if loudest < 0.3 {
				t.Errorf("nothing is audible: %.3f at most", loudest)
			}
		})
	}
}

func TestAudioBuffer_RejectsInvalidSamples(t *testing.T) {
	b := &audioBuffer{}
	b.write(0, []float32{float32(math.NaN()), float32(math.Inf(1)), -1e30, 0.5})
	for position := range int64(2) {
		left, right, ok := b.at(position)
		if !ok || !(left >= -4 && left <= 4) || !(right >= -4 && right <= 4) {
			t.Errorf("position %d is %v, %v, %v", position, left, right, ok)
		}
	}
}

func TestLimiter_KeepsTheCeilingWithoutClipping(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	l := &limiter{}
	var in, out []float32
	for n := range 200 {
		block := sine(int64(n*1600), 1600)
		for i := range block {
			block[i] *= float32(1 + 6*r.Float64()*float64((n/40)%2)) // loud in every other part
		}
		in = append(in, block...)
		out = append(out, l.limit(block)...)
	}
	if missing := len(in) - len(out); missing < 0 || missing > 4*stepSamples {
		t.Errorf("%d samples are held back", missing/2)
	}
	for i, v := range out {
		if v > ceiling+0.001 || v < -ceiling-0.001 {
			t.Fatalf("sample %d is %v", i/2, v)
		}
	}
	for i, v := range out[:2*1600*39] {
		if v != in[i] {
			t.Fatalf("quiet sample %d was changed from %v to %v", i/2, in[i], v)
		}
	}
}

func TestPlayout_DelayFollowsTheSlowestFrames(t *testing.T) {
	p := playout{}
	insert := func(from, to int, late func(n int) time.Duration) {
		for n := from; n < to; n++ {
			taken := time.Duration(n) * 20 * time.Millisecond
			arrived := taken + late(n)
			ticks := p.insert(media.Opus, uint32(n*960), time.Time{}, arrived)
			if n > from+200 {
				if due := p.due(media.Audio, ticks); due < arrived {
					t.Errorf("frame %d arrived %v too late", n, arrived-due)
				}
			}
		}
	}
	even := func(n int) time.Duration { return 10 * time.Millisecond }
	insert(0, 1000, even)
	if delay := p.due(media.Audio, 0) - 10*time.Millisecond; delay > 50*time.Millisecond {
		t.Errorf("on an even path the delay is %v", delay)
	}
	insert(1000, 2000, func(n int) time.Duration { return time.Duration(n%5) * 20 * time.Millisecond })
	if delay := p.due(media.Audio, 0); delay < 80*time.Millisecond || delay > 140*time.Millisecond {
		t.Errorf("with 80 ms of jitter the delay is %v", delay)
	}
	insert(2000, 3500, even)
	if delay := p.due(media.Audio, 0) - 10*time.Millisecond; delay > 50*time.Millisecond {
		t.Errorf("again on an even path the delay is %v", delay)
	}
}

func TestPlayout_SurvivesTimestampJumps(t *testing.T) {
	p := playout{}
	timestamp := uint32(1<<32 - 90_000)
	var last time.Duration
	for n := range 900 {
		if n == 600 {
			timestamp += 3_000_000_000 // the sender changed
		}
		arrived := time.Duration(n) * time.Second / 30
		due := p.due(media.Video, p.insert(media.VP8, timestamp, time.Time{}, arrived))
		if off := due - arrived; off < 0 || off > 200*time.Millisecond {
			t.Fatalf("frame %d is due %v after its arrival", n, off)
		}
		if due < last {
			t.Fatalf("frame %d is due before its predecessor", n)
		}
		last = due
		timestamp += 3000
	}
}

// due is when a frame is due.
func (p *playout) due(kind media.Kind, ticks int64) time.Duration {
	l := &p.timelines[kind]
	return p.epoch(l) + l.duration(ticks) + p.delay
}
