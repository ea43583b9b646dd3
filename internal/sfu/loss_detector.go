package sfu

import (
	"cmp"
	"slices"
	"time"
)

// losses notes which packets of a layer are missing and when to ask for each again
// (RFC 4585 §6.2.1). It is pure: the caller brings the time, in nanoseconds.
type lossDetector struct {
	missing    []missingPacket // ascending
	expected   uint64          // the number expected next
	started    bool
	reordering reorderTracker
	roundTrip  time.Duration // as due was told last
}

type missingPacket struct {
	sequence    uint64
	since       time.Duration // when it was overtaken
	tries       uint8
	requestedAt time.Duration
	nextRequest time.Duration
}

const (
	maxMissing      = 256 // beyond it a keyframe helps more than repair
	maxNackTries    = 10
	maxNackAge      = 4e9  // ns after which a packet is of no use any more
	minNackInterval = 20e6 // ns between two requests for one packet
)

// saw notes the arrival of a packet, repaired when it was sent again under an SSRC of its own
// (RFC 4588). tooMany reports that so much is missing at once that repair was given up.
func (l *lossDetector) record(sequence uint64, now time.Duration, repaired bool) (tooMany bool) {
	switch {
	case !l.started:
		l.started, l.expected = true, sequence+1
	case sequence >= l.expected:
		if sequence-l.expected > maxMissing-uint64(len(l.missing)) {
			l.missing, tooMany = l.missing[:0], true
		} else {
			again := now + l.reordering.nackDelay
			for s := l.expected; s < sequence; s++ {
				l.missing = append(l.missing, missingPacket{sequence: s, since: now, nextRequest: again})
			}
		}
		l.expected = sequence + 1
	default:
		i, found := slices.BinarySearchFunc(l.missing, sequence, func(m missingPacket, s uint64) int { return cmp.Compare(m.sequence, s) })
		if found {
			l.reordering.record(l.reorderDelay(l.missing[i], now, repaired))
			l.missing = slices.Delete(l.missing, i, i+1)
		}
	}
	return tooMany
}

// late tells by how much a packet that came was overtaken, 0 if it had been lost. Where a
// repair looks like the original, only what comes too soon to be one is taken for it.
func (l *lossDetector) reorderDelay(m missingPacket, now time.Duration, repaired bool) time.Duration {
	if repaired || m.tries > 0 && now-m.requestedAt > l.roundTrip/2 {
		return 0
	}
	return now - m.since
}

// due appends the numbers to ask for now and plans their next time: after the round trip and
// what the path mixes up, and more patiently each time. given counts those that are given up.
func (l *lossDetector) takeDue(out []uint64, now, rtt time.Duration) (ask []uint64, abandoned int) {
	l.roundTrip = rtt
	wait := max(rtt+max(rtt/4, l.reordering.nackDelay), minNackInterval)
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

// overtaken learns how long a path takes to bring what was overtaken on it, from the latest
// packets that were missing for a while. Where none is merely late nothing is waited for.
type reorderTracker struct {
	delays    [64]time.Duration // ns; 0 for those that were lost
	count     int
	nackDelay time.Duration // ns to wait before a packet is taken for lost
}

const (
	toleratedReordered = 3 // of the latest packets may be asked for in vain: one in twenty
	maxNackDelay       = 100e6
)

func (o *reorderTracker) record(late time.Duration) {
	o.delays[o.count%len(o.delays)] = late
	o.count++
	if late == 0 && o.nackDelay == 0 {
		return
	}
	sorted := o.delays
	slices.Sort(sorted[:])
	o.nackDelay = min(sorted[len(sorted)-1-toleratedReordered], maxNackDelay)
}
