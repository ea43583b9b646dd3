package realtime

import (
	"context"
	"sync"
	"time"
)

const (
	paceInterval = 5 * time.Millisecond
	paceFactor   = 2.5  // of the media's rate, so that a keyframe does not delay the next pictures
	maxPaced     = 4096 // packets
)

// A Pacer sends pictures as browsers do: some packets every 5 ms, at 2.5 times the rate of
// the media, instead of a whole picture at once.
type Pacer struct {
	bytes int // for each interval
	wake  chan struct{}

	mu    sync.Mutex // guards what follows
	queue []outgoing
}

// NewPacer makes a pacer. bitrate is that of all layers, in bits a second.
func NewPacer(bitrate int) *Pacer {
	return &Pacer{bytes: int(paceFactor * float64(bitrate) / 8 * paceInterval.Seconds()), wake: make(chan struct{}, 1)}
}

// add queues a packet. Beyond maxPaced it is dropped.
func (p *Pacer) add(o outgoing) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) >= maxPaced {
		return
	}
	p.queue = append(p.queue, o)
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Run sends until ctx ends, and drops what is queued then.
func (p *Pacer) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	budget := 0
	for due := time.Now(); ; due = due.Add(paceInterval) {
		p.mu.Lock()
		idle := len(p.queue) == 0
		p.mu.Unlock()
		if idle {
			budget = 0
			select {
			case <-p.wake:
			case <-ctx.Done():
				return
			}
			if now := time.Now(); now.After(due) {
				due = now
			}
		}
		timer.Reset(time.Until(due))
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		for budget += p.bytes; budget > 0; {
			o, ok := p.next()
			if !ok {
				break
			}
			budget -= len(o.payload)
			o.layer.mu.Lock()
			_ = o.layer.send(&o) // the writer of frames gets the error
			o.layer.mu.Unlock()
		}
	}
}

func (p *Pacer) next() (o outgoing, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) == 0 {
		return o, false
	}
	o = p.queue[0]
	p.queue[0] = outgoing{}
	p.queue = p.queue[1:]
	return o, true
}
