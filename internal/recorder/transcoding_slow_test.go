package recorder

import (
	"bytes"
	"testing"
	"time"

	"rostrum/internal/media"
	"rostrum/internal/worker"
	"rostrum/realtime"
)

// A slowWorker answers pictures later. It decodes what follows its last picture, or a keyframe.
type slowWorker struct {
	t         *testing.T
	inputs    []worker.StreamMessage
	last      byte // number of the last picture
	keyframes int  // that were to be answered by one
	fails     bool // each answer is an error
}

func (w *slowWorker) WritePicture(picture []byte, at time.Duration, keyframe bool) bool {
	if isKeyframe := picture[0] == 1; !isKeyframe && picture[1] != w.last+1 {
		w.t.Errorf("picture %d follows %d", picture[1], w.last)
	}
	w.last = picture[1]
	if keyframe {
		w.keyframes++
	}
	w.inputs = append(w.inputs, worker.StreamMessage{Kind: worker.StreamOutput, Time: at, Keyframe: keyframe, Data: bytes.Clone(testPicture)})
	return true
}

func (w *slowWorker) Close() {}

// answer answers the oldest picture.
func (w *slowWorker) answer(m *part) {
	if len(w.inputs) == 0 {
		return
	}
	a := w.inputs[0]
	w.inputs = w.inputs[1:]
	if a.Keyframe {
		a.Data = bytes.Clone(testKeyframe)
	}
	if w.fails {
		a = worker.StreamMessage{Kind: worker.StreamError, Time: a.Time, Data: []byte("the picture is too large")}
	}
	if err := m.writeTranscoded(a); err != nil {
		w.t.Fatal(err)
	}
}

// sendTo sends 30 pictures a second for a while. The publisher answers a request for a keyframe
// after 300 ms. Each step is a 60th of a second, and calls step with the time.
func (s *sender) sendTo(w *slowWorker, d time.Duration, step func(i int)) {
	s.t.Helper()
	begin := s.passed
	keyframeAt := begin // the next; negative for none
	s.part.requestKeyframe = func() {
		s.requests++
		if keyframeAt < 0 {
			keyframeAt = s.passed + 300*time.Millisecond
		}
	}
	for i := range int(d * 60 / time.Second) {
		s.passed = begin + time.Duration(i)*time.Second/60
		s.part.arrived = s.now()
		if i%2 == 0 {
			f := realtime.Received{Sample: realtime.Sample{Data: []byte{0, byte(i / 2)}}, Arrived: s.now()}
			if f.Keyframe = keyframeAt >= 0 && s.passed >= keyframeAt; f.Keyframe {
				f.Data[0], keyframeAt = 1, -1
			}
			if err := s.part.writeVideo(timedFrame{Received: f, at: s.now()}); err != nil {
				s.t.Fatal(err)
			}
		}
		s.tick()
		step(i)
	}
}

func TestTranscoding_RecordsWhatASlowWorkerHasTimeFor(t *testing.T) {
	for _, c := range []struct {
		name      string
		every     int // steps for an answer
		filled    int // segments of two seconds of a minute that have new pictures, at least
		pictures  int // at least
		keyframes int // at most
	}{
		{"20 pictures a second", 3, 29, 1100, 40},
		{"6 pictures a second", 10, 13, 300, 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSender(t, media.VP8)
			k := s.transcodes(0)
			w := &slowWorker{t: t}
			k.stream, k.decodes = w, false
			filled, pictures := map[int64]bool{}, 0
			s.sendTo(w, time.Minute, func(i int) {
				if i%c.every == 0 {
					w.answer(s.part)
				}
				if n := s.part.writer.pictures; n > pictures {
					filled[s.part.writer.picture.Time/(2*videoRate)], pictures = true, n
				}
			})
			if len(filled) < c.filled || pictures < c.pictures || w.keyframes > c.keyframes {
				t.Errorf("%d segments have new pictures, %d in all, of which %d keyframes", len(filled), pictures, w.keyframes)
			}
		})
	}
}

func TestTranscoding_ContinuesAfterAWorkerThatLostItsPictures(t *testing.T) {
	s := newSender(t, media.VP8)
	k := s.transcodes(0)
	w := &slowWorker{t: t}
	k.stream, k.decodes = w, false
	before := 0
	s.sendTo(w, 20*time.Second, func(i int) {
		switch at := time.Duration(i) * time.Second / 60; {
		case at < 5*time.Second, at > 10*time.Second:
			w.answer(s.part)
		case len(w.inputs) > 0:
			w.inputs, before = nil, s.part.writer.pictures
		}
	})
	if n := s.part.writer.pictures - before; n < 200 {
		t.Errorf("%d pictures are written after the loss", n)
	}
}

// Each answer that can't be written before the keyframe would have another picture made one.
func TestTranscoding_AwaitsOneKeyframeAtATime(t *testing.T) {
	s := newSender(t, media.VP8)
	k := s.transcodes(8)
	k.waiting[5].keyframe = true
	s.part.writer.needKey = true
	for i := range 5 {
		s.answer(i, worker.StreamOutput, false)
	}
	if k.keyframeDue {
		t.Error("another keyframe is due")
	}
}

func TestTranscoding_RequestsFewKeyframesThatTheWorkerDoesNotDecode(t *testing.T) {
	s := newSender(t, media.VP8)
	k := s.transcodes(0)
	w := &slowWorker{t: t, fails: true}
	k.stream, k.decodes = w, false
	s.sendTo(w, 10*time.Minute, func(int) { w.answer(s.part) })
	if s.requests < 10 || s.requests > 20 {
		t.Errorf("%d keyframes are requested in ten minutes", s.requests)
	}
	if got := k.remark(); got != "The video is missing: the picture is too large." {
		t.Errorf("the remark is %q", got)
	}
	w.fails = false
	s.sendTo(w, 2*time.Minute, func(int) { w.answer(s.part) })
	if k.interval != requestEvery || k.remark() != "Some of the video is missing: the picture is too large." {
		t.Errorf("a keyframe is requested each %v, with the remark %q", k.interval, k.remark())
	}
}

func TestIndividual_SaysWhatIsMissing(t *testing.T) {
	for _, c := range []struct{ video, thumbnails, remark string }{
		{"", "", ""},
		{"The video is missing: a.", "", "The video is missing: a."},
		{"", "b", "Thumbnails are missing: b."},
		{"The video is missing: a.", "b", "The video is missing: a. Thumbnails are missing: b."},
	} {
		r := individual{videoRemark: c.video, thumbnails: &thumbnails{problem: c.thumbnails}}
		if got := r.remark(); got != c.remark {
			t.Errorf("the remark is %q, expected %q", got, c.remark)
		}
	}
}
