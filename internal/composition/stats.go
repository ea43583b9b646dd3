package composition

import (
	"sync"
	"time"

	"rostrum/internal/worker"
	"rostrum/ivsrealtime"
)

// Stats describe a composition that runs on this node. Counts are since the node began to
// run it, over all its workers.
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

// Stats returns those of all compositions that run on this node.
func (r *Registry) Stats() []Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Stats, 0, len(r.running))
	for arn, c := range r.running {
		s := c.stats.current()
		s.ARN = arn
		all = append(all, s)
	}
	return all
}

// A statsCounter collects the Stats of one composition.
type statsCounter struct {
	mu        sync.Mutex // guards what follows
	past      Stats      // with the figures of former workers
	process   *worker.Process
	ticks     int64 // of the current worker
	lateTicks int64
	workers   int
}

func (s *statsCounter) current() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.past
	now.Ticks, now.LateTicks, now.Restarts = now.Ticks+s.ticks, now.LateTicks+s.lateTicks, max(0, s.workers-1)
	if s.process != nil {
		u := s.process.Usage()
		now.WorkerCPU, now.WorkerMemory = now.WorkerCPU+u.CPU, u.Memory
	}
	return now
}

// update takes what the composition itself knows.
func (s *statsCounter) update(c *composition) {
	pending := int64(0)
	for _, d := range c.destinations {
		if d.recorder != nil {
			pending += d.recorder.Pending()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.past.State, s.past.SpoolBytes = c.doc.State, pending
}

func (s *statsCounter) setHealth(h worker.Health) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.past.Publishers, s.ticks, s.lateTicks = h.Publishers, 0, 0
	for _, p := range h.Programs {
		s.ticks += p.Ticks
		s.lateTicks += p.Late
	}
}

func (s *statsCounter) workerStarted(p *worker.Process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.process = p
	s.workers++
}

func (s *statsCounter) workerExited(p *worker.Process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.past.WorkerCPU += p.Usage().CPU
	s.past.Ticks, s.past.LateTicks = s.past.Ticks+s.ticks, s.past.LateTicks+s.lateTicks
	s.process, s.ticks, s.lateTicks = nil, 0, 0
}
