package sfu

import (
	"cmp"
	"slices"
)

// losses notes which packets of a layer are missing and when to ask for each again
// (RFC 4585 §6.2.1). It is pure: the caller brings the time, in nanoseconds.
type losses struct {
	missing   []lost // ascending
	next      uint64 // the number expected next
	begun     bool
	overtaken overtaken
	roundTrip int64 // as due was told last
}

type lost struct {
	sequence uint64
	since    int64 // when it was overtaken
	tries    uint8
	asked    int64
	again    int64
}

const (
	maxMissing   = 256 // beyond it a keyframe helps more than repair
	maxNackTries = 10
	maxNackTime  = 4e9  // ns after which a packet is of no use any more
	leastAgain   = 20e6 // ns between two requests for one packet
)

// saw notes the arrival of a packet, repaired when it was sent again under an SSRC of its own
// (RFC 4588). tooMany reports that so much is missing at once that repair was given up.
func (l *losses) saw(sequence uint64, now int64, repaired bool) (tooMany bool) {
	switch {
	case !l.begun:
		l.begun, l.next = true, sequence+1
	case sequence >= l.next:
		if sequence-l.next > maxMissing-uint64(len(l.missing)) {
			l.missing, tooMany = l.missing[:0], true
		} else {
			again := now + l.overtaken.patience
			for s := l.next; s < sequence; s++ {
				l.missing = append(l.missing, lost{sequence: s, since: now, again: again})
			}
		}
		l.next = sequence + 1
	default:
		i, found := slices.BinarySearchFunc(l.missing, sequence, func(m lost, s uint64) int { return cmp.Compare(m.sequence, s) })
		if found {
			l.overtaken.note(l.late(l.missing[i], now, repaired))
			l.missing = slices.Delete(l.missing, i, i+1)
		}
	}
	return tooMany
}

// late tells by how much a packet that came was overtaken, 0 if it had been lost. Where a
// repair looks like the original, only what comes too soon to be one is taken for it.
func (l *losses) late(m lost, now int64, repaired bool) int64 {
	if repaired || m.tries > 0 && now-m.asked > l.roundTrip/2 {
		return 0
	}
	return now - m.since
}

// due appends the numbers to ask for now and plans their next time: after the round trip and
// what the path mixes up, and more patiently each time. given counts those that are given up.
func (l *losses) due(out []uint64, now, rtt int64) (ask []uint64, given int) {
	l.roundTrip = rtt
	wait := max(rtt+max(rtt/4, l.overtaken.patience), leastAgain)
	keep := l.missing[:0]
	for _, m := range l.missing {
		if m.again <= now {
			if m.tries == maxNackTries || now-m.since > maxNackTime {
				given++
				continue
			}
			m.again = now + wait + wait*int64(m.tries)/4
			m.tries++
			m.asked = now
			out = append(out, m.sequence)
		}
		keep = append(keep, m)
	}
	l.missing = keep
	return out, given
}

// overtaken learns how long a path takes to bring what was overtaken on it, from the latest
// packets that were missing for a while. Where none is merely late nothing is waited for.
type overtaken struct {
	late     [64]int64 // ns; 0 for those that were lost
	n        int
	patience int64 // ns to wait before a packet is taken for lost
}

const (
	spared      = 3 // of the latest packets may be asked for in vain: one in twenty
	maxPatience = 100e6
)

func (o *overtaken) note(late int64) {
	o.late[o.n%len(o.late)] = late
	o.n++
	if late == 0 && o.patience == 0 {
		return
	}
	sorted := o.late
	slices.Sort(sorted[:])
	o.patience = min(sorted[len(sorted)-1-spared], maxPatience)
}
