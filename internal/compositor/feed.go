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

// A Packet is one encoded picture or one packet of sound. Nobody changes it.
type Packet struct {
	Kind     media.Kind
	Time     int64 // in ticks of VideoRate or AudioRate since the Program began
	Duration int64 // likewise
	Keyframe bool  // of pictures: one can begin here
	// Units are the NAL units of a picture (H.264, parameter sets before each
	// keyframe), or the one frame of AAC.
	Units [][]byte
}

// An Output takes what a Program made, from one goroutine, the first picture a
// keyframe. Write may take its time: the Program goes on, and what is too much is
// dropped up to the next keyframe. After an error Write isn't called again. Close is
// called in the end, once, whatever came before.
type Output interface {
	Write(Packet) error
	Close() error
}

const (
	feedPackets = 512             // several seconds
	drainTime   = 4 * time.Second // for what is queued, in the end
)

// A Feed is the queue between a Program and one Output.
type Feed struct {
	output   Output
	queue    chan Packet
	keyframe func() // asks the Program for one
	dropped  atomic.Uint64
	done     chan struct{}
	err      error // set before done is closed

	mu      sync.Mutex // guards what follows
	wanting bool       // drops until a keyframe
	closed  bool       // the queue is
}

func newFeed(o Output, keyframe func()) *Feed {
	f := &Feed{output: o, queue: make(chan Packet, feedPackets), keyframe: keyframe, done: make(chan struct{}), wanting: true}
	go f.run()
	return f
}

// run is the only caller of the output; done ends it.
func (f *Feed) run() {
	defer close(f.done)
	for p := range f.queue {
		if f.err = f.output.Write(p); f.err != nil {
			break
		}
	}
	f.err = errors.Join(f.err, f.output.Close())
}

// offer never waits.
func (f *Feed) offer(p Packet) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || f.ended() {
		return
	}
	if f.wanting && (!p.Keyframe || len(f.queue) > cap(f.queue)/2) {
		f.dropped.Add(1)
		if p.Kind == media.Video && len(f.queue) <= cap(f.queue)/2 {
			f.keyframe() // there's room again
		}
		return
	}
	f.wanting = false
	select {
	case f.queue <- p:
	default:
		f.wanting = true
		f.dropped.Add(1)
	}
}

func (f *Feed) ended() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}

// finish lets the output have what is queued, and waits for it to end.
func (f *Feed) finish() {
	f.mu.Lock()
	if !f.closed {
		f.closed = true
		close(f.queue)
	}
	f.mu.Unlock()
	select {
	case <-f.done:
	case <-time.After(drainTime):
	}
}

// Dropped is how many packets the Output didn't get because it was too slow, or
// because it hadn't got a keyframe yet.
func (f *Feed) Dropped() uint64 { return f.dropped.Load() }

// Done is closed when the Output has ended: after an error of its own, or after the
// Program or Detach ended it.
func (f *Feed) Done() <-chan struct{} { return f.done }

// Released tells that the Program or Detach ended the Output, not the Output itself.
func (f *Feed) Released() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.closed
}

// Err is why the Output ended; nil if it was wanted, or hasn't.
func (f *Feed) Err() error {
	if !f.ended() {
		return nil
	}
	return f.err
}
