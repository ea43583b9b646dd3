package peer

import (
	"context"
	"sync"
	"time"
)

const (
	paceEvery  = 5 * time.Millisecond
	paceFactor = 2.5 // of the media's rate, so that a keyframe doesn't hold up what follows
	paceMost   = 4096
)

// A Pacer lets pictures leave as browsers do: some packets every 5 ms, at 2.5 times
// the rate of the media, instead of a whole picture at once. Sound goes past it.
type Pacer struct {
	bytes int // a tick
	kick  chan struct{}

	mu    sync.Mutex // guards what follows
	queue []outgoing
}

// NewPacer makes a pacer for media of so many bits a second, all layers together.
func NewPacer(bitrate int) *Pacer {
	return &Pacer{bytes: int(paceFactor * float64(bitrate) / 8 * paceEvery.Seconds()), kick: make(chan struct{}, 1)}
}

// add queues a packet. Who is further behind than a pacer can ever make good loses it.
func (p *Pacer) add(o outgoing) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) >= paceMost {
		return
	}
	p.queue = append(p.queue, o)
	select {
	case p.kick <- struct{}{}:
	default:
	}
}

// Run sends until ctx ends. What then waits is lost.
func (p *Pacer) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	budget := 0
	for due := time.Now(); ; due = due.Add(paceEvery) {
		p.mu.Lock()
		idle := len(p.queue) == 0
		p.mu.Unlock()
		if idle {
			budget = 0
			select {
			case <-p.kick:
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
			_ = o.layer.send(&o) // a connection that is gone is told to who writes frames
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
