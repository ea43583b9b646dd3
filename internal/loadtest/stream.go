package loadtest

import (
	"time"

	"rostrum/internal/media"
)

// ReceiverStats are the figures of a Receiver since they were reset, but for the join times.
type ReceiverStats struct {
	Packets, Bytes uint64 // RTP packets, and UDP payload, retransmissions too
	Lost           uint64 // packets that did not arrive in order
	Missing        uint64 // of these, those that were not retransmitted either
	Retransmitted  uint64 // retransmissions
	Overflowed     uint64 // packets that the receiving socket dropped
	Frames         uint64 // pictures whose last packet was received
	Latencies      []time.Duration
	AudioLatencies []time.Duration // of encoders' speech

	FirstPacket  time.Duration // from offer; 0 while there is none
	FirstPicture time.Duration // from offer to the end of the first keyframe; 0 while there is none
}

// A stream is one RTP stream: a medium of the subscription.
type stream struct {
	ssrc     uint32
	started  bool
	first    uint64 // extended, since the reset
	highest  uint64
	received uint64 // since the reset
	repaired uint64 // since the reset
	missing  []missingPacket

	stamp         uint32 // RTP time of the newest packet
	lastExpected  uint64 // at the last report (RFC 3550 §6.4.1)
	lastReceived  uint64
	totalReceived uint64
	base          uint64
	report        uint32 // middle 32 bits of the last sender report's time
	reported      time.Time
}

// A missingPacket has not been received.
type missingPacket struct {
	sequence  uint64
	requested time.Time
	tries     int
}

const (
	maxMissing   = 256
	maxTries     = 10
	nackInterval = 50 * time.Millisecond
	reorderWait  = 2 * time.Millisecond // packets may be reordered
)

// take extends the sequence number of a packet and counts it. fresh says that it is newer
// than all before.
func (l *stream) take(ssrc uint32, sequence uint16, now time.Time) (fresh bool) {
	if !l.started {
		l.started, l.ssrc = true, ssrc
		l.highest = 1<<16 | uint64(sequence) // one cycle up, so that earlier ones are above zero
		l.first, l.base = l.highest, l.highest
		l.received, l.totalReceived = 1, 1
		return true
	}
	n := l.highest + uint64(int64(int16(sequence-uint16(l.highest))))
	if n <= l.highest {
		l.fill(n)
		return false
	}
	for lost := max(l.highest+1, n-min(n, maxMissing)); lost < n && len(l.missing) < maxMissing; lost++ {
		l.missing = append(l.missing, missingPacket{sequence: lost, requested: now.Add(reorderWait - nackInterval)})
	}
	l.highest = n
	l.received++
	l.totalReceived++
	return true
}

// fill counts a late packet: reordered, or retransmitted.
func (l *stream) fill(n uint64) {
	for i, h := range l.missing {
		if h.sequence != n {
			continue
		}
		l.missing = append(l.missing[:i], l.missing[i+1:]...)
		l.totalReceived++
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

// due appends the sequence numbers to request now.
func (l *stream) due(all []uint16, now time.Time) []uint16 {
	keep := l.missing[:0]
	for _, h := range l.missing {
		if now.Sub(h.requested) >= nackInterval {
			if h.tries == maxTries {
				continue // lost
			}
			h.requested, h.tries = now, h.tries+1
			all = append(all, uint16(h.sequence))
		}
		keep = append(keep, h)
	}
	l.missing = keep
	return all
}

// lost is how many packets did not arrive in order since the reset.
func (l *stream) lost() uint64 {
	if expected := l.highest + 1 - l.first; l.started && expected > l.received {
		return expected - l.received
	}
	return 0
}

// reset begins to count after the newest packet.
func (l *stream) reset() { l.first, l.received, l.repaired = l.highest+1, 0, 0 }

// beginsKeyframe reports whether an H.264 payload begins a keyframe (RFC 6184 §5.2).
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

// settle is how long latencies are not measured after the first picture: a server may begin
// with older pictures.
const settle = time.Second

const maxLatencies = 1 << 12 // between resets

// streams are a subscription's two media, by kind.
type streams [2]stream

func (l *streams) of(k media.Kind) *stream {
	if k == media.Audio {
		return &l[0]
	}
	return &l[1]
}
