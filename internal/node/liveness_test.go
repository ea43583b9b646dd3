package node

import (
	"testing"
	"testing/synctest"
	"time"

	"rostrum/internal/store"
)

const (
	lease = 20 * time.Second
	every = lease / beatsPerLease
)

// TestLiveness_IgnoresClocksOfOtherNodes: whatever another node's clock says, and
// however it jumps, the node lives as long as its heartbeat changes, and no longer.
func TestLiveness_IgnoresClocksOfOtherNodes(t *testing.T) {
	for name, clock := range map[string]func(i int) time.Duration{
		"in step":              func(int) time.Duration { return 0 },
		"an hour slow":         func(int) time.Duration { return -time.Hour },
		"an hour fast":         func(int) time.Duration { return time.Hour },
		"jumping by two hours": func(i int) time.Duration { return time.Duration(i%2*2-1) * time.Hour },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := liveness{lease: lease, every: every}
				var other store.Node
				for i := range 20 {
					other = store.Node{ID: "other", Seen: time.Now().Add(clock(i))}
					if len(l.observe([]store.Node{other}, time.Now())) > 0 {
						t.Fatal("a live node was declared dead")
					}
					time.Sleep(every)
				}
				died := time.Now().Add(-every)
				for len(l.observe([]store.Node{other}, time.Now())) == 0 {
					if time.Sleep(every); time.Since(died) > 2*lease {
						t.Fatal("a dead node was not declared dead")
					}
				}
				if took := time.Since(died); took < lease {
					t.Errorf("it was declared dead after %v, want %v", took, lease)
				}
			})
		})
	}
}

// TestLiveness_CountsNoTimeWithoutReads: a store that fails for everybody, or a
// pause of this process, makes no other node dead.
func TestLiveness_CountsNoTimeWithoutReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := liveness{lease: lease, every: every}
		other := []store.Node{{ID: "other", Seen: time.Now()}}
		l.observe(other, time.Now())
		time.Sleep(10 * lease)
		if len(l.observe(other, time.Now())) > 0 {
			t.Error("a node was declared dead after one read of an unchanged heartbeat")
		}
	})
}

func TestLiveness_HolderWithoutHeartbeatIsDeadAtOnce(t *testing.T) {
	l := liveness{lease: lease, every: every}
	if dead := l.observe([]store.Node{{ID: "other"}}, time.Now()); len(dead) != 1 {
		t.Errorf("dead are %v, want the node that ended", dead)
	}
}
