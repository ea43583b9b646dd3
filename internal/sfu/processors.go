package sfu

import (
	"runtime"
	"sync"
)

// The thread of a shard waits hundreds of times a second. If it gave its processor of Go's
// scheduler back each time, Go's monitor thread would have to notice that, for which it wakes
// up to every 20 µs: a large part of what a server with few viewers costs. So it keeps its
// processor (linuxSocket.poll), and as many are added for everything else.
var processors struct {
	mu    sync.Mutex // guards what follows
	added int
}

// Processors returns how many processors the process may use: GOMAXPROCS without those that were
// added for the threads of open Engines.
func Processors() int {
	processors.mu.Lock()
	defer processors.mu.Unlock()
	return runtime.GOMAXPROCS(0) - processors.added
}

// addProcessors adds processors for so many threads; a negative number takes them back.
func addProcessors(n int) {
	processors.mu.Lock()
	defer processors.mu.Unlock()
	processors.added += n
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + n)
}
