package bandwidth

import "time"

// A Pacer holds back bursts that the path would have to queue. What the path's room or a
// small burst covers leaves at once, so that it can be sent as one. The zero value is ready.
type Pacer struct {
	credit    int64 // bytes that may leave
	updatedAt time.Duration
}

const (
	minPacingBurst      = 20_000                // bytes that may always leave together
	pacingBurstDuration = 20 * time.Millisecond // of the rate, likewise
	startPacingBitrate  = 1_500_000
	maxIdleCredit       = time.Second // no more than that is made up for, ns
)

// Take reports whether n bytes may leave now, at a rate of bits a second, and counts them.
func (p *Pacer) Allow(now time.Duration, rate, n int) bool {
	maxCredit := max(int64(minPacingBurst), int64(rate)/8*int64(pacingBurstDuration)/int64(second))
	p.credit = min(p.credit+int64(rate)/8*int64(min(now-p.updatedAt, maxIdleCredit))/int64(second), maxCredit)
	p.updatedAt = now
	if p.credit <= 0 {
		return false
	}
	p.credit -= int64(n) // the last one may overdraw: else nothing large could ever leave
	return true
}

// Forfeit has the next packets leave at the pace alone, without the burst that was saved up
// for: the path's queue is full and would drop it.
func (p *Pacer) ClearCredit() { p.credit = min(p.credit, 0) }

// PaceRate is the bits a second at which a burst should leave: above what the path carries
// on end, so that pictures aren't late, and as fast as it was seen to take bursts. flow is
// what has to keep up on average.
func PacingBitrate(e *Estimator, flow int) int {
	rate, known := e.Bitrate()
	if !known {
		rate = startPacingBitrate
	}
	if e.Congested() {
		return rate * 2 / 3 // and the sound still gets through
	}
	return max(rate*3/2, e.BurstBitrate()*9/10, flow*6/5)
}
