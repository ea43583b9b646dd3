package sfu

import "sync"

// maxQueuedEvents is the length of the queue beyond which events about the state of media
// (layers, speakers, limits, media that start or stop) are dropped. Those that begin or end
// a transport are never dropped.
const maxQueuedEvents = 4096

// eventQueue delivers the events of one Router, one at a time and in order. Its goroutine
// runs only while there are events.
type eventQueue struct {
	wg *sync.WaitGroup

	mu      sync.Mutex // guards what follows
	queue   []func()
	running bool
}

func (q *eventQueue) enqueue(notify func(Event), e Event) {
	if notify == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	switch e.(type) {
	case Closed, Connected, LayersUnused:
	default:
		if len(q.queue) >= maxQueuedEvents {
			return
		}
	}
	q.queue = append(q.queue, func() { notify(e) })
	if !q.running {
		q.running = true
		q.wg.Add(1)
		go q.run()
	}
}

func (q *eventQueue) run() {
	defer q.wg.Done()
	for {
		q.mu.Lock()
		queue := q.queue
		q.queue = nil
		if len(queue) == 0 {
			q.running = false
			q.mu.Unlock()
			return
		}
		q.mu.Unlock()
		for _, deliver := range queue {
			deliver()
		}
	}
}
