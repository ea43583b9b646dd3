package recorder

import (
	"bytes"
	"testing"
	"time"

	"rostrum/internal/media"
)

// otherSize is testSPS with another width.
func otherSize(n int) []byte {
	sps := append([]byte{}, testSPS...)
	sps[7] = 0x2f - byte(n%8)
	return sps
}

func TestMediaWriter_BeginsOneSectionASecondOrFewer(t *testing.T) {
	k := newTake(t)
	for i := range 300 {
		at := time.Duration(i) * 33 * time.Millisecond
		if _, err := k.w.writeVideo(testBegin.Add(at), annexB(otherSize(i), testPPS, []byte{0x65, 0x88, byte(i)}), true); err != nil {
			t.Fatal(err)
		}
		k.sound(at)
	}
	list := k.finish(300 * 33 * time.Millisecond)
	if n := len(list.Segments); n < 5 || n > 10 {
		t.Errorf("%d sections in ten seconds", n)
	}
	if d := list.Duration(); d < 9800*time.Millisecond || d > 10*time.Second {
		t.Errorf("the recording lasts %v", d)
	}
}

func TestMediaWriter_EndsTheSectionOfAGroupThatIsTooLarge(t *testing.T) {
	k := newTake(t)
	k.video(0, true)
	large := annexB(bytes.Repeat([]byte{0x41}, maxGroupSize/8))
	refused := false
	for i := range 20 {
		at := time.Duration(i+1) * 100 * time.Millisecond
		ok, err := k.w.writeVideo(testBegin.Add(at), large, false)
		if err != nil {
			t.Fatal(err)
		}
		refused = refused || !ok
	}
	if !refused || k.w.open {
		t.Error("a group of pictures without end is recorded")
	}
	k.video(3*time.Second, true)
	if list := k.finish(4 * time.Second); len(list.Segments) != 2 || !list.Segments[1].Discontinuity {
		t.Errorf("the playlist is %+v", list)
	}
}

func TestPart_RecordsAMoment(t *testing.T) {
	for _, c := range []struct {
		name         string
		video, audio bool
		lasts        time.Duration
		want         time.Duration
	}{
		{"nothing", false, false, time.Second, 0},
		{"200 ms", true, true, 200 * time.Millisecond, 200 * time.Millisecond},
		{"200 ms of audio, with video that never came", false, true, 200 * time.Millisecond, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSender(t, media.H264, media.Opus)
			s.play(c.lasts, c.video, c.audio, 0)
			if err := s.part.end(s.now()); err != nil {
				t.Fatal(err)
			}
			w := s.part.writer
			if err := w.close(s.now()); err != nil {
				t.Fatal(err)
			}
			if w.listed != c.want {
				t.Errorf("it lasts %v, not %v", w.listed, c.want)
			}
		})
	}
}

// After a damaged picture nothing is recorded that a decoder could not decode.
func TestPart_RecordsNothingBetweenADamagedPictureAndTheNextKeyframe(t *testing.T) {
	s := newSender(t, media.H264)
	s.group = 1000
	s.part.requestKeyframe = func() { s.requests++ }
	s.play(time.Second, true, false, 0)
	before := s.part.writer.pictures
	fragment := func(header byte, lost bool) {
		s.sequence[media.Video]++
		if lost {
			return
		}
		p := media.Packet{Payload: []byte{0x7c, header, 1, 2, 3}, Sequence: s.sequence[media.Video], Timestamp: s.stamp[media.Video], Marker: header&0x40 != 0}
		if err := s.part.push(tapped{p, s.now(), media.Video}); err != nil {
			t.Fatal(err)
		}
	}
	fragment(0x81, false)
	fragment(0x01, true)
	fragment(0x41, false)
	s.stamp[media.Video] += 3600
	s.passed += 40 * time.Millisecond
	s.play(3*time.Second, true, false, 0)
	if n := s.part.writer.pictures; n != before || s.requests == 0 {
		t.Errorf("%d pictures are recorded without what they refer to, and %d keyframes were requested", n-before, s.requests)
	}
	s.keyframeDue = true
	s.play(time.Second, true, false, 0)
	if s.part.writer.pictures == before {
		t.Error("video does not go on with the next keyframe")
	}
}

// What a publisher sends as a keyframe may be anything.
func TestVideoTrack_RefusesDamagedKeyframes(t *testing.T) {
	for _, c := range []media.Codec{media.H264, media.VP8, media.VP9, media.AV1} {
		for _, data := range [][]byte{nil, {0}, {0x82}, {0x82, 0x49, 0x83}, {0x12, 0x00}, {0x0a, 0xff, 0xff}, {0x0a, 0x01, 0x00}, annexB([]byte{0x67}, []byte{0x68}), annexB([]byte{0x67, 1, 2, 3}, []byte{0x68, 1, 2, 3})} {
			if track, err := videoTrack(c, data); err == nil {
				t.Errorf("%v of %x is %+v", c, data, track)
			}
			videoSample(c, data)
		}
	}
}
