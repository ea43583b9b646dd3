package recorder

import (
	"testing"
	"time"

	"rostrum/internal/media"
	"rostrum/realtime"
)

func TestTrackClock_FollowsTheLeastDelayedFrames(t *testing.T) {
	var c trackClock
	var last time.Time
	for i := range 3000 { // a minute of audio, of a clock that is 100 ppm fast
		at := time.Duration(i) * 20 * time.Millisecond
		delay := time.Duration(i*7%50) * time.Millisecond
		f := realtime.Received{Sample: realtime.Sample{Time: at + at/10_000}, Arrived: testBegin.Add(at + delay)}
		for _, known := range c.add(f) {
			last = known.at
			if off := last.Sub(testBegin.Add(known.Time)); off < -15*time.Millisecond || off > 15*time.Millisecond {
				t.Fatalf("frame %d is off by %v", i, off)
			}
		}
	}
	if last.IsZero() {
		t.Error("no frame came out")
	}
}

func TestTrackClock_IsRightAfterADay(t *testing.T) {
	c := trackClock{kind: media.Video}
	frames := realtime.NewDepacketizer(media.VP8)
	stamp, sequence := uint32(4_000_000_000), uint64(1<<16)
	last := time.Duration(0)
	for at := time.Duration(0); at <= 24*time.Hour; at += 2 * time.Second {
		p := media.Packet{Payload: []byte{0x10, 0, 0, 0, 0x9d, 0x01, 0x2a, 1, 0, 1, 0}, Sequence: sequence, Timestamp: stamp, Marker: true}
		got, _ := frames.Push(packetOf(p), testBegin.Add(at))
		for _, f := range got {
			for _, known := range c.add(f) {
				if last = known.at.Sub(testBegin); at-last > 2*time.Second+20*time.Millisecond || last > at+20*time.Millisecond {
					t.Fatalf("after %v a frame is from %v", at, last)
				}
			}
		}
		sequence++
		stamp += 180_000 + 9   // 50 ppm fast
		if at == 4*time.Hour { // more than half of what a timestamp can count
			at += 7 * time.Hour
			stamp += 7 * 3600 * 90_000 % (1 << 32)
		}
	}
	if last < 24*time.Hour-2*time.Second {
		t.Errorf("the last frame is from %v", last)
	}
}
