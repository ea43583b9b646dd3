//go:build !linux

package loadtest

import "time"

// A stallMonitor measures when processors stall, which is not possible on this system.
type stallMonitor struct{}

func monitorStalls(int) *stallMonitor { return nil }

func (*stallMonitor) end() *Stalls { return nil }

func stolen() (d time.Duration, ok bool) { return 0, false }
