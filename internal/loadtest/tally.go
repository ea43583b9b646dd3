package loadtest

import (
	"time"

	"rostrum/internal/media"
)

// A Tally is what a Receiver counted since it was reset, but for the waits, which
// are of the join.
type Tally struct {
	Packets, Bytes uint64 // RTP packets, and UDP payload, retransmissions too
	Lost           uint64 // packets that didn't come when it was their turn
	Missing        uint64 // and not when they were asked for, either
	Again          uint64 // retransmissions
	Overflowed     uint64 // packets that our own socket had no room for
	Frames         uint64 // pictures whose last packet came
	Latencies      []time.Duration

	FirstPacket  time.Duration // from offer; 0 while there is none
	FirstPicture time.Duration // from offer to the end of the first keyframe; 0 while there is none
}

// line is one RTP sequence line: a medium of the subscription.
type line struct {
	ssrc     uint32
	started  bool
	first    uint64 // extended, of the present Tally
	highest  uint64
	received uint64 // of the present Tally
	repaired uint64 // of the present Tally
	missing  []hole

	stamp        uint32 // RTP time of the newest packet
	expectedThen uint64 // at the last report (RFC 3550 §6.4.1)
	receivedThen uint64
	receivedEver uint64
	base         uint64
	report       uint32 // middle of the server's last report's time, and when it came
	reported     time.Time
}

// hole is a packet that hasn't come.
type hole struct {
	sequence uint64
	asked    time.Time
	tries    int
}

const (
	mostHoles  = 256
	mostTries  = 10
	askAgain   = 50 * time.Millisecond
	waitBefore = 2 * time.Millisecond // packets may overtake each other
)

// take extends the number of a packet to 64 bits and counts it; fresh tells that it
// continues the line.
func (l *line) take(ssrc uint32, sequence uint16, now time.Time) (fresh bool) {
	if !l.started {
		l.started, l.ssrc = true, ssrc
		l.highest = 1<<16 | uint64(sequence) // one turn up, so that an earlier one isn't below zero
		l.first, l.base = l.highest, l.highest
		l.received, l.receivedEver = 1, 1
		return true
	}
	n := l.highest + uint64(int64(int16(sequence-uint16(l.highest))))
	if n <= l.highest {
		l.fill(n)
		return false
	}
	for lost := max(l.highest+1, n-min(n, mostHoles)); lost < n && len(l.missing) < mostHoles; lost++ {
		l.missing = append(l.missing, hole{sequence: lost, asked: now.Add(waitBefore - askAgain)})
	}
	l.highest = n
	l.received++
	l.receivedEver++
	return true
}

// fill takes a packet that came late: by itself, or because it was asked for.
func (l *line) fill(n uint64) {
	for i, h := range l.missing {
		if h.sequence != n {
			continue
		}
		l.missing = append(l.missing[:i], l.missing[i+1:]...)
		l.receivedEver++
		switch {
		case n < l.first:
		case h.tries == 0:
			l.received++
		default:
			l.repaired++
		}
		return
	}
}

// due appends the numbers to ask for now.
func (l *line) due(all []uint16, now time.Time) []uint16 {
	keep := l.missing[:0]
	for _, h := range l.missing {
		if now.Sub(h.asked) >= askAgain {
			if h.tries == mostTries {
				continue // given up
			}
			h.asked, h.tries = now, h.tries+1
			all = append(all, uint16(h.sequence))
		}
		keep = append(keep, h)
	}
	l.missing = keep
	return all
}

// lost is how many packets of the present Tally didn't come by themselves.
func (l *line) lost() uint64 {
	if expected := l.highest + 1 - l.first; l.started && expected > l.received {
		return expected - l.received
	}
	return 0
}

// reset begins another Tally after the newest packet.
func (l *line) reset() { l.first, l.received, l.repaired = l.highest+1, 0, 0 }

// beginsKeyframe reports whether an H.264 payload is the beginning of a keyframe
// (RFC 6184 §5.2).
func beginsKeyframe(payload []byte) bool {
	const stapA, fuA = 24, 28
	if len(payload) < 2 {
		return false
	}
	switch payload[0] & 31 {
	case nalIDR, nalSPS:
		return true
	case stapA:
		return len(payload) > 3 && (payload[3]&31 == nalIDR || payload[3]&31 == nalSPS)
	case fuA:
		return payload[1]&31 == nalIDR
	}
	return false
}

// settle is how long after the first picture latencies don't count: a server may
// send pictures it had kept, which are old.
const settle = time.Second

const maxLatencies = 1 << 12 // of one Tally

// lines are a subscription's two media, by kind.
type lines [2]line

func (l *lines) of(k media.Kind) *line {
	if k == media.Audio {
		return &l[0]
	}
	return &l[1]
}
