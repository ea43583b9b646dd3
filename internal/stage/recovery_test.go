package stage

import (
	"testing"
	"testing/synctest"
	"time"

	"rostrum/internal/store"
)

// TestSightings_AWrongClockBuriesNobody: whatever another node's clock says, and however it
// jumps, the node lives as long as its sign of life changes, and no longer.
func TestSightings_AWrongClockBuriesNobody(t *testing.T) {
	const lease = 20 * time.Second
	for says, clock := range map[string]func(i int) time.Duration{
		"in step":              func(int) time.Duration { return 0 },
		"an hour slow":         func(int) time.Duration { return -time.Hour },
		"an hour fast":         func(int) time.Duration { return time.Hour },
		"jumping by two hours": func(i int) time.Duration { return time.Duration(i%2*2-1) * time.Hour },
	} {
		t.Run(says, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				seen := sightings{}
				var n store.Node
				for i := range 20 {
					n = store.Node{ID: "other", Seen: time.Now().Add(clock(i))}
					if seen.silent(n, lease) {
						t.Fatal("a living node was taken for dead")
					}
					time.Sleep(beatEvery)
				}
				died := time.Now()
				for !seen.silent(n, lease) {
					if time.Sleep(time.Second); time.Since(died) > 2*lease {
						t.Fatal("a dead node was taken for living")
					}
				}
				if took := time.Since(died); took < lease-2*beatEvery {
					t.Errorf("it was given up after %v, want %v", took, lease)
				}
			})
		})
	}
}
