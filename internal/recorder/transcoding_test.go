package recorder

import (
	"bytes"
	"log/slog"
	"testing"
	"time"

	"rostrum/internal/media"
	"rostrum/internal/worker"
)

// transcodes gives a sender a worker that has pictures of which none is answered, one each 40 ms.
func (s *sender) transcodes(pictures int) *transcoding {
	t := newTranscoding(nil, 2*time.Second, slog.New(slog.DiscardHandler))
	t.origin, t.decodes = testBegin, true
	for i := range pictures {
		d := time.Duration(i) * 40 * time.Millisecond
		t.waiting = append(t.waiting, unanswered{time: d, at: testBegin.Add(d), arrived: testBegin.Add(d)})
	}
	s.part.transcode(t)
	return t
}

// answer has the worker answer a picture.
func (s *sender) answer(picture int, kind worker.MessageKind, keyframe bool) {
	s.t.Helper()
	m := worker.StreamMessage{Kind: kind, Time: time.Duration(picture) * 40 * time.Millisecond, Keyframe: keyframe, Data: bytes.Clone(testPicture)}
	if keyframe {
		m.Data = bytes.Clone(testKeyframe)
	}
	if err := s.part.writeTranscoded(m); err != nil {
		s.t.Fatal(err)
	}
}

func TestTranscoding_WritesAnswersUntilOneIsMissing(t *testing.T) {
	for _, c := range []struct {
		name    string
		missing func(s *sender, t *transcoding)
		written bool // what follows without a keyframe
	}{
		{"none is missing", func(*sender, *transcoding) {}, true},
		{"one shows no picture", func(s *sender, _ *transcoding) {
			if err := s.part.writeTranscoded(worker.StreamMessage{Kind: worker.StreamOutput, Time: 80 * time.Millisecond}); err != nil {
				t.Fatal(err)
			}
		}, true},
		{"one did not fit", func(_ *sender, t *transcoding) { t.dropped.Store(true) }, false},
		{"one is from before the worker's pictures counted as lost", func(s *sender, t *transcoding) {
			t.waiting = t.waiting[1:]
			s.answer(2, worker.StreamOutput, false)
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSender(t, media.VP8)
			k := s.transcodes(8)
			s.answer(0, worker.StreamOutput, true)
			s.answer(1, worker.StreamOutput, false)
			c.missing(s, k)
			s.answer(3, worker.StreamOutput, false)
			if got, want := s.part.writer.pictures == 3, c.written; got != want || k.keyframeDue == want {
				t.Errorf("%d pictures are written, and a keyframe is due: %t", s.part.writer.pictures, k.keyframeDue)
			}
			before := s.part.writer.pictures
			s.answer(4, worker.StreamOutput, true)
			s.answer(5, worker.StreamOutput, false)
			if n := s.part.writer.pictures - before; n != 2 {
				t.Errorf("from a keyframe on %d pictures are written", n)
			}
			if _, video := s.positions(); video != 240*time.Millisecond {
				t.Errorf("the last picture ends at %v", video)
			}
		})
	}
}

func TestTranscoding_AsksForAKeyframeThatTheWorkerNeeds(t *testing.T) {
	for _, c := range []struct {
		name     string
		keyframe time.Duration // the newest that the worker got
		asks     bool
	}{
		{"none came since", 0, true},
		{"one came since", 160 * time.Millisecond, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSender(t, media.VP8)
			k := s.transcodes(8)
			s.part.arrived = testBegin
			k.decodesFrom = c.keyframe
			s.answer(2, worker.StreamError, false)
			if k.decodes == c.asks || (s.requests > 0) != c.asks {
				t.Errorf("the worker decodes: %t, with %d requests", k.decodes, s.requests)
			}
			if len(k.waiting) != 5 {
				t.Errorf("%d pictures are without an answer", len(k.waiting))
			}
		})
	}
}
