package realtime

import "sync"

// readers are the goroutines that read from a PeerConnection.
type readers struct {
	running sync.WaitGroup

	mu     sync.Mutex // guards what follows
	closed bool       // none is started any more
}

// start runs read in a goroutine, unless the readers are closed.
func (r *readers) start(read func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.running.Go(read)
	}
}

// close waits for the readers, which end with their PeerConnection.
func (r *readers) close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.running.Wait()
}
