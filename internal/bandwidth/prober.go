package bandwidth

import "time"

const (
	ProbeDuration = 100 * time.Millisecond // how long a train lasts, ns

	probeFactor           = 2.5 // over the estimate: more could fill the path's queue
	neededMargin          = 1.2 // over what is needed
	minProbeBitrate       = 200_000
	gainRatio             = 1.1 // a train that lifted the estimate so far was worth it
	minProbeWait          = 400 * time.Millisecond
	unsuccessfulProbeWait = second
	maxProbeWait          = 4 * second
	congestionHold        = 2 * second // after a queue
)

// A Prober decides when to send a train of packets over a path, to learn whether it carries
// more than what flows. The zero value is ready.
type Prober struct {
	last         time.Duration // when the latest train left
	wait         time.Duration // from then on until the next
	heldUntil    time.Duration // until then none leaves, for there was a queue
	lastEstimate int           // the estimate when the latest one was sent
}

// Due tells whether a train should leave now, and at how many bits a second, everything
// that flows meanwhile included. need is what could be made use of.
func (p *Prober) Next(now time.Duration, e *Estimator, need int) (bps int, ok bool) {
	rate, known := e.Bitrate()
	worth := p.lastEstimate == 0 || float64(rate) > float64(p.lastEstimate)*gainRatio
	if worth {
		p.wait = minProbeWait
	}
	switch {
	case !known || need <= rate:
		p.lastEstimate = 0
		return 0, false
	case e.Congested():
		p.heldUntil = now + congestionHold
		return 0, false
	case now < p.heldUntil || now-p.last < p.wait:
		return 0, false
	case !worth:
		p.wait = min(max(p.wait*2, unsuccessfulProbeWait), maxProbeWait)
	}
	p.lastEstimate, p.last = rate, now
	return max(int(min(float64(rate)*probeFactor, float64(need)*neededMargin)), minProbeBitrate), true
}
