package bandwidth

import "time"

const (
	minPacingBurst      = 20_000                // bytes that may leave at once at any bitrate
	pacingBurstDuration = 20 * time.Millisecond // of the bitrate that may leave at once
	startPacingBitrate  = 1_500_000
	maxIdleCredit       = time.Second // of the bitrate that an idle time earns
)

// Pacer delays bursts that the path would have to queue. A small burst leaves at once, so
// that it can be sent in one GSO batch. The zero value is ready to use.
type Pacer struct {
	credit    int64 // bytes that may leave
	updatedAt time.Duration
}

// Allow reports whether a packet may leave now at a pacing bitrate, and counts its bytes.
func (p *Pacer) Allow(now time.Duration, bitrate, bytes int) bool {
	earned := func(in time.Duration) int64 { return int64(bitrate) / 8 * int64(in) / int64(time.Second) }
	maxCredit := max(int64(minPacingBurst), earned(pacingBurstDuration))
	p.credit = min(p.credit+earned(min(now-p.updatedAt, maxIdleCredit)), maxCredit)
	p.updatedAt = now
	if p.credit <= 0 {
		return false
	}
	p.credit -= int64(bytes) // may become negative; otherwise no large packet could ever leave
	return true
}

// ClearCredit makes the next packets leave at the pacing bitrate, without a burst first: the
// queue of the path is full and would drop it.
func (p *Pacer) ClearCredit() { p.credit = min(p.credit, 0) }

// PacingBitrate returns the bitrate at which bursts leave. It is above the estimate, so that
// pictures are not late, and as fast as the path was seen to carry bursts. average is the
// bitrate that must pass on average.
func PacingBitrate(e *Estimator, average int) int {
	bitrate, known := e.Bitrate()
	if !known {
		bitrate = startPacingBitrate
	}
	if e.Congested() {
		return bitrate * 2 / 3 // leaves room for audio, which is not paced
	}
	return max(bitrate*3/2, e.BurstBitrate()*9/10, average*6/5)
}
