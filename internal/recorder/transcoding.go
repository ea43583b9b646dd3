package recorder

import (
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"rostrum/internal/worker"
	"rostrum/realtime"
)

const (
	maxUnanswered = 128             // pictures at the worker: fewer than it queues
	maxAnswerAge  = time.Second     // of the oldest of them, after which it gets no more until all are answered
	maxRequest    = time.Minute     // between requests for keyframes of which the worker decodes none
	answerTimeout = 5 * time.Second // without an answer, after which pictures count as lost
)

// A pictureStream is a stream of a worker that answers each picture that it accepts.
type pictureStream interface {
	WritePicture(picture []byte, at time.Duration, keyframe bool) bool
	Close()
}

// An unanswered picture is one that the worker has.
type unanswered struct {
	time     time.Duration // of the message
	at       time.Time     // by the track's clock
	arrived  time.Time
	decodes  bool // without an earlier picture
	keyframe bool // the answer is to be one
}

// A transcoding passes the VP8 of a part to a worker, which answers each picture with one of H.264.
// What the worker loses, or has no time for, is missing until the publisher's next keyframe. A worker
// that is too slow answers all that it has before that is requested. A transcoding is for one
// goroutine.
type transcoding struct {
	streams *worker.Streams
	target  time.Duration // of the distance of keyframes
	log     *slog.Logger

	stream  pictureStream // nil before the first keyframe
	answers chan worker.StreamMessage
	dropped atomic.Bool // an answer was

	origin      time.Time // of the messages' times
	waiting     []unanswered
	behind      bool          // the worker gets no picture until all are answered
	answered    bool          // since idle was set
	idle        time.Time     // since when no answer came, at most, while pictures wait
	decodes     bool          // the worker has what the next picture refers to
	decodesFrom time.Duration // time of the keyframe since when it does
	keyed       time.Time     // the newest picture that was to be a keyframe
	keyframeDue bool          // the next picture is to be one
	interval    time.Duration // between requests for it
	problem     string        // that was logged last; empty while no picture is missing
	pictures    int           // that were answered
}

func newTranscoding(s *worker.Streams, target time.Duration, log *slog.Logger) *transcoding {
	return &transcoding{streams: s, target: target, log: log, interval: requestEvery, answers: make(chan worker.StreamMessage, 2*maxUnanswered)}
}

func (t *transcoding) close() {
	if t.stream != nil {
		t.stream.Close()
	}
}

// write passes a picture on. It returns false if it can't, and a keyframe is needed.
func (t *transcoding) write(at time.Time, f realtime.Received) bool {
	t.expire(f.Arrived)
	if t.behind || !f.Keyframe && !t.decodes || !t.open(at) {
		return false
	}
	keyframe := t.keyframeDue || at.Sub(t.keyed) >= t.target
	w := unanswered{at.Sub(t.origin), at, f.Arrived, f.Keyframe, keyframe}
	if t.isFull(f.Arrived) || !t.stream.WritePicture(f.Data, w.time, keyframe) {
		t.fail("rostrum-media can't follow")
		t.decodes, t.behind = false, len(t.waiting) > 0
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

// isFull reports whether the worker has enough pictures to answer.
func (t *transcoding) isFull(now time.Time) bool {
	return len(t.waiting) == maxUnanswered || len(t.waiting) > 0 && now.Sub(t.waiting[0].arrived) > maxAnswerAge
}

// expire gives up the pictures that wait if the worker has answered none for too long.
func (t *transcoding) expire(now time.Time) {
	if t.answered || len(t.waiting) == 0 {
		t.answered, t.idle = false, now
	}
	if now.Sub(t.idle) > answerTimeout {
		t.fail("rostrum-media does not answer")
		t.waiting, t.behind, t.decodes = nil, false, false
	}
}

// limit is the time until which all pictures are answered, at most now.
func (t *transcoding) limit(now time.Time) time.Time {
	if len(t.waiting) > 0 && t.waiting[0].at.Before(now) {
		return t.waiting[0].at
	}
	return now
}

// needsKeyframe reports whether the publisher is to send one.
func (t *transcoding) needsKeyframe() bool { return !t.decodes && !t.behind }

// requireKeyframe has the next picture answered by a keyframe, unless one that waits will be.
func (t *transcoding) requireKeyframe() {
	if !slices.ContainsFunc(t.waiting, func(w unanswered) bool { return w.keyframe }) {
		t.keyframeDue = true
	}
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
	t.answered = true
	for len(t.waiting) > 0 {
		first := t.waiting[0]
		if first.time > m.Time {
			break
		}
		t.waiting = t.waiting[1:]
		if first.time == m.Time {
			at = first.at
			t.adaptInterval(first, m)
			break
		}
	}
	t.behind = t.behind && len(t.waiting) > 0
	ok = ok && !at.IsZero()
	if m.Kind == worker.StreamError {
		t.fail(string(m.Data))
		if m.Time >= t.decodesFrom {
			t.decodes = false
		}
	}
	if !ok {
		t.requireKeyframe()
	}
	return at, ok
}

// adaptInterval requests fewer keyframes while the worker decodes none, as of pictures that are too
// large.
func (t *transcoding) adaptInterval(w unanswered, answer worker.StreamMessage) {
	switch {
	case answer.Kind == worker.StreamError && w.decodes:
		t.interval = min(2*t.interval, maxRequest)
	case answer.Kind == worker.StreamOutput && len(answer.Data) > 0:
		t.interval = requestEvery
		t.pictures++
	}
}

// remark is what the recording says about missing pictures.
func (t *transcoding) remark() string {
	switch {
	case t.problem == "":
		return ""
	case t.pictures == 0:
		return "The video is missing: " + t.problem + "."
	}
	return "Some of the video is missing: " + t.problem + "."
}

// fail logs why pictures are missing.
func (t *transcoding) fail(reason string) {
	if t.problem != reason {
		t.log.Warn("transcode the video of a recording", "reason", reason)
	}
	t.problem = reason
}
