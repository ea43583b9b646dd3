//go:build cgo

package compositor

import "rostrum/internal/codec"

// Lengths of audio, in samples of a channel.
const (
	bufferedSamples  = codec.SampleRate          // a second
	concealedSamples = codec.SampleRate / 50 * 3 // 60 ms: longer gaps become silent
	fadeSamples      = codec.SampleRate / 200    // 5 ms, in which audio begins and ends without a click
	resyncThreshold  = codec.SampleRate / 100    // 10 ms: a reader that is off by more moves to the due position
)

// An audioBuffer holds the decoded audio of one participant. Positions are in samples of
// 48 kHz, which are the ticks of Opus.
type audioBuffer struct {
	ring  []float32
	begin int64 // the oldest position that is kept
	end   int64 // after the newest
}

// write stores decoded samples at their position. A gap before them is concealed.
func (b *audioBuffer) write(at int64, samples []float32) {
	n := int64(len(samples) / 2)
	if n == 0 || n > bufferedSamples {
		return
	}
	if b.ring == nil {
		b.ring = make([]float32, 2*bufferedSamples)
		b.begin, b.end = at, at
	}
	fadeIn := int64(0)
	switch {
	case at < b.end-bufferedSamples || at > b.end+bufferedSamples: // it continues nothing
		b.begin, b.end = at, at
	case at < b.end: // a duplicate, or timestamps that went back: what is stored stays
		skip := b.end - at
		if skip >= n {
			return
		}
		at, samples, n = b.end, samples[2*skip:], n-skip
	case at > b.end:
		b.conceal(at - b.end)
		fadeIn = fadeSamples
	}
	for i := range n {
		level := float32(1)
		if i < fadeIn {
			level = float32(i) / fadeSamples
		}
		j := ringIndex(at + i)
		b.ring[j], b.ring[j+1] = level*valid(samples[2*i]), level*valid(samples[2*i+1])
	}
	b.end = at + n
	b.begin = max(b.begin, b.end-bufferedSamples)
}

// valid is v, or silence where damaged data became no number or an extreme one:
// encoders refuse those.
func valid(v float32) float32 {
	if v > -4 && v < 4 {
		return v
	}
	return 0
}

func ringIndex(position int64) int64 {
	i := position % bufferedSamples
	if i < 0 {
		i += bufferedSamples
	}
	return 2 * i
}

// conceal fills a gap with the last audio played backwards, which continues it without a
// step, and fades it out.
func (b *audioBuffer) conceal(gap int64) {
	last, length := b.end, min(gap, concealedSamples)
	for i := range gap {
		var left, right float32
		if from := last - 1 - i; i < length && from >= b.begin {
			level := 1 - float32(i+1)/float32(length)
			j := ringIndex(from)
			left, right = b.ring[j]*level, b.ring[j+1]*level
		}
		j := ringIndex(last + i)
		b.ring[j], b.ring[j+1] = left, right
	}
	b.end += gap
	b.begin = max(b.begin, b.end-bufferedSamples)
}

// at returns the samples at a position; ok is false where none are stored.
func (b *audioBuffer) at(position int64) (left, right float32, ok bool) {
	if position < b.begin || position >= b.end {
		return 0, 0, false
	}
	j := ringIndex(position)
	return b.ring[j], b.ring[j+1], true
}

// An audioReader reads an audioBuffer for one Program, at the Program's rate. It stays
// within resyncThreshold of the position that is due.
type audioReader struct {
	position    int64
	gain        float32 // 0 where the buffer has nothing, 1 where it has
	left, right float32 // the last samples
}

// mix adds the audio from a position on to out. With leaving it fades out.
func (r *audioReader) mix(b *audioBuffer, due int64, out []float32, leaving bool) {
	n := int64(len(out) / 2)
	old, cross := r.position, int64(0)
	if off := due - r.position; off >= resyncThreshold || off <= -resyncThreshold {
		r.position, cross = due, min(resyncThreshold, n)
	}
	for i := range n {
		left, right, ok := b.at(r.position + i)
		if i < cross {
			oldLeft, oldRight, oldOK := b.at(old + i)
			if !oldOK {
				oldLeft, oldRight = r.left, r.right
			}
			if ok {
				w := float32(i) / float32(cross)
				left, right = left*w+oldLeft*(1-w), right*w+oldRight*(1-w)
			} else if oldOK {
				left, right, ok = oldLeft, oldRight, true
			}
		}
		if ok {
			r.gain = min(1, r.gain+1./fadeSamples)
			r.left, r.right = left, right
		} else {
			r.gain = max(0, r.gain-1./fadeSamples)
		}
		g := r.gain
		if leaving {
			g *= 1 - float32(i)/float32(n)
		}
		out[2*i] += r.left * g
		out[2*i+1] += r.right * g
	}
	r.position += n
}
