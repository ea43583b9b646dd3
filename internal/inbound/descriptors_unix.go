//go:build unix

package inbound

import (
	"math"
	"syscall"
)

// Descriptors is how many files and sockets the process may have open: the hard limit, as Go
// raises the soft one to it at the start.
func Descriptors() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return math.MaxInt32
	}
	return int(min(uint64(limit.Cur), math.MaxInt32))
}
