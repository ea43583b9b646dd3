package bandwidth

const (
	TrainSpan = int64(100e6) // how long a train lasts, ns

	trainFactor = 2.5 // over the estimate: more could fill the path's queue
	trainMargin = 1.2 // over what is needed
	trainRate   = 200_000
	gained      = 1.1 // a train that lifted the estimate so far was worth it
	probeSoon   = int64(400e6)
	probeWait   = second
	probeMost   = 4 * second
	probeCalm   = 2 * second // after a queue
)

// A Prober decides when to send a train of packets over a path, to learn whether it carries
// more than what flows. The zero value is ready.
type Prober struct {
	last   int64 // when the latest train left
	wait   int64 // from then on until the next
	calm   int64 // until then none leaves, for there was a queue
	before int   // the estimate when the latest one was sent
}

// Due tells whether a train should leave now, and at how many bits a second, everything
// that flows meanwhile included. need is what could be made use of.
func (p *Prober) Due(now int64, e *Estimator, need int) (bps int, ok bool) {
	rate, known := e.Rate()
	worth := p.before == 0 || float64(rate) > float64(p.before)*gained
	if worth {
		p.wait = probeSoon
	}
	switch {
	case !known || need <= rate:
		p.before = 0
		return 0, false
	case e.Congested():
		p.calm = now + probeCalm
		return 0, false
	case now < p.calm || now-p.last < p.wait:
		return 0, false
	case !worth:
		p.wait = min(max(p.wait*2, probeWait), probeMost)
	}
	p.before, p.last = rate, now
	return max(int(min(float64(rate)*trainFactor, float64(need)*trainMargin)), trainRate), true
}
