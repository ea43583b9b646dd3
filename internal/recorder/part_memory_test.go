package recorder

import (
	"runtime"
	"testing"
	"time"

	"rostrum/internal/media"
)

// pushPicture sends a picture of ten packets of 1,000 bytes, and before a keyframe one more.
func (s *sender) pushPicture(keyframe bool) {
	s.t.Helper()
	var payloads [][]byte
	unit := byte(0x41)
	if keyframe {
		payloads, unit = append(payloads, stapA(testSPS, testPPS)), 0x65
	}
	for n := range 10 {
		header := unit & 0x1f
		switch n {
		case 0:
			header |= 0x80
		case 9:
			header |= 0x40
		}
		payload := make([]byte, 1002)
		payload[0], payload[1], payload[2] = unit&0xe0|28, header, 0x88
		payloads = append(payloads, payload)
	}
	for n, payload := range payloads {
		s.sequence[media.Video]++
		p := media.Packet{Payload: payload, Sequence: s.sequence[media.Video], Timestamp: s.stamp[media.Video], Marker: n == len(payloads)-1}
		if err := s.part.push(tapped{p, s.now(), media.Video}); err != nil {
			s.t.Fatal(err)
		}
	}
	s.stamp[media.Video] += 3600
	s.passed += 40 * time.Millisecond
}

// A picture is in memory as it arrives, as a frame and as part of a segment. What is more has the
// garbage collector run more often, and the process grow.
func TestPart_AllocatesFewCopiesOfWhatItRecords(t *testing.T) {
	s := newSender(t, media.H264)
	for n := range 50 {
		s.pushPicture(n%25 == 0)
	}
	recorded := s.part.writer.pictures
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for n := range 500 {
		s.pushPicture(n%25 == 0)
	}
	runtime.ReadMemStats(&after)
	if n := s.part.writer.pictures - recorded; n != 500 {
		t.Errorf("%d of 500 pictures are recorded", n)
	}
	if n := float64(after.TotalAlloc-before.TotalAlloc) / (500 * 10_000); n > 6 {
		t.Errorf("recording allocates %.1f times what arrives", n)
	} else {
		t.Logf("%.1f times", n)
	}
}
