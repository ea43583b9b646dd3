package sfu

import (
	"cmp"
	"slices"
	"time"
)

// lossDetector records which packets of a layer are missing and when to request each again
// (RFC 4585 §6.2.1). The caller passes in the time.
type lossDetector struct {
	missing    []missingPacket // ascending
	expected   uint64          // the number expected next
	started    bool
	reordering reorderTracker
	roundTrip  time.Duration // as last passed to takeDue
}

type missingPacket struct {
	sequence    uint64
	since       time.Duration // when a later packet arrived
	tries       uint8
	requestedAt time.Duration
	nextRequest time.Duration
}

const (
	maxMissing      = 256 // beyond this a keyframe helps more than retransmissions
	maxNackTries    = 10
	maxNackAge      = 4 * time.Second // after which a packet is of no use
	minNackInterval = 20 * time.Millisecond
)

// record records a received packet. retransmitted says that it came with an SSRC of its own
// for retransmissions (RFC 4588). tooMany reports that so much is missing that the missing
// packets were given up.
func (l *lossDetector) record(sequence uint64, now time.Duration, retransmitted bool) (tooMany bool) {
	switch {
	case !l.started:
		l.started, l.expected = true, sequence+1
	case sequence >= l.expected:
		if sequence-l.expected > maxMissing-uint64(len(l.missing)) {
			l.missing, tooMany = l.missing[:0], true
		} else {
			first := now + l.reordering.nackDelay
			for s := l.expected; s < sequence; s++ {
				l.missing = append(l.missing, missingPacket{sequence: s, since: now, nextRequest: first})
			}
		}
		l.expected = sequence + 1
	default:
		i, found := slices.BinarySearchFunc(l.missing, sequence, func(m missingPacket, s uint64) int { return cmp.Compare(m.sequence, s) })
		if found {
			l.reordering.record(l.reorderDelay(l.missing[i], now, retransmitted))
			l.missing = slices.Delete(l.missing, i, i+1)
		}
	}
	return tooMany
}

// reorderDelay returns by how much a packet was late, 0 if it was lost and retransmitted.
// Without an SSRC of its own, a retransmission is recognised by its time alone.
func (l *lossDetector) reorderDelay(m missingPacket, now time.Duration, retransmitted bool) time.Duration {
	if retransmitted || m.tries > 0 && now-m.requestedAt > l.roundTrip/2 {
		return 0
	}
	return now - m.since
}

// takeDue appends the numbers to request now and schedules the next request of each: after
// the round trip and the delay of reordered packets, and later with each try. abandoned
// counts the packets that were given up.
func (l *lossDetector) takeDue(out []uint64, now, roundTrip time.Duration) (due []uint64, abandoned int) {
	l.roundTrip = roundTrip
	wait := max(roundTrip+max(roundTrip/4, l.reordering.nackDelay), minNackInterval)
	keep := l.missing[:0]
	for _, m := range l.missing {
		if m.nextRequest <= now {
			if m.tries == maxNackTries || now-m.since > maxNackAge {
				abandoned++
				continue
			}
			m.nextRequest = now + wait + wait*time.Duration(m.tries)/4
			m.tries++
			m.requestedAt = now
			out = append(out, m.sequence)
		}
		keep = append(keep, m)
	}
	l.missing = keep
	return out, abandoned
}

// reorderTracker measures how late reordered packets arrive, from the latest packets that
// were missing for a while. On a path that does not reorder, requests are not delayed.
type reorderTracker struct {
	delays    [64]time.Duration // 0 for packets that were lost
	count     int
	nackDelay time.Duration // before a packet is taken for lost
}

const (
	toleratedReordered = 3 // of the latest packets may be requested needlessly: one in twenty
	maxNackDelay       = 100 * time.Millisecond
)

func (r *reorderTracker) record(delay time.Duration) {
	r.delays[r.count%len(r.delays)] = delay
	r.count++
	if delay == 0 && r.nackDelay == 0 {
		return
	}
	sorted := r.delays
	slices.Sort(sorted[:])
	r.nackDelay = min(sorted[len(sorted)-1-toleratedReordered], maxNackDelay)
}
