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

// sine is a tone from a place on.
func sine(at, n int64) []float32 {
	s := make([]float32, 2*n)
	for i := range n {
		v := float32(0.5 * math.Sin(2*math.Pi*440*float64(at+i)/codec.SampleRate))
		s[2*i], s[2*i+1] = v, v
	}
	return s
}

// steepest is the largest step between two samples of a channel: a tone of 440 Hz at
// one half has 0.029, a click much more.
func steepest(samples []float32) float64 {
	most := 0.0
	for i := 2; i < len(samples); i++ {
		most = max(most, math.Abs(float64(samples[i]-samples[i-2])))
	}
	return most
}

const click = 0.06

func TestListener_HasNoClicks(t *testing.T) {
	const tick = 1600
	hear := func(s *sound, places []int64, leaving bool) (out []float32) {
		l := &listener{}
		for i, at := range places {
			mix := make([]float32, 2*tick)
			l.read(s, at, mix, leaving && i == len(places)-1)
			out = append(out, mix...)
		}
		return out
	}
	whole := &sound{}
	whole.write(0, sine(0, 20_000))
	gap := &sound{}
	gap.write(0, sine(0, 4000))
	gap.write(4960, sine(4960, 8000))
	short := &sound{}
	short.write(2000, sine(2000, 2000))
	cases := []struct {
		name    string
		sound   *sound
		places  []int64
		leaving bool
		silent  bool // in the end
	}{
		{"steady", whole, []int64{0, 1600, 3200, 4800}, false, false},
		{"drift of some samples", whole, []int64{0, 1610, 3250, 4900}, false, false},
		{"a jump ahead", whole, []int64{0, 1600, 9000, 10600}, false, false},
		{"a jump back", whole, []int64{8000, 9600, 3000, 4600}, false, false},
		{"a packet that never came", gap, []int64{0, 1600, 3200, 4800, 6400}, false, false},
		{"sound that begins and ends", short, []int64{0, 1600, 3200, 4800}, false, true},
		{"a member who leaves", whole, []int64{0, 1600, 3200}, true, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			out := hear(c.sound, c.places, c.leaving)
			if s := steepest(out); s > click {
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
				t.Errorf("nothing is heard: %.3f at most", loudest)
			}
		})
	}
}

func TestSound_KeepsOutWhatIsNoSample(t *testing.T) {
	s := &sound{}
	s.write(0, []float32{float32(math.NaN()), float32(math.Inf(1)), -1e30, 0.5})
	for place := range int64(2) {
		left, right, ok := s.at(place)
		if !ok || !(left >= -4 && left <= 4) || !(right >= -4 && right <= 4) {
			t.Errorf("place %d is %v, %v, %v", place, left, right, ok)
		}
	}
}

func TestLimiter_HoldsTheCeilingWithoutClipping(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	l := &limiter{}
	var in, out []float32
	for n := range 200 {
		block := sine(int64(n*1600), 1600)
		for i := range block {
			block[i] *= float32(1 + 6*r.Float64()*float64((n/40)%2)) // loud every other while
		}
		in = append(in, block...)
		out = append(out, l.limit(block)...)
	}
	if missing := len(in) - len(out); missing < 0 || missing > 4*step {
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

func TestPlayout_WaitsForTheSlowestAndNoLonger(t *testing.T) {
	p := playout{}
	feed := func(from, to int, late func(n int) time.Duration) {
		for n := from; n < to; n++ {
			taken := time.Duration(n) * 20 * time.Millisecond
			arrived := taken + late(n)
			ticks := p.arrive(media.Opus, uint32(n*960), time.Time{}, arrived)
			if n > from+200 {
				if due := p.due(media.Audio, ticks); due < arrived {
					t.Errorf("frame %d arrived %v too late", n, arrived-due)
				}
			}
		}
	}
	even := func(n int) time.Duration { return 10 * time.Millisecond }
	feed(0, 1000, even)
	if kept := p.due(media.Audio, 0) - 10*time.Millisecond; kept > 50*time.Millisecond {
		t.Errorf("on an even path %v is waited", kept)
	}
	feed(1000, 2000, func(n int) time.Duration { return time.Duration(n%5) * 20 * time.Millisecond })
	if kept := p.due(media.Audio, 0); kept < 80*time.Millisecond || kept > 140*time.Millisecond {
		t.Errorf("with 80 ms of jitter %v is waited", kept)
	}
	feed(2000, 3500, even)
	if kept := p.due(media.Audio, 0) - 10*time.Millisecond; kept > 50*time.Millisecond {
		t.Errorf("back on an even path %v is waited", kept)
	}
}

func TestPlayout_SurvivesTimestampsThatJump(t *testing.T) {
	p := playout{}
	timestamp := uint32(1<<32 - 90_000)
	var last time.Duration
	for n := range 900 {
		if n == 600 {
			timestamp += 3_000_000_000 // another sender behind the same name
		}
		arrived := time.Duration(n) * time.Second / 30
		due := p.due(media.Video, p.arrive(media.VP8, timestamp, time.Time{}, arrived))
		if off := due - arrived; off < 0 || off > 200*time.Millisecond {
			t.Fatalf("frame %d is due %v after it came", n, off)
		}
		if due < last {
			t.Fatalf("frame %d is due before the one before", n)
		}
		last = due
		timestamp += 3000
	}
}

// due is when a frame is to be shown or heard.
func (p *playout) due(kind media.Kind, ticks int64) time.Duration {
	l := &p.lines[kind]
	return p.epoch(l) + l.span(ticks) + p.delay
}
