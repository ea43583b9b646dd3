package bandwidth

const (
	trialSpan    = 8 * second // a better layer that is lost within this time was a mistake
	patienceLess = 4 * second
	patienceMost = 64 * second
)

// Patience keeps a subscription from trying a layer again and again on a path that doesn't
// carry it: each failure doubles the wait. The zero value is ready.
type Patience struct {
	climbed     int64 // when a better layer was last given, and
	layer       int   // which
	wait, until int64
}

// Moved notes that a subscription was given another layer for what the bandwidth allows.
func (p *Patience) Moved(now int64, from, to int) {
	switch {
	case to > from:
		p.climbed, p.layer = now, to
	case p.climbed == 0:
	case now-p.climbed < trialSpan:
		p.wait = min(max(p.wait*2, patienceLess), patienceMost)
		p.until = now + p.wait
	case now-p.climbed > patienceMost:
		p.wait = 0
	}
}

// Bound lowers most, the index of the best layer that is wished, to what may be tried now.
func (p *Patience) Bound(now int64, most int) int {
	if now < p.until {
		return min(most, max(p.layer-1, 0))
	}
	return most
}
