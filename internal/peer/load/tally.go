package load

import (
	"time"

	"rostrum/internal/media"
)

// A Tally is what a Receiver counted since it was reset, but for the waits, which
// are of the join.
type Tally struct {
	Packets, Bytes uint64 // RTP packets, and UDP payload, retransmissions too
	Lost           uint64 // packets that never came
	Again          uint64 // retransmissions
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
}

// take extends the number of a packet to 64 bits and counts it.
func (l *line) take(ssrc uint32, sequence uint16) {
	if !l.started {
		l.started, l.ssrc = true, ssrc
		l.highest = 1<<16 | uint64(sequence) // one turn up, so that an earlier one isn't below zero
		l.first = l.highest
	}
	n := l.highest + uint64(int64(int16(sequence-uint16(l.highest))))
	l.highest = max(l.highest, n)
	if n >= l.first {
		l.received++
	}
}

// lost is how many packets of the present Tally are missing.
func (l *line) lost() uint64 {
	if expected := l.highest - l.first + 1; l.started && expected > l.received {
		return expected - l.received
	}
	return 0
}

// reset begins another Tally after the newest packet.
func (l *line) reset() { l.first, l.received = l.highest+1, 0 }

// beginsKeyframe reports whether an H.264 payload is the beginning of a keyframe
// (RFC 6184 §5.2).
func beginsKeyframe(payload []byte) bool {
	const idr, sps, stapA, fuA = 5, 7, 24, 28
	if len(payload) < 2 {
		return false
	}
	switch payload[0] & 31 {
	case idr, sps:
		return true
	case stapA:
		return len(payload) > 3 && (payload[3]&31 == idr || payload[3]&31 == sps)
	case fuA:
		return payload[1]&31 == idr
	}
	return false
}

// settle is how long after the first picture latencies don't count: a server may
// send pictures it had kept, which are old.
const settle = time.Second

const maxLatencies = 1 << 13 // of one Tally

// lines are a subscription's two media, by kind.
type lines [2]line

func (l *lines) of(k media.Kind) *line {
	if k == media.Audio {
		return &l[0]
	}
	return &l[1]
}
