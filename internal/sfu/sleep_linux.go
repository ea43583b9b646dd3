package sfu

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sleepThread sleeps in the kernel and keeps the thread's processor: on a locked thread that costs
// a tenth of time.Sleep.
func sleepThread(d time.Duration) {
	t := unix.NsecToTimespec(int64(d))
	_, _, _ = unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&t)), 0, 0) // a signal ends it, as to stop the thread for the garbage collector
}
