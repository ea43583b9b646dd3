//go:build cgo

package compositor

import "rostrum/internal/codec"

const (
	ringSamples = codec.SampleRate          // a second is kept
	bridge      = codec.SampleRate / 50 * 3 // gaps up to 60 ms are bridged
	fade        = codec.SampleRate / 200    // 5 ms, in which sound comes and goes without a click
	slip        = codec.SampleRate / 100    // 10 ms: a listener so far off its place moves there
)

// A sound is what was decoded of one Member, by place on its timeline. Places are in
// samples of 48 kHz, which are the ticks of Opus.
type sound struct {
	ring  []float32
	begin int64 // the oldest place kept
	end   int64 // after the newest
}

// write puts decoded samples in their place. What went missing before them is
// bridged with an echo of what was last heard.
func (s *sound) write(at int64, samples []float32) {
	n := int64(len(samples) / 2)
	if n == 0 || n > ringSamples {
		return
	}
	if s.ring == nil {
		s.ring = make([]float32, 2*ringSamples)
		s.begin, s.end = at, at
	}
	comes := int64(0) // samples that fade in
	switch {
	case at < s.end-ringSamples || at > s.end+ringSamples: // nothing to join it to
		s.begin, s.end = at, at
	case at < s.end: // a packet again, or a sender that went back: what was said stands
		skip := s.end - at
		if skip >= n {
			return
		}
		at, samples, n = s.end, samples[2*skip:], n-skip
	case at > s.end:
		s.conceal(at - s.end)
		comes = fade
	}
	for i := range n {
		level := float32(1)
		if i < comes {
			level = float32(i) / fade
		}
		j := slot(at + i)
		s.ring[j], s.ring[j+1] = level*sane(samples[2*i]), level*sane(samples[2*i+1])
	}
	s.end = at + n
	s.begin = max(s.begin, s.end-ringSamples)
}

// sane is v, silence if broken data became no number or an absurd one: encoders
// refuse those.
func sane(v float32) float32 {
	if v > -4 && v < 4 {
		return v
	}
	return 0
}

func slot(place int64) int64 {
	i := place % ringSamples
	if i < 0 {
		i += ringSamples
	}
	return 2 * i
}

// conceal fills a gap: played backwards, the last sound goes on without a step; it
// fades away within the gap, or the bridge.
func (s *sound) conceal(gap int64) {
	last, length := s.end, min(gap, bridge)
	for i := range gap {
		var left, right float32
		if from := last - 1 - i; i < length && from >= s.begin {
			level := 1 - float32(i+1)/float32(length)
			j := slot(from)
			left, right = s.ring[j]*level, s.ring[j+1]*level
		}
		j := slot(last + i)
		s.ring[j], s.ring[j+1] = left, right
	}
	s.end += gap
	s.begin = max(s.begin, s.end-ringSamples)
}

// at returns the samples of a place; ok is false where nothing is.
func (s *sound) at(place int64) (left, right float32, ok bool) {
	if place < s.begin || place >= s.end {
		return 0, 0, false
	}
	j := slot(place)
	return s.ring[j], s.ring[j+1], true
}

// A listener reads a sound for one Program, at the Program's own pace. It follows
// the place that is due: off by more than slip, it crosses over to it.
type listener struct {
	place       int64
	gain        float32 // 0 where there's nothing to hear, 1 where there is
	left, right float32 // last heard
}

// read adds the sound from a place on to out. With leaving it fades away.
func (l *listener) read(s *sound, due int64, out []float32, leaving bool) {
	n := int64(len(out) / 2)
	old, cross := l.place, int64(0)
	if off := due - l.place; off >= slip || off <= -slip {
		l.place, cross = due, min(slip, n)
	}
	for i := range n {
		left, right, ok := s.at(l.place + i)
		if i < cross {
			was, wasRight, wasOK := s.at(old + i)
			if !wasOK {
				was, wasRight = l.left, l.right
			}
			if ok {
				w := float32(i) / float32(cross)
				left, right = left*w+was*(1-w), right*w+wasRight*(1-w)
			} else if wasOK {
				left, right, ok = was, wasRight, true
			}
		}
		if ok {
			l.gain = min(1, l.gain+1./fade)
			l.left, l.right = left, right
		} else {
			l.gain = max(0, l.gain-1./fade)
		}
		g := l.gain
		if leaving {
			g *= 1 - float32(i)/float32(n)
		}
		out[2*i] += l.left * g
		out[2*i+1] += l.right * g
	}
	l.place += n
}
