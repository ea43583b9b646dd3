package bandwidth

import (
	"testing"
	"time"
)

func TestUpgradeBackoff_DoublesTheWaitAtEachFailure(t *testing.T) {
	var b UpgradeBackoff
	now := time.Minute
	for i, wait := range []time.Duration{4, 8, 16, 32, 64, 64} {
		wait *= time.Second
		b.RecordChange(now, 1, 2)
		now += trialDuration - 1
		b.RecordChange(now, 2, 1)
		for after, want := range map[time.Duration]int{0: 1, wait - 1: 1, wait: 5, wait + time.Hour: 5} {
			if got := b.CapLayer(now+after, 5); got != want {
				t.Errorf("%v after failure %d the best layer is %d, want %d", after, i, got, want)
			}
		}
		now += wait
	}
}

func TestUpgradeBackoff_CapsBelowTheLayerThatFailed(t *testing.T) {
	for _, c := range []struct {
		from, to, wanted, capped int
	}{{NoLayer, 0, 2, 0}, {0, 1, 2, 0}, {1, 2, 2, 1}, {0, 2, 5, 1}, {1, 2, 0, 0}, {1, 2, 1, 1}} {
		var b UpgradeBackoff
		b.RecordChange(time.Minute, c.from, c.to)
		b.RecordChange(time.Minute+1, c.to, c.from)
		if got := b.CapLayer(time.Minute+2, c.wanted); got != c.capped {
			t.Errorf("after %d to %d failed, %d is wanted: %d, want %d", c.from, c.to, c.wanted, got, c.capped)
		}
	}
}

func TestUpgradeBackoff_JudgesAnUpgradeByHowLongItLasts(t *testing.T) {
	for _, c := range []struct {
		name string
		b    UpgradeBackoff
		now  time.Duration
		to   int // from layer 1
		want UpgradeBackoff
	}{
		{"a loss before any upgrade", UpgradeBackoff{}, time.Second, 0, UpgradeBackoff{}},
		{"a loss within 8 s", UpgradeBackoff{upgradedAt: 1, layer: 1}, trialDuration, 0, UpgradeBackoff{1, 1, minUpgradeWait, trialDuration + minUpgradeWait}},
		{"a loss after 8 s", UpgradeBackoff{upgradedAt: 1, layer: 1, wait: 9}, trialDuration + 1, 0, UpgradeBackoff{1, 1, 9, 0}},
		{"a loss after 64 s", UpgradeBackoff{upgradedAt: 1, layer: 1, wait: 9}, maxUpgradeWait + 1, 0, UpgradeBackoff{1, 1, 9, 0}},
		{"a loss later than that", UpgradeBackoff{upgradedAt: 1, layer: 1, wait: 9}, maxUpgradeWait + 2, 0, UpgradeBackoff{1, 1, 0, 0}},
		{"no change", UpgradeBackoff{}, time.Second, 1, UpgradeBackoff{}},
		{"an upgrade", UpgradeBackoff{upgradedAt: 1, layer: 1, wait: 9, until: 3}, 5, 2, UpgradeBackoff{5, 2, 9, 3}},
	} {
		b := c.b
		if b.RecordChange(c.now, 1, c.to); b != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, b, c.want)
		}
	}
}
