package inbound_test

import (
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"rostrum/internal/inbound"
)

func TestUnidentified_ClosesTheOldestOfWhoHasTooMany(t *testing.T) {
	const mine, flood = "192.0.2.1", "2001:db8::%x" // one /64
	for name, c := range map[string]struct {
		come    []string // the first is number 0
		evicted []int
	}{
		"all fit":                    {[]string{mine, "192.0.2.2", "192.0.2.3", "192.0.2.4"}, nil},
		"a network has too many":     {[]string{mine, fmt.Sprintf(flood, 1), fmt.Sprintf(flood, 2), fmt.Sprintf(flood, 3), fmt.Sprintf(flood, 4)}, []int{1, 2}},
		"all have too many":          {[]string{mine, "192.0.2.2", "192.0.2.2", "192.0.2.3", "192.0.2.4"}, []int{1}},
		"all have as many as others": {[]string{mine, "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5"}, []int{0}},
	} {
		for range 20 { // networks are looked at in any order
			u := inbound.NewUnidentified(4, 2)
			var evicted []int
			for i, from := range c.come {
				u.Add(netip.MustParseAddr(from), func() { evicted = append(evicted, i) })
			}
			if !slices.Equal(evicted, c.evicted) || u.Evicted() != uint64(len(c.evicted)) {
				t.Fatalf("%s: %v were closed, %d by count, expected %v", name, evicted, u.Evicted(), c.evicted)
			}
		}
	}
}

func TestUnidentified_CountsNobodyWhoIsDone(t *testing.T) {
	u := inbound.NewUnidentified(2, 2)
	var evicted []int
	for i := range 10 {
		w := u.Add(netip.MustParseAddr("192.0.2.1"), func() { evicted = append(evicted, i) })
		if i != 5 {
			w.Done()
			w.Done()
		}
	}
	if len(evicted) > 0 {
		t.Errorf("%v were closed", evicted)
	}
}

// Whoever was done in time is never closed, and whoever was not knows it.
func TestUnidentified_ClosesNobodyWhoWasDoneInTime(t *testing.T) {
	u := inbound.NewUnidentified(8, 8)
	var all sync.WaitGroup
	var kept, closed atomic.Int64
	for range 64 {
		all.Go(func() {
			for range 200 {
				var evicted atomic.Bool
				w := u.Add(netip.MustParseAddr("192.0.2.1"), func() { evicted.Store(true) })
				runtime.Gosched()
				if !w.Done() {
					closed.Add(1)
					continue
				}
				kept.Add(1)
				runtime.Gosched()
				if evicted.Load() {
					t.Error("one that was done was closed")
				}
			}
		})
	}
	all.Wait()
	if kept.Load() == 0 || closed.Load() == 0 || uint64(closed.Load()) != u.Evicted() {
		t.Errorf("%d were done in time, %d were closed, %d by count", kept.Load(), closed.Load(), u.Evicted())
	}
}
