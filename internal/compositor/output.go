//go:build cgo

package compositor

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"rostrum/internal/media"
)

// Clock rates of a Packet's time.
const (
	VideoRate = 90_000
	AudioRate = 48_000
)

// A Packet is one encoded picture or one packet of audio. It is shared and must not be
// changed.
type Packet struct {
	Kind     media.Kind
	Time     int64 // in ticks of VideoRate or AudioRate since the Program began
	Duration int64 // likewise
	Keyframe bool  // of pictures: decoding can begin here
	// Units are the NAL units of a picture (H.264, parameter sets before each
	// keyframe), or the one frame of AAC.
	Units [][]byte
}

// An Output takes the packets of a Program, from one goroutine. The first picture is a
// keyframe. Write may block: the Program continues, and what the queue cannot hold is
// dropped up to the next keyframe. After an error Write is not called again. Close is
// called once, at the end, in every case.
type Output interface {
	Write(Packet) error
	Close() error
}

const (
	queuePackets = 512             // several seconds
	drainTime    = 4 * time.Second // for what is queued at the end
)

// A Queue holds packets for one Output.
type Queue struct {
	output          Output
	packets         chan Packet
	requestKeyframe func() // from the Program
	dropped         atomic.Uint64
	done            chan struct{}
	err             error // set before done is closed

	mu               sync.Mutex // guards what follows
	awaitingKeyframe bool       // packets are dropped until one comes
	closed           bool       // packets is
}

func newQueue(o Output, requestKeyframe func()) *Queue {
	q := &Queue{output: o, packets: make(chan Packet, queuePackets), requestKeyframe: requestKeyframe, done: make(chan struct{}), awaitingKeyframe: true}
	go q.run()
	return q
}

// run is the only caller of the output. It ends with the packets, or after an error.
func (q *Queue) run() {
	defer close(q.done)
	for p := range q.packets {
		if q.err = q.output.Write(p); q.err != nil {
			break
		}
	}
	q.err = errors.Join(q.err, q.output.Close())
}

// offer queues a packet, or drops it. It never blocks.
func (q *Queue) offer(p Packet) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.hasEnded() {
		return
	}
	halfFull := len(q.packets) > cap(q.packets)/2
	if q.awaitingKeyframe && (!p.Keyframe || halfFull) {
		q.dropped.Add(1)
		if p.Kind == media.Video && !halfFull {
			q.requestKeyframe()
		}
		return
	}
	q.awaitingKeyframe = false
	select {
	case q.packets <- p:
	default:
		q.awaitingKeyframe = true
		q.dropped.Add(1)
	}
}

func (q *Queue) hasEnded() bool {
	select {
	case <-q.done:
		return true
	default:
		return false
	}
}

// finish lets the output write what is queued, and waits for its end, up to drainTime.
func (q *Queue) finish() {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		close(q.packets)
	}
	q.mu.Unlock()
	select {
	case <-q.done:
	case <-time.After(drainTime):
	}
}

// Dropped is how many packets the Output did not get, because it was too slow or
// because no keyframe had come yet.
func (q *Queue) Dropped() uint64 { return q.dropped.Load() }

// Done is closed when the Output has ended: after its error, or after the Program or
// Detach ended it.
func (q *Queue) Done() <-chan struct{} { return q.done }

// Released reports whether the Program or Detach ended the Output, not its error.
func (q *Queue) Released() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed
}

// Err is the Output's error; nil without one, or before its end.
func (q *Queue) Err() error {
	if !q.hasEnded() {
		return nil
	}
	return q.err
}
