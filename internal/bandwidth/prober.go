package bandwidth

import "time"

// ProbeDuration is the length of a probe cluster.
const ProbeDuration = 100 * time.Millisecond

const (
	probeFactor     = 2.5 // of the estimate; more could fill the queue of the path
	neededMargin    = 1.2 // of the needed bitrate
	minProbeBitrate = 200_000
	gainRatio       = 1.1 // by which an estimate must have grown for a probe to count as a success

	minProbeWait          = 400 * time.Millisecond
	unsuccessfulProbeWait = time.Second
	maxProbeWait          = 4 * time.Second
	congestionHold        = 2 * time.Second
)

// Prober decides when to send a probe cluster, to learn whether a path carries more than what
// flows. The wait grows while probes gain nothing. The zero value is ready to use.
type Prober struct {
	last         time.Duration // when the latest cluster was sent
	wait         time.Duration // from then to the next one
	heldUntil    time.Duration // no cluster before this time, because there was a queue
	lastEstimate int           // when the latest cluster was sent, 0 before the first
}

// Next reports whether a cluster is due, and the bitrate to send at during it, with the media
// that flows included. needed is the bitrate that could be used.
func (p *Prober) Next(now time.Duration, e *Estimator, needed int) (bitrate int, ok bool) {
	estimate, known := e.Bitrate()
	gained := p.lastEstimate == 0 || float64(estimate) > float64(p.lastEstimate)*gainRatio
	if gained {
		p.wait = minProbeWait
	}
	switch {
	case !known || needed <= estimate:
		p.lastEstimate = 0
		return 0, false
	case e.Congested():
		p.heldUntil = now + congestionHold
		return 0, false
	case now < p.heldUntil || now-p.last < p.wait:
		return 0, false
	case !gained:
		p.wait = min(max(p.wait*2, unsuccessfulProbeWait), maxProbeWait)
	}
	p.lastEstimate, p.last = estimate, now
	return max(int(min(float64(estimate)*probeFactor, float64(needed)*neededMargin)), minProbeBitrate), true
}
