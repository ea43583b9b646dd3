package bandwidth

import (
	"testing"
	"time"
)

func TestPacer_SendsNoBurstAfterClearCredit(t *testing.T) {
	const bitrate = 240_000 // 30 bytes per millisecond
	var p Pacer
	now, sent := time.Second, 0
	p.Allow(now, bitrate, 1)
	now += time.Second
	p.Allow(now, bitrate, 1)
	p.ClearCredit()
	for range 100 {
		now += time.Millisecond
		for p.Allow(now, bitrate, 100) {
			sent += 100
		}
	}
	if sent < 2900 || sent > 3200 {
		t.Errorf("%d bytes left in 100 ms, want 3,000", sent)
	}
}
