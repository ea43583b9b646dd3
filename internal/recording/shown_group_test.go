package recording_test

import (
	"slices"
	"testing"
	"time"

	"rostrum/internal/hls"
	"rostrum/internal/media"
)

// recordPause returns a recording of three pictures, a pause of two segments that begin with these
// again, and one picture that follows.
func recordPause(t *testing.T) files {
	t.Helper()
	f := files{}
	video, err := hls.H264(sps, pps)
	check(t, err)
	s, err := hls.NewSegmenter(f, hls.Config{Folder: "high", Target: target, Begins: began}, video)
	check(t, err)
	const second = 90_000
	at := int64(0)
	put := func(n byte, duration int64) {
		unit := []byte{0x41, n}
		if n == 0 {
			unit = []byte{0x65, n}
		}
		check(t, s.Write(hls.Sample{Time: at, Duration: duration, Keyframe: n == 0, Data: hls.AVC([][]byte{unit})}))
		at += duration
	}
	put(0, second/2)
	put(1, second/2)
	put(2, second)
	for _, last := range []int64{2*second - 2, second - 2} {
		put(0, 1)
		put(1, 1)
		put(2, last)
	}
	put(3, second)
	check(t, s.Close())
	check(t, f.Put("multivariant.m3u8", hls.Multivariant(hls.Rendition{URI: "high/playlist.m3u8", Bandwidth: 20_000, Tracks: []hls.Track{video}})))
	return f
}

var pauseTimes = []time.Duration{0, time.Second / 2, time.Second, 5 * time.Second}

func TestFrames_LeaveOutThePicturesThatAPauseRepeats(t *testing.T) {
	var times []time.Duration
	for f, err := range recordPause(t).open(t).Frames(t.Context()) {
		check(t, err)
		times = append(times, f.Time.Sub(began))
	}
	if !slices.Equal(times, pauseTimes) {
		t.Errorf("pictures are at %v", times)
	}
}

func TestExport_ShowsTheLastPictureForTheLengthOfAPause(t *testing.T) {
	video := exported(t, recordPause(t), began)[media.H264]
	var times []time.Duration
	for _, f := range video {
		times = append(times, f.Time)
	}
	if !slices.Equal(times, pauseTimes) || video[2].Duration != 4*time.Second {
		t.Errorf("pictures are at %v", times)
	}
}

// Pictures that only look the same have their time.
func TestFrames_KeepGroupsThatAreEqual(t *testing.T) {
	pictures := 0
	for f, err := range record(t).open(t).Frames(t.Context()) {
		check(t, err)
		if f.Codec == media.H264 {
			pictures++
		}
	}
	if pictures != 10*fps {
		t.Errorf("of %d pictures %d are left", 10*fps, pictures)
	}
}
