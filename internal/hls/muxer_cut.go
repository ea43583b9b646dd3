package hls

import (
	"math"
	"time"
)

// A partCut is where a part ends.
type partCut struct {
	end    int64
	closes bool // the segment, too
}

// cut writes the parts that are complete.
func (m *Muxer) cut() error {
	if m.live.target == 0 && !m.measure() { // only a muxer sets it
		return nil
	}
	for {
		next, ok := m.nextCut()
		if !ok {
			return nil
		}
		reached, err := m.reaches(duration(next.end, m.lead().Rate))
		if err != nil || !reached {
			return err
		}
		m.write(next)
	}
}

// cutAll writes all parts up to an end, which does not end the segment.
func (m *Muxer) cutAll(end int64) error {
	if m.live.target == 0 {
		if m.since(end) < minSegment {
			return nil // nobody has seen it
		}
		m.configure(m.since(end))
	}
	for m.partStart < end {
		next, ok := m.nextCut()
		if !ok || next.end > end {
			next = partCut{end: min(end, m.partStart+m.partTicks())}
		}
		if err := m.fill(ticks(duration(next.end, m.lead().Rate), m.audio.track.Rate)); err != nil {
			return err
		}
		m.write(next)
	}
	return nil
}

func (m *Muxer) since(at int64) time.Duration {
	return duration(at-m.segmentStart, m.lead().Rate)
}

// measure sets the durations of segments and parts by the first segment of the stream.
func (m *Muxer) measure() bool {
	if !m.video.isKnown() {
		m.configure(audioSegment)
		return true
	}
	last := m.pictures[len(m.pictures)-1]
	if !last.Keyframe || m.since(last.Time) < minSegment-rounding {
		return false
	}
	m.configure(m.since(last.Time))
	return true
}

// configure sets the durations for a length of the first segment. A part is as long as
// the longest run of so many pictures, unless some are missing; a little longer where
// timestamps are rounded.
func (m *Muxer) configure(segment time.Duration) {
	m.live.mu.Lock()
	defer m.live.mu.Unlock()
	if !m.video.isKnown() {
		frame := duration(samplesPerFrame, m.audio.track.Rate)
		m.live.configure(targetDuration(segment), max(1, (partDuration/frame))*frame)
		return
	}
	mean := segment / time.Duration(max(1, len(m.pictures)-1))
	n := int(max(1, math.Round(partDuration.Seconds()/mean.Seconds())))
	shortest, longest := int64(math.MaxInt64), int64(0)
	for i := n; i < len(m.pictures); i++ {
		run := m.pictures[i].Time - m.pictures[i-n].Time
		shortest, longest = min(shortest, run), max(longest, run)
	}
	part := min(duration(longest, m.lead().Rate), mean*time.Duration(n)*5/4) + rounding - 1
	if longest > shortest+1 {
		part += rounding
	}
	m.live.configure(targetDuration(segment), min(max(part.Truncate(rounding), partDuration/2), maxPart))
}

// maxPart bounds PART-TARGET for low frame rates: such a picture lasts for several parts.
const maxPart = 500 * time.Millisecond

func (m *Muxer) partTicks() int64 {
	if !m.video.isKnown() {
		return max(1, ticks(m.live.part, m.lead().Rate)/samplesPerFrame) * samplesPerFrame
	}
	return ticks(m.live.part, m.lead().Rate)
}

// nextCut finds the end of the current part: at a keyframe that begins a segment, or when
// the next picture would make the part too long. A picture that lasts longer than a part
// continues in the next ones.
func (m *Muxer) nextCut() (partCut, bool) {
	length := m.partTicks()
	full := m.partStart + length
	if !m.video.isKnown() {
		return partCut{full, m.since(full) >= audioSegment-rounding}, m.cursor >= full
	}
	slack := ticks(rounding, m.lead().Rate)
	for i, p := range m.pictures {
		switch {
		case p.Time <= m.partStart:
			continue
		case p.Time > full+slack:
			return m.limit(full), true
		case p.Keyframe && m.since(p.Time) >= minSegment-rounding:
			return partCut{p.Time, true}, true
		case p.Time >= full-slack, i < len(m.pictures)-1 && p.end() > full+slack:
			return m.limit(p.Time), true
		}
	}
	return partCut{}, false
}

// limit is a cut that ends the segment if another part would make it too long.
func (m *Muxer) limit(end int64) partCut {
	longest := m.live.target + segmentTolerance
	return partCut{end, m.since(end)+m.live.part > longest || m.segmentBytes > maxSegmentBytes}
}

// write writes a part.
func (m *Muxer) write(c partCut) {
	end := duration(c.end, m.lead().Rate)
	var samples []Sample
	first := len(m.pictures) > 0 && m.pictures[0].Time == m.partStart && m.pictures[0].Keyframe
	take := func(queue []Sample) []Sample {
		n := 0
		for n < len(queue) && duration(queue[n].Time, m.init.tracks[queue[n].Track].Rate) < end {
			m.pending -= len(queue[n].Data)
			n++
		}
		samples = append(samples, queue[:n]...)
		return queue[n:]
	}
	m.pictures, m.sounds = take(m.pictures), take(m.sounds)
	m.fragments++
	data := Fragment(m.fragments, m.init.tracks, samples)
	begin := duration(m.partStart, m.lead().Rate)
	m.live.mu.Lock()
	m.live.begin(m.init, m.wall.Add(duration(m.segmentStart, m.lead().Rate)-m.began))
	m.live.addPart(end-begin, first || !m.video.isKnown(), data)
	if c.closes {
		m.live.complete()
	}
	m.live.mu.Unlock()
	m.partStart = c.end
	m.segmentBytes += len(data)
	if c.closes {
		m.segmentStart, m.segmentBytes = c.end, 0
	}
}
