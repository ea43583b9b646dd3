//go:build !linux

package sfu

import "time"

// threadTime is not available on this system.
func threadTime() time.Duration { return 0 }
