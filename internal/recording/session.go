package recording

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"rostrum/internal/worker"
)

// A session is the recordings of the participants of a stage session. Times are since the
// beginning of the first.
type session struct {
	zero       time.Time
	duration   time.Duration
	recordings []*sessionRecording // in the order in which they begin
}

// A sessionRecording is one of a session.
type sessionRecording struct {
	*Recording
	participant  string
	stream       uint32 // of the participant, from 1
	first, last  bool   // of the participant
	begins, ends time.Duration
}

// maxSession bounds a session: a wrong clock could make years of it.
const maxSession = 7 * 24 * time.Hour

// newSession leaves out recordings without media and those of compositions. It refuses
// recordings of different sessions.
func newSession(ctx context.Context, all []*Recording) (*session, error) {
	s := &session{}
	id := ""
	for _, r := range all {
		d, err := r.Describe(ctx)
		if err != nil {
			return nil, err
		}
		if d.ParticipantID == "" || !r.HasMedia() {
			continue
		}
		if id = cmp.Or(id, d.SessionID); d.SessionID != id {
			return nil, fmt.Errorf("the recordings are of several sessions, such as %s and %s: choose one", id, d.SessionID)
		}
		from, to, err := r.span(ctx)
		if errors.Is(err, errNoMedia) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if s.zero.IsZero() {
			s.zero = from
		}
		s.recordings = append(s.recordings, &sessionRecording{Recording: r, participant: d.ParticipantID, begins: from.Sub(s.zero), ends: to.Sub(s.zero)})
	}
	if len(s.recordings) == 0 {
		return nil, errors.New("there is no recording of a participant with media")
	}
	s.order()
	if s.duration > maxSession {
		return nil, fmt.Errorf("from the first to the last recording it is %v, expected at most %v: is a clock wrong?", s.duration, maxSession)
	}
	return s, nil
}

// order sorts the recordings, sets the time 0, and gives participants their streams.
func (s *session) order() {
	slices.SortStableFunc(s.recordings, func(a, b *sessionRecording) int { return cmp.Compare(a.begins, b.begins) })
	first := s.recordings[0].begins
	s.zero = s.zero.Add(first)
	streams := map[string]uint32{}
	latest := map[string]*sessionRecording{} // the one that ends last
	for _, r := range s.recordings {
		r.begins, r.ends = r.begins-first, r.ends-first
		s.duration = max(s.duration, r.ends)
		if streams[r.participant] == 0 {
			streams[r.participant], r.first = uint32(len(streams)+1), true
		}
		r.stream = streams[r.participant]
		if l := latest[r.participant]; l == nil || r.ends >= l.ends {
			latest[r.participant] = r
		}
	}
	for _, r := range latest {
		r.last = true
	}
}

// messages are those of all recordings, in the order of their times. A recording is read from
// when it begins on. An error is the last element.
func (s *session) messages(ctx context.Context) iter.Seq2[worker.StreamMessage, error] {
	return func(yield func(worker.StreamMessage, error) bool) {
		m := merger{waiting: s.recordings}
		defer m.close()
		for {
			message, more, err := m.next(ctx, s.zero)
			if err == nil && !more || !yield(message, err) || err != nil {
				return
			}
		}
	}
}

// A merger merges the messages of recordings.
type merger struct {
	waiting []*sessionRecording
	open    []*messageReader
}

// A messageReader reads those of one recording.
type messageReader struct {
	pull    func() (worker.StreamMessage, error, bool)
	stop    func()
	message worker.StreamMessage // the next
}

func (m *merger) close() {
	for _, r := range m.open {
		r.stop()
	}
}

// next returns the earliest message that is left.
func (m *merger) next(ctx context.Context, zero time.Time) (message worker.StreamMessage, more bool, err error) {
	for {
		earliest := -1
		for i, r := range m.open {
			if earliest < 0 || r.message.Time < m.open[earliest].message.Time {
				earliest = i
			}
		}
		switch {
		case len(m.waiting) > 0 && (earliest < 0 || m.waiting[0].begins <= m.open[earliest].message.Time):
			pull, stop := iter.Pull2(m.waiting[0].messages(ctx, zero))
			m.waiting, m.open = m.waiting[1:], append(m.open, &messageReader{pull: pull, stop: stop})
			err = m.advance(len(m.open) - 1)
		case earliest < 0:
			return message, false, nil
		default:
			message = m.open[earliest].message
			return message, true, m.advance(earliest)
		}
		if err != nil {
			return message, false, err
		}
	}
}

// advance reads the next message of an open recording, which ends with its last.
func (m *merger) advance(i int) error {
	next, err, more := m.open[i].pull()
	if m.open[i].message = next; !more {
		m.open[i].stop()
		m.open = slices.Delete(m.open, i, i+1)
	}
	return err
}

// messages are those of one recording.
func (r *sessionRecording) messages(ctx context.Context, zero time.Time) iter.Seq2[worker.StreamMessage, error] {
	return func(yield func(worker.StreamMessage, error) bool) {
		if r.first {
			config, err := json.Marshal(worker.RecordedParticipant{ID: r.participant})
			if !yield(worker.StreamMessage{Kind: worker.StreamOpen, Stream: r.stream, Time: r.begins, Data: config}, err) {
				return
			}
		}
		for f, err := range r.Frames(ctx) {
			m := worker.StreamMessage{Kind: worker.StreamInput, Stream: r.stream, Time: f.Time.Sub(zero), Keyframe: f.Keyframe}
			m.Data = worker.RecordedFrame{Codec: f.Codec, Width: f.Width, Height: f.Height, Offset: f.Offset, Data: f.Data}.Marshal()
			if !yield(m, err) {
				return
			}
		}
		if r.last {
			yield(worker.StreamMessage{Kind: worker.StreamClose, Stream: r.stream, Time: r.ends}, nil)
		}
	}
}
