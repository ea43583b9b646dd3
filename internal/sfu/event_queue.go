package sfu

import "sync"

// maxHerald bounds the events that wait for a slow listener. Beyond it what can be measured
// again (layers, speakers, limits) is left out; what is told once never is.
const maxQueuedEvents = 4096

// A herald delivers the events of one Router, one at a time and in order. Its goroutine
// lives only while there is something to deliver.
type eventQueue struct {
	wg *sync.WaitGroup

	mu      sync.Mutex // guards what follows
	queue   []func()
	running bool
}

func (h *eventQueue) enqueue(notify func(Event), e Event) {
	if notify == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch e.(type) {
	case Closed, Connected, LayersUnused:
	default:
		if len(h.queue) >= maxQueuedEvents {
			return
		}
	}
	h.queue = append(h.queue, func() { notify(e) })
	if !h.running {
		h.running = true
		h.wg.Add(1)
		go h.run()
	}
}

func (h *eventQueue) run() {
	defer h.wg.Done()
	for {
		h.mu.Lock()
		queue := h.queue
		h.queue = nil
		if len(queue) == 0 {
			h.running = false
			h.mu.Unlock()
			return
		}
		h.mu.Unlock()
		for _, deliver := range queue {
			deliver()
		}
	}
}
