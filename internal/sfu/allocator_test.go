package sfu

import (
	"net/netip"
	"testing"
	"time"
)

func TestRound_TakesManyViewersAFewAtATime(t *testing.T) {
	for name, c := range map[string]struct {
		viewers int
		steps   []int // viewers that are still to come after each
	}{
		"nobody":              {0, []int{0}},
		"a few all at once":   {allocateBatch, []int{0}},
		"one more in a pair":  {allocateBatch + 1, []int{1, 0}},
		"many in equal parts": {4 * allocateBatch, []int{3 * allocateBatch, 2 * allocateBatch, allocateBatch, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := Listen(Config{Listen: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, NoTCP: true})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			router := e.NewRouter(RouterConfig{})
			for range c.viewers {
				router.NewViewer("")
			}
			var r allocationRound
			for again := range 2 {
				took := time.Duration(0)
				for i, want := range c.steps {
					took += r.step(e)
					if len(r.viewers) != want {
						t.Errorf("round %d, step %d: %d viewers are still to come, want %d", again+1, i+1, len(r.viewers), want)
					}
				}
				if took > allocateInterval || took < allocateInterval-time.Microsecond {
					t.Errorf("round %d took %v, want %v", again+1, took, allocateInterval)
				}
			}
		})
	}
}
