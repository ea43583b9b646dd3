package sfu

import (
	"time"

	"golang.org/x/sys/unix"
)

// sleepThread sleeps in the kernel: on a locked thread that costs a tenth of time.Sleep.
func sleepThread(d time.Duration) {
	t := unix.NsecToTimespec(int64(d))
	_ = unix.Nanosleep(&t, nil)
}
