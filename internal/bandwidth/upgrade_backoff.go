package bandwidth

import "time"

const (
	trialDuration  = 8 * second // a better layer that is lost within this time was a mistake
	minUpgradeWait = 4 * second
	maxUpgradeWait = 64 * second
)

// Patience keeps a subscription from trying a layer again and again on a path that doesn't
// carry it: each failure doubles the wait. The zero value is ready.
type UpgradeBackoff struct {
	upgradedAt  time.Duration // when a better layer was last given, and
	layer       int           // which
	wait, until time.Duration
}

// Moved notes that a subscription was given another layer for what the bandwidth allows.
func (p *UpgradeBackoff) RecordChange(now time.Duration, from, to int) {
	switch {
	case to > from:
		p.upgradedAt, p.layer = now, to
	case p.upgradedAt == 0:
	case now-p.upgradedAt < trialDuration:
		p.wait = min(max(p.wait*2, minUpgradeWait), maxUpgradeWait)
		p.until = now + p.wait
	case now-p.upgradedAt > maxUpgradeWait:
		p.wait = 0
	}
}

// Bound lowers most, the index of the best layer that is wished, to what may be tried now.
func (p *UpgradeBackoff) CapLayer(now time.Duration, maxLayer int) int {
	if now < p.until {
		return min(maxLayer, max(p.layer-1, 0))
	}
	return maxLayer
}
