package recorder

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"rostrum/internal/media"
)

// A sender sends RTP packets of synthetic media, by a clock that the test moves.
type sender struct {
	t        *testing.T
	part     *part
	passed   time.Duration // since testBegin
	sequence [2]uint64
	stamp    [2]uint32 // RTP timestamp of the next frame
	ticked   time.Duration
	requests int
	sound    []byte
	queues   bool          // packets wait instead of being pushed
	report   time.Duration // by how much video is captured earlier than it is sent; with reports if not 0

	group       int // pictures from a keyframe to the next
	keyframeDue bool
	pictures    int
}

func newSender(t *testing.T, codecs ...media.Codec) *sender {
	s := &sender{t: t, sound: opusSilence, group: 50, stamp: [2]uint32{4_000_000_000, 4_294_000_000}} // they wrap soon
	s.part = &part{writer: newTake(t).w, began: testBegin, queue: newTapQueue(new(atomic.Uint64)), requestKeyframe: func() { s.requests++; s.keyframeDue = true }}
	for _, c := range codecs {
		s.part.addTrack(c)
	}
	return s
}

func (s *sender) now() time.Time { return testBegin.Add(s.passed) }

func (s *sender) push(k media.Kind, payload []byte, delay time.Duration) {
	s.t.Helper()
	s.sequence[k]++
	p := media.Packet{Payload: payload, Sequence: s.sequence[k], Timestamp: s.stamp[k], Marker: true}
	if s.report != 0 {
		p.Captured = int64(time.Hour) + int64(s.passed)
		if k == media.Video {
			p.Captured -= int64(s.report)
		}
	}
	packet := tapped{p, s.now().Add(delay), k}
	if s.queues {
		s.part.queue.add(packet)
		return
	}
	if err := s.part.push(packet); err != nil {
		s.t.Fatal(err)
	}
}

// stapA is a payload with a keyframe and its parameter sets.
func stapA(units ...[]byte) []byte {
	payload := []byte{24}
	for _, u := range units {
		payload = append(payload, byte(len(u)>>8), byte(len(u)))
		payload = append(payload, u...)
	}
	return payload
}

// play sends what a participant sends for a while: a picture each 40 ms, two packets of audio in
// that time.
func (s *sender) play(d time.Duration, video, audio bool, delay time.Duration) {
	s.t.Helper()
	for end := s.passed + d; s.passed < end; s.passed += 20 * time.Millisecond {
		if audio {
			s.push(media.Audio, s.sound, delay)
			s.stamp[media.Audio] += 960
		}
		if s.passed%(40*time.Millisecond) == 0 && video {
			payload := []byte{0x41, 0x9a, byte(s.pictures)}
			if s.pictures%s.group == 0 || s.keyframeDue {
				payload, s.keyframeDue = stapA(testSPS, testPPS, []byte{0x65, 0x88, byte(s.pictures)}), false
			}
			s.push(media.Video, payload, delay)
			s.stamp[media.Video] += 3600
			s.pictures++
		}
		s.tick()
	}
}

func (s *sender) tick() {
	if s.passed-s.ticked < tickInterval {
		return
	}
	s.ticked = s.passed
	if err := s.part.tick(s.now()); err != nil {
		s.t.Fatal(err)
	}
}

// pass lets time pass in which nothing is sent. advance says by how much of it timestamps do.
func (s *sender) pass(d, advance time.Duration) {
	s.stamp[media.Audio] += uint32(advance.Milliseconds() * 48)
	s.stamp[media.Video] += uint32(advance.Milliseconds() * 90)
	for end := s.passed + d; s.passed < end; s.passed += 20 * time.Millisecond {
		s.tick()
	}
}

// positions are where the next samples belong in the recording.
func (s *sender) positions() (audio, video time.Duration) {
	w := s.part.writer
	begins := w.begins.Sub(testBegin)
	return begins + time.Duration(w.audioNext)*time.Second/opusRate, begins + time.Duration(w.picture.Time)*time.Second/videoRate + 40*time.Millisecond
}

func TestPart_RecordsTheTimeThatPassed(t *testing.T) {
	const second = time.Second
	for _, c := range []struct {
		name string
		send func(s *sender)
	}{
		{"without disturbance", func(s *sender) { s.play(20*second, true, true, 0) }},
		{"with pauses of ten minutes", func(s *sender) {
			for range 3 {
				s.play(5*second, true, true, 0)
				s.pass(10*time.Minute, 10*time.Minute)
			}
			s.play(5*second, true, true, 0)
		}},
		{"with a delay of the path that varies", func(s *sender) {
			for i := range 40 {
				s.play(second/2, true, true, time.Duration(i%5)*20*time.Millisecond)
			}
		}},
		{"with audio that pauses (DTX, mute)", func(s *sender) {
			s.play(3*second, true, true, 0)
			s.play(6*second, true, false, 0)
			s.stamp[media.Audio] += 6 * 48_000
			s.play(4*second, true, true, 0)
		}},
		{"with audio whose timestamps stand still while it is muted", func(s *sender) {
			s.play(3*second, true, true, 0)
			s.play(18*second, true, false, 0)
			s.play(4*second, true, true, 0)
		}},
		{"with video that is stopped for a while", func(s *sender) {
			s.play(3*second, true, true, 0)
			s.play(15*second, false, true, 0)
			s.stamp[media.Video] += 15 * 90_000
			s.play(4*second, true, true, 0)
		}},
		{"with a camera that stalls with its timestamps", func(s *sender) {
			s.play(3*second, true, true, 0)
			s.play(2*second, false, true, 0)
			s.play(4*second, true, true, 0)
		}},
		{"with a path that stalls for a second and delivers all then", func(s *sender) {
			s.play(3*second, true, true, 0)
			began := s.passed
			for i := range 50 {
				s.passed = began + time.Duration(i)*20*time.Millisecond
				s.play(20*time.Millisecond, true, true, time.Duration(50-i)*20*time.Millisecond)
			}
			s.play(4*second, true, true, 0)
		}},
		{"with timestamps that jump forward", func(s *sender) {
			s.play(3*second, true, true, 0)
			s.stamp[media.Audio] += 7 * 48_000
			s.play(3*second, true, true, 0)
			s.stamp[media.Video] += 1_500_000_000
			s.play(4*second, true, true, 0)
		}},
		{"with timestamps that jump backward", func(s *sender) {
			s.play(3*second, true, true, 0)
			s.stamp[media.Audio] -= 1 * 48_000
			s.play(3*second, true, true, 0)
			s.stamp[media.Video] -= 1_500_000_000
			s.play(4*second, true, true, 0)
		}},
		{"with timestamps that jump each second", func(s *sender) {
			for i := range uint32(20) {
				s.stamp[media.Audio] += i % 3 * 700_000_000
				s.stamp[media.Video] -= i % 4 * 900_000_000
				s.play(second, true, true, 0)
			}
		}},
		{"with packets that are lost", func(s *sender) {
			for i := range 100 {
				s.play(200*time.Millisecond, true, true, 0)
				if i%10 == 3 {
					s.sequence[i/10%2]++
				}
			}
			s.play(3*second, true, true, 0)
		}},
		{"with timestamps that run backward", func(s *sender) {
			s.play(3*second, true, true, 0)
			for range 100 {
				s.stamp[media.Audio] -= 2 * 960
				s.stamp[media.Video] -= 2 * 3600
				s.play(40*time.Millisecond, true, true, 0)
			}
			s.play(3*second, true, true, 0)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSender(t, media.H264, media.Opus)
			c.send(s)
			audio, video := s.positions()
			if off := audio - video; off < -40*time.Millisecond || off > 40*time.Millisecond {
				t.Errorf("audio goes on at %v, video at %v", audio, video)
			}
			if off := s.passed - audio; off < -50*time.Millisecond || off > 50*time.Millisecond {
				t.Errorf("audio goes on at %v of %v", audio, s.passed)
			}
			if err := s.part.end(s.now()); err != nil {
				t.Fatal(err)
			}
			list := take{t, s.part.writer}.finish(s.passed)
			if off := s.passed - list.Duration(); off < -100*time.Millisecond || off > 100*time.Millisecond {
				t.Errorf("the recording lasts %v of %v", list.Duration(), s.passed)
			}
			for _, g := range list.Segments {
				if g.Discontinuity {
					t.Errorf("a section begins at %v", g.Begins.Sub(testBegin))
				}
			}
		})
	}
}

// firstTimes returns when the first sample of each track of a segment begins, in ticks.
func firstTimes(t *testing.T, w *mediaWriter, segment string) (times []uint64) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(string(w.spool.spool), hlsFolder, participantRendition, segment))
	if err != nil {
		t.Fatal(err)
	}
	for box := []byte("tfdt"); ; {
		at := bytes.Index(data, box)
		if at < 0 {
			return times
		}
		data = data[at+4:]
		times = append(times, binary.BigEndian.Uint64(data[4:]))
	}
}

func TestPart_BeginsAudioWithVideo(t *testing.T) {
	s := newSender(t, media.H264, media.Opus)
	s.play(6*time.Second, true, true, 0)
	take{t, s.part.writer}.finish(s.passed)
	if times := firstTimes(t, s.part.writer, "0.mp4"); len(times) != 2 || times[0] != 0 || times[1] != 0 {
		t.Errorf("the tracks begin at %v", times)
	}
}

// What a publisher sent before it was recorded is recorded: audio since the first picture.
func TestPart_BeginsWithWhatWasStored(t *testing.T) {
	s := newSender(t, media.H264, media.Opus)
	s.part.began = testBegin.Add(8 * time.Second)
	s.play(time.Second, false, true, 0) // before the group of pictures
	s.play(8*time.Second, true, true, 0)
	if w := s.part.writer; !w.open || !w.begins.Equal(testBegin.Add(time.Second)) {
		t.Fatalf("it begins at %v", w.begins.Sub(testBegin))
	}
	if sound, picture := s.positions(); sound-picture > 40*time.Millisecond || picture-sound > 40*time.Millisecond {
		t.Errorf("audio goes on at %v, video at %v", sound, picture)
	}
}

// A replica's first pictures may be from before it was one. They are needed, but take no time.
func TestPart_GivesAReplicaNoTimeBeforeItsBeginning(t *testing.T) {
	s := newSender(t, media.H264, media.Opus)
	s.part.earliest = testBegin.Add(5 * time.Second)
	s.play(8*time.Second, true, true, 0)
	if w := s.part.writer; !w.begins.Equal(s.part.earliest) {
		t.Errorf("it begins at %v", w.begins.Sub(testBegin))
	}
	if sound, picture := s.positions(); sound-picture > 40*time.Millisecond || picture-sound > 40*time.Millisecond {
		t.Errorf("audio goes on at %v, video at %v", sound, picture)
	}
}

// An encoder delays video. The publisher's reports say by how much.
func TestPart_FollowsThePublishersReports(t *testing.T) {
	s := newSender(t, media.H264, media.Opus)
	s.report = 120 * time.Millisecond
	s.play(10*time.Second, true, true, 0)
	audio, video := s.positions()
	if off := audio - video - s.report; off < -40*time.Millisecond || off > 40*time.Millisecond {
		t.Errorf("video goes on %v before audio, not %v", audio-video, s.report)
	}
}

func TestPart_RecordsAudioAloneAfterAWhile(t *testing.T) {
	s := newSender(t, media.H264, media.Opus)
	s.play(4*time.Second, false, true, 0)
	if s.part.writer.open {
		t.Fatal("the recording began without a picture")
	}
	s.play(4*time.Second, false, true, 0)
	if w := s.part.writer; !w.open || !w.begins.Equal(testBegin) {
		t.Fatalf("audio is recorded from %v", w.begins)
	}
	if s.requests == 0 {
		t.Error("no keyframe was asked for")
	}
	s.play(4*time.Second, true, true, 0)
	list := take{t, s.part.writer}.finish(s.passed)
	if n := len(list.Segments); n < 2 || list.Segments[n-1].Init != "init-1.mp4" {
		t.Errorf("no section has video: %+v", list.Segments)
	}
}

func TestPart_AsksForAKeyframeUntilOneComes(t *testing.T) {
	s := newSender(t, media.H264, media.Opus)
	s.pictures, s.group = 1, 1000
	s.part.requestKeyframe = func() { s.requests++ }
	s.play(5*time.Second, true, true, 0)
	if s.requests < 4 || s.requests > 6 {
		t.Errorf("it asked %d times in five seconds", s.requests)
	}
	if s.part.writer.open {
		t.Error("pictures that refer to missing ones are recorded")
	}
}

// The recorder may be slower than packets arrive, for as long as its queue has space.
func TestPart_RecordsWhatWaits(t *testing.T) {
	for name, ends := range map[string]bool{"while it goes on": false, "at the end": true} {
		t.Run(name, func(t *testing.T) {
			s := newSender(t, media.H264, media.Opus)
			s.sound = []byte("\xfcsound")
			s.play(2*time.Second, true, true, 0)
			s.queues = true
			s.play(4*time.Second, true, true, 0)
			s.queues = false
			if !ends {
				if err := s.part.pushAll(); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.part.end(s.now()); err != nil {
				t.Fatal(err)
			}
			w := s.part.writer
			if err := w.close(s.now()); err != nil {
				t.Fatal(err)
			}
			if w.pictures != s.pictures {
				t.Errorf("%d of %d pictures are recorded", w.pictures, s.pictures)
			}
			segments, err := filepath.Glob(filepath.Join(string(w.spool.spool), hlsFolder, participantRendition, "*.mp4"))
			sounds := 0
			for _, name := range segments {
				data, readErr := os.ReadFile(name)
				err = errors.Join(err, readErr)
				sounds += bytes.Count(data, s.sound)
			}
			if sent := int(s.sequence[media.Audio]); err != nil || sounds != sent {
				t.Errorf("%d of %d packets of audio are recorded: %v", sounds, sent, err)
			}
		})
	}
}
