package inbound

import "math"

// Descriptors is how many files and sockets the process may have open: Windows sets no limit of
// its own.
func Descriptors() int { return math.MaxInt32 }
