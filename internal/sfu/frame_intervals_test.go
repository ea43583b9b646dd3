package sfu

import (
	"testing"
	"time"

	"rostrum/internal/media"
)

// h264Track is one without a publisher.
func h264Track() *Track {
	t := &Track{kind: media.Video}
	t.coded.Store(uint32(media.H264))
	return t
}

// The track receives the frames of two layers. Every 10 ms it checks whether the larger one has
// stopped.
func TestTrack_DetectsStoppedLayers(t *testing.T) {
	const ms = time.Millisecond
	type span struct {
		until    time.Duration // ms
		low, hi  time.Duration // ms between frames, 0 for none
		trickles time.Duration // ms between packets of hi that belong to an earlier frame
	}
	for _, c := range []struct {
		name             string
		spans            []span
		stopped, resumed time.Duration // ms, latest; 0 for never
	}{
		{"both flow", []span{{20_000, 33, 33, 0}}, 0, 0},
		{"the best stops", []span{{5_000, 33, 33, 0}, {10_000, 33, 0, 0}}, 5_450, 0},
		{"and resumes", []span{{5_000, 33, 33, 0}, {10_000, 33, 0, 0}, {12_000, 33, 33, 0}}, 5_450, 10_200},
		{"and resumes with a camera that has become slow", []span{{5_000, 33, 33, 0}, {10_000, 33, 0, 0}, {12_000, 133, 133, 0}}, 5_450, 10_700},
		{"retransmissions are no frames", []span{{5_000, 33, 33, 0}, {10_000, 33, 0, 100}}, 5_450, 0},
		{"the camera is off", []span{{5_000, 33, 33, 0}, {20_000, 0, 0, 0}, {25_000, 33, 33, 0}}, 0, 0},
		{"the camera is off and on again", []span{{5_000, 33, 33, 0}, {5_700, 0, 0, 0}, {25_000, 33, 33, 0}}, 0, 0},
		{"a screen with one frame per second", []span{{30_000, 1000, 1000, 0}}, 0, 0},
		{"a screen with five frames per second", []span{{20_000, 200, 200, 0}}, 0, 0},
		{"whose best layer stops", []span{{5_000, 200, 200, 0}, {10_000, 200, 0, 0}}, 5_900, 0},
		{"a screen that is scrolled at times", []span{{5_000, 1000, 1000, 0}, {8_000, 33, 33, 0}, {15_000, 1000, 1000, 0}, {17_000, 100, 100, 0}, {25_000, 5000, 5000, 0}}, 0, 0},
		{"the best has fewer frames", []span{{20_000, 33, 250, 0}}, 0, 0},
		{"the best has one frame per second", []span{{20_000, 33, 1000, 0}}, 0, 0},
		{"the best starts later", []span{{5_000, 33, 0, 0}, {10_000, 33, 33, 0}}, 0, 0},
		{"the smaller one stops", []span{{5_000, 33, 33, 0}, {10_000, 0, 33, 0}}, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			track := h264Track()
			low, hi := newLayer(track, 0, "low"), newLayer(track, 1, "hi")
			low.width, low.height, hi.width, hi.height = 320, 180, 1280, 720
			track.layers = []*Layer{low, hi}
			track.view.Store(&trackView{})
			var sequence [2]uint16
			receive := func(l *Layer, now time.Duration) {
				sequence[l.index]++
				p := media.Packet{Payload: []byte{0x41, 1}, Marker: true}
				l.accept(&p, sequence[l.index], uint32(now/ms*90), now, false)
			}
			stopped, resumed := time.Duration(0), time.Duration(0)
			for now, i := 10*ms, 0; i < len(c.spans); now += ms {
				s := c.spans[i]
				at := now / ms
				if at >= s.until {
					i++
					continue
				}
				if s.low != 0 && at%s.low == 0 {
					receive(low, now)
				}
				if s.hi != 0 && at%s.hi == 0 {
					receive(hi, now)
				}
				if s.trickles != 0 && at%s.trickles == 0 {
					sequence[1]++
					p := media.Packet{Payload: []byte{0x41, 1}}
					hi.accept(&p, sequence[1], hi.lastTimestamp, now, true)
				}
				if at%10 == 0 && track.detectStopped(now, false) && stopped == 0 {
					stopped = at
				}
				if at%250 == 0 {
					track.measure(now)
				}
				if stopped != 0 && resumed == 0 && hi.stopped.since == 0 {
					resumed = at
				}
			}
			if stopped > c.stopped || (stopped == 0) != (c.stopped == 0) {
				t.Errorf("stopped at %d ms, want by %d (0: never)", stopped, c.stopped)
			}
			if resumed > c.resumed || (resumed == 0) != (c.resumed == 0) {
				t.Errorf("resumed at %d ms, want by %d (0: never)", resumed, c.resumed)
			}
		})
	}
}

// A path that is short of bitrate when a call begins may stop a layer before its frame rate is
// known.
func TestTrack_ResumesALayerThatStoppedAfterItsFirstFrames(t *testing.T) {
	const ms = time.Millisecond
	track := h264Track()
	low, hi := newLayer(track, 0, "low"), newLayer(track, 1, "hi")
	low.width, low.height, hi.width, hi.height = 320, 180, 1280, 720
	track.layers = []*Layer{low, hi}
	track.view.Store(&trackView{})
	track.measure(time.Second)
	now, sequence := time.Second+rateMeterWindow-60*ms, uint16(0)
	receiveUntil := func(end time.Duration) {
		for ; now < end; now += 33 * ms {
			sequence++
			for _, l := range track.layers {
				p := media.Packet{Payload: make([]byte, 1000), Marker: true}
				l.accept(&p, sequence, uint32(now/ms*90), now, false)
			}
			track.detectStopped(now, false)
		}
	}
	receiveUntil(time.Second + rateMeterWindow)
	track.measure(now)
	if !track.stopUnaffordable(now, 0) || hi.stopped.since == 0 {
		t.Fatal("the best layer does not count as stopped")
	}
	receiveUntil(now + 2*time.Second)
	if hi.stopped.since != 0 {
		t.Error("the best layer still counts as stopped, though it is sent")
	}
}
