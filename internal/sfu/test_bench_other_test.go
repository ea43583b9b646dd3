//go:build !linux

package sfu

import "time"

// threadTime isn't known here.
func threadTime() time.Duration { return 0 }
