//go:build !linux

package sfu

import "time"

func pauseThread(d time.Duration) { time.Sleep(d) }
