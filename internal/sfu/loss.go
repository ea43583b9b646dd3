package sfu

// losses notes which packets of a layer are missing and when to ask for each again
// (RFC 4585 §6.2.1). It is pure: the caller brings the time, in nanoseconds.
type losses struct {
	missing []lost // ascending
	next    uint64 // the number expected next
	begun   bool
}

type lost struct {
	sequence uint64
	tries    uint8
	again    int64
}

const (
	maxMissing   = 256 // beyond it a keyframe helps more than repair
	maxNackTries = 10
	nackReorder  = 10e6 // a packet may be this late before we ask, ns
)

// saw notes the arrival of a packet. tooMany reports that so much is missing at once that
// repair was given up.
func (l *losses) saw(sequence uint64, now int64) (tooMany bool) {
	switch {
	case !l.begun:
		l.begun, l.next = true, sequence+1
	case sequence >= l.next:
		if sequence-l.next > maxMissing-uint64(len(l.missing)) {
			l.missing, tooMany = l.missing[:0], true
		} else {
			for s := l.next; s < sequence; s++ {
				l.missing = append(l.missing, lost{sequence: s, again: now + nackReorder})
			}
		}
		l.next = sequence + 1
	default:
		for i := range l.missing {
			if l.missing[i].sequence == sequence {
				l.missing = append(l.missing[:i], l.missing[i+1:]...)
				break
			}
		}
	}
	return tooMany
}

// due appends the numbers to ask for now and plans their next time by the round trip.
// given counts those that are given up.
func (l *losses) due(out []uint64, now, rtt int64) (ask []uint64, given int) {
	keep := l.missing[:0]
	for _, m := range l.missing {
		if m.again <= now {
			if m.tries == maxNackTries {
				given++
				continue
			}
			m.tries++
			m.again = now + max(rtt+rtt/2, 20e6)
			out = append(out, m.sequence)
		}
		keep = append(keep, m)
	}
	l.missing = keep
	return out, given
}
