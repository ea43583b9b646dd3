package recording_test

import (
	"bytes"
	"testing"
	"time"

	"rostrum/internal/media"
	"rostrum/internal/recording"
)

func TestFrames_HaveTheTimesOfTheirSectionsInOrder(t *testing.T) {
	var video, audio []recording.Frame
	var last time.Time
	for f, err := range record(t).open(t).Frames(t.Context()) {
		check(t, err)
		if f.Time.Before(last) {
			t.Fatalf("a frame at %v follows one at %v", f.Time, last)
		}
		if last = f.Time; f.Codec == media.H264 {
			video = append(video, f)
		} else {
			audio = append(audio, f)
		}
	}
	if len(video) != 10*fps || len(audio) != 10*50 {
		t.Fatalf("%d pictures and %d packets", len(video), len(audio))
	}
	for i, f := range video {
		at := began.Add(time.Duration(i) * time.Second / fps)
		if i >= 6*fps {
			at = at.Add(missing)
		}
		if off := f.Time.Sub(at); off.Abs() > time.Millisecond || f.Keyframe != (i%(2*fps) == 0) || f.Width != 640 {
			t.Fatalf("picture %d is %v off, a keyframe: %v, %d wide", i, off, f.Keyframe, f.Width)
		}
	}
	if !bytes.HasPrefix(video[0].Data, append([]byte{0, 0, 0, 1}, sps...)) {
		t.Errorf("the first picture is % x", video[0].Data)
	}
	const preSkip = 6500 * time.Microsecond
	if f := audio[0]; f.Codec != media.Opus || f.Offset != -preSkip {
		t.Errorf("the first packet is %+v", f)
	}
}

func TestFrames_EndWithTheErrorOfADamagedSegment(t *testing.T) {
	f := record(t)
	f[high+"1.mp4"] = f[high+"1.mp4"][:100]
	var last error
	count := 0
	for _, err := range f.open(t).Frames(t.Context()) {
		count++
		last = err
	}
	if last == nil || count != 2*fps+2*50+1 {
		t.Errorf("%d frames, the last with %v", count, last)
	}
	for range f.open(t).Frames(t.Context()) { // one may stop at any frame
		break
	}
}
