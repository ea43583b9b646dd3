package recorder

import (
	"log/slog"
	"sync/atomic"
	"time"

	"rostrum/internal/worker"
	"rostrum/realtime"
)

const (
	maxUnanswered = 128             // pictures at the worker: fewer than it queues
	answerTimeout = 5 * time.Second // after which pictures count as lost
)

// An unanswered picture is one that the worker has.
type unanswered struct {
	time    time.Duration // of the message
	at      time.Time     // by the track's clock
	arrived time.Time
}

// A transcoding passes the VP8 of a part to a worker, which answers each picture with one of H.264.
// What the worker loses, or has no time for, is missing until the publisher's next keyframe. It is
// for one goroutine.
type transcoding struct {
	streams *worker.Streams
	target  time.Duration // of the distance of keyframes
	log     *slog.Logger

	stream  *worker.Stream // nil before the first keyframe
	answers chan worker.StreamMessage
	dropped atomic.Bool // an answer was

	origin      time.Time // of the messages' times
	waiting     []unanswered
	decodes     bool          // the worker has what the next picture refers to
	decodesFrom time.Duration // time of the keyframe since when it does
	keyed       time.Time     // the newest picture that was to be a keyframe
	keyframeDue bool          // the next picture is to be one
	problem     string        // that was logged last
}

func newTranscoding(s *worker.Streams, target time.Duration, log *slog.Logger) *transcoding {
	return &transcoding{streams: s, target: target, log: log, answers: make(chan worker.StreamMessage, 2*maxUnanswered)}
}

func (t *transcoding) close() {
	if t.stream != nil {
		t.stream.Close()
	}
}

// write passes a picture on. It returns false if it can't, and a keyframe is needed.
func (t *transcoding) write(at time.Time, f realtime.Received) bool {
	if len(t.waiting) > 0 && f.Arrived.Sub(t.waiting[0].arrived) > answerTimeout {
		t.fail("it does not answer")
		t.waiting, t.decodes = nil, false
	}
	if !f.Keyframe && !t.decodes || !t.open(at) {
		return false
	}
	w := unanswered{at.Sub(t.origin), at, f.Arrived}
	keyframe := t.keyframeDue || at.Sub(t.keyed) >= t.target
	if len(t.waiting) == maxUnanswered || !t.stream.WritePicture(f.Data, w.time, keyframe) {
		t.fail("it can't follow")
		t.decodes = false
		return false
	}
	t.waiting = append(t.waiting, w)
	if f.Keyframe {
		t.decodes, t.decodesFrom = true, w.time
	}
	if keyframe {
		t.keyed, t.keyframeDue = at, false
	}
	return true
}

// open opens the stream, unless it is open.
func (t *transcoding) open(at time.Time) bool {
	if t.stream != nil {
		return true
	}
	stream, err := t.streams.Open(nil, func(m worker.StreamMessage) {
		select {
		case t.answers <- m:
		default: // the disk can't follow
			t.dropped.Store(true)
		}
	})
	if err != nil {
		t.fail(err.Error())
		return false
	}
	t.stream, t.origin = stream, at
	return true
}

// take takes an answer. It returns the time of the picture, and whether it can be written: if not,
// pictures that follow can't either before a keyframe.
func (t *transcoding) take(m worker.StreamMessage) (at time.Time, ok bool) {
	ok = !t.dropped.Swap(false)
	for len(t.waiting) > 0 {
		first := t.waiting[0]
		if first.time > m.Time {
			break
		}
		t.waiting = t.waiting[1:]
		if first.time == m.Time {
			at = first.at
			break
		}
	}
	ok = ok && !at.IsZero()
	if m.Kind == worker.StreamError {
		t.fail(string(m.Data))
		if m.Time >= t.decodesFrom {
			t.decodes = false
		}
	}
	if !ok {
		t.keyframeDue = true
	}
	return at, ok
}

// fail logs why pictures are missing.
func (t *transcoding) fail(reason string) {
	if t.problem != reason {
		t.log.Warn("transcode the video of a recording", "reason", reason)
	}
	t.problem = reason
}
