package quality

import (
	"context"
	"sync/atomic"
	"time"
)

const (
	stallTick = 250 * time.Millisecond
	// minStall is how late a tick may be in a process that gets the processor when it needs it.
	minStall = 250 * time.Millisecond
)

// A stallMeter measures for how long the process did not run: it was stopped, or others had the
// processors.
type stallMeter struct{ total atomic.Int64 }

func (m *stallMeter) run(ctx context.Context) {
	tick := time.NewTicker(stallTick)
	defer tick.Stop()
	for last := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := time.Now()
		m.add(now.Sub(last))
		last = now
	}
}

// add measures the time between two ticks.
func (m *stallMeter) add(passed time.Duration) {
	if late := passed - stallTick; late > minStall {
		m.total.Add(int64(late))
	}
}

// take returns the time since the last call in which the process did not run.
func (m *stallMeter) take() time.Duration { return time.Duration(m.total.Swap(0)) }
