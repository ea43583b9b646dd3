package composition

import (
	"sync"
	"time"

	"rostrum/internal/worker"
	"rostrum/ivsrealtime"
)

// Stats is how a composition that runs here fares. Counts are since this node
// took it up, over all its workers.
type Stats struct {
	ARN          string
	State        ivsrealtime.CompositionState
	Publishers   int
	Restarts     int           // of workers
	WorkerCPU    time.Duration // user and system
	WorkerMemory int64         // bytes, resident
	Ticks        int64         // of output clocks
	LateTicks    int64
	SpoolBytes   int64 // that wait for a bucket
}

// Stats tells of all compositions that run here.
func (r *Registry) Stats() []Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Stats, 0, len(r.live))
	for name, c := range r.live {
		s := c.figures.now()
		s.ARN = name
		all = append(all, s)
	}
	return all
}

// figures is what a composition shows of itself.
type figures struct {
	mu      sync.Mutex // guards what follows
	shown   Stats      // with the figures of workers that are gone
	worker  *worker.Process
	ticks   int64 // of the worker of now
	late    int64
	workers int
}

func (f *figures) now() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.shown
	s.Ticks, s.LateTicks, s.Restarts = s.Ticks+f.ticks, s.LateTicks+f.late, max(0, f.workers-1)
	if f.worker != nil {
		u := f.worker.Usage()
		s.WorkerCPU, s.WorkerMemory = s.WorkerCPU+u.CPU, u.Memory
	}
	return s
}

func (f *figures) look(c *composition) {
	held := int64(0)
	for _, o := range c.outputs {
		if o.recording != nil {
			held += o.recording.Pending()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shown.State, f.shown.SpoolBytes = c.doc.State, held
}

func (f *figures) hear(h worker.Health) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shown.Publishers, f.ticks, f.late = h.Publishers, 0, 0
	for _, p := range h.Programs {
		f.ticks += p.Ticks
		f.late += p.Late
	}
}

func (f *figures) employ(w *worker.Process) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.worker = w
	f.workers++
}

func (f *figures) dismiss(w *worker.Process) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shown.WorkerCPU += w.Usage().CPU
	f.shown.Ticks, f.shown.LateTicks = f.shown.Ticks+f.ticks, f.shown.LateTicks+f.late
	f.worker, f.ticks, f.late = nil, 0, 0
}
