package bandwidth

import "time"

const (
	trialDuration  = 8 * time.Second // a better layer that is lost within this time has failed
	minUpgradeWait = 4 * time.Second
	maxUpgradeWait = 64 * time.Second
)

// UpgradeBackoff keeps a subscription from trying a layer again and again on a path that does
// not carry it: each failure doubles the wait. The zero value is ready to use.
type UpgradeBackoff struct {
	upgradedAt  time.Duration
	layer       int // that was upgraded to
	wait, until time.Duration
}

// RecordChange records that a subscription got another layer because of the bandwidth.
func (b *UpgradeBackoff) RecordChange(now time.Duration, from, to int) {
	switch {
	case to > from:
		b.upgradedAt, b.layer = now, to
	case b.upgradedAt == 0:
	case now-b.upgradedAt < trialDuration:
		b.wait = min(max(b.wait*2, minUpgradeWait), maxUpgradeWait)
		b.until = now + b.wait
	case now-b.upgradedAt > maxUpgradeWait:
		b.wait = 0
	}
}

// CapLayer lowers maxLayer, the best layer that is wanted, to the best that may be tried now.
func (b *UpgradeBackoff) CapLayer(now time.Duration, maxLayer int) int {
	if now < b.until {
		return min(maxLayer, max(b.layer-1, 0))
	}
	return maxLayer
}
