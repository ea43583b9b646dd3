//go:build !linux

package sfu

import "time"

func sleepThread(d time.Duration) { time.Sleep(d) }
