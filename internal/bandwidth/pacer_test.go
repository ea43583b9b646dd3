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
		for sent < 10_000 && p.Allow(now, bitrate, 100) {
			sent += 100
		}
	}
	if sent < 2900 || sent > 3200 {
		t.Errorf("%d bytes left in 100 ms, want 3,000", sent)
	}
}

func TestPacer_AllowsABurst(t *testing.T) {
	for _, c := range []struct {
		name    string
		bitrate int
		idle    time.Duration // before the first packet
		bytes   int           // of each packet
		leave   int           // packets at once
		next    time.Duration // after which one more may leave
	}{
		{"at a low bitrate", 80_000, time.Hour, 100, 100, 10001 * time.Microsecond / 100},
		{"no more than a second earns", 80_000, 0, 100, 0, time.Millisecond},
		{"of 20 kB", 800_000, time.Hour, 1000, 20, time.Millisecond},
		{"at a bitrate of which 20 ms are 20 kB", 8_000_000, time.Hour, 1000, 20, time.Millisecond},
		{"at a higher one", 16_000_000, time.Hour, 1000, 40, time.Millisecond},
		{"of a packet that is larger than all", 800_000, time.Hour, 30_000, 1, 100*time.Millisecond + time.Millisecond},
	} {
		var p Pacer
		now, left := c.idle, 0
		for left < 1000 && p.Allow(now, c.bitrate, c.bytes) {
			left++
		}
		if left != c.leave {
			t.Errorf("%s: %d packets leave, want %d", c.name, left, c.leave)
		}
		if c.next > time.Millisecond && p.Allow(now+c.next-time.Millisecond, c.bitrate, c.bytes) {
			t.Errorf("%s: one more leaves before %v", c.name, c.next)
		}
		if !p.Allow(now+c.next, c.bitrate, c.bytes) {
			t.Errorf("%s: none leaves after %v", c.name, c.next)
		}
	}
}

func TestPacer_SendsAtThePacingBitrate(t *testing.T) {
	const bitrate = 800_000 // 100 bytes per millisecond
	var p Pacer
	now := time.Hour
	for range minPacingBurst / 100 {
		p.Allow(now, bitrate, 100)
	}
	for range 1000 {
		now += time.Millisecond
		if !p.Allow(now, bitrate, 100) {
			t.Fatalf("the packet of %v is held", now-time.Hour)
		}
		if p.Allow(now, bitrate, 100) {
			t.Fatalf("two packets leave at %v", now-time.Hour)
		}
	}
}

func TestPacingBitrate_IsAboveTheEstimate(t *testing.T) {
	for _, c := range []struct {
		name    string
		e       Estimator
		average int
		want    int
	}{
		{"nothing is known", Estimator{}, 0, 2_250_000},
		{"an estimate", Estimator{known: true, bitrate: 1_000_000}, 0, 1_500_000},
		{"faster bursts", Estimator{known: true, bitrate: 1_000_000, burstBitrate: 4_000_000}, 0, 3_600_000},
		{"slower bursts", Estimator{known: true, bitrate: 1_000_000, burstBitrate: 1_000_000}, 0, 1_500_000},
		{"more must pass", Estimator{known: true, bitrate: 1_000_000, burstBitrate: 1_000_000}, 2_000_000, 2_400_000},
		{"a standing queue", Estimator{known: true, bitrate: 1_200_000, burstBitrate: 4_000_000, congestion: congestion{congested: true}}, 2_000_000, 800_000},
	} {
		if got := PacingBitrate(&c.e, c.average); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}
