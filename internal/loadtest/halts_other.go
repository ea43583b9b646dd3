//go:build !linux

package loadtest

import "time"

// A watch notes when the processors of a process stand still; here it can't.
type watch struct{}

func watchOver(int) *watch { return nil }

func (*watch) end() *Halts { return nil }

func stolen() (d time.Duration, ok bool) { return 0, false }
