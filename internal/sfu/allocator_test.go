package sfu

import (
	"net/netip"
	"testing"
	"time"
)

func TestAllocator_SpreadsARoundOverItsInterval(t *testing.T) {
	for name, c := range map[string]struct {
		viewers int
		steps   []int // viewers that wait after each
	}{
		"no viewers":      {0, []int{0}},
		"one batch":       {allocateBatch, []int{0}},
		"a batch and one": {allocateBatch + 1, []int{1, 0}},
		"four batches":    {4 * allocateBatch, []int{3 * allocateBatch, 2 * allocateBatch, allocateBatch, 0}},
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
			a := newAllocator(&e.core, e.routerList)
			for round := range 2 {
				took := time.Duration(0)
				for i, want := range c.steps {
					took += a.step()
					if len(a.waiting) != want {
						t.Errorf("round %d, step %d: %d viewers wait, want %d", round+1, i+1, len(a.waiting), want)
					}
				}
				if took > allocateInterval || took < allocateInterval-time.Microsecond {
					t.Errorf("round %d took %v, want %v", round+1, took, allocateInterval)
				}
			}
		})
	}
}
