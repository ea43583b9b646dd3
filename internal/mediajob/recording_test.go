//go:build cgo

package mediajob

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rostrum/internal/compositor"
	"rostrum/internal/media"
	"rostrum/internal/worker"
)

// BANDWIDTH is the peak of the segments' bit rates (RFC 8216 §4.3.4.2), which an encoder on a
// busy machine may raise.
func TestRecording_AnnouncesThePeakOfItsSegments(t *testing.T) {
	folder := t.TempDir()
	start := func() *recording {
		return newRecording(worker.HLS{Directory: folder, Rendition: "r", SegmentSeconds: 2}, compositor.Format{
			Width: 640, Height: 360, FrameRate: 1, Bitrate: 800_000, Keyframes: time.Second, AudioBitrate: 100_000, AudioConfig: []byte{0x11, 0x90},
		}, recordingEvents{active: func() {}, interrupted: func(err error) { t.Error(err) }, file: func(string) {}, failedThumbnail: func(error) {}})
	}
	o := start()
	sps := []byte{0x67, 0x42, 0xc0, 0x1f, 0xd9, 0x00, 0x78, 0x02, 0x27, 0xe5, 0x84, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0xf0, 0x3c, 0x60, 0xc9, 0x20}
	second := 0
	write := func(seconds, bits int) {
		t.Helper()
		for range seconds {
			picture := append([]byte{0x65}, bytes.Repeat([]byte{1}, bits/8)...)
			if err := o.Write(compositor.Packet{
				Kind: media.Video, Time: int64(second * compositor.VideoRate), Duration: compositor.VideoRate, Keyframe: true, Units: [][]byte{sps, {0x68, 0xcb, 0x83, 0xcb, 0x20}, picture},
			}); err != nil {
				t.Fatal(err)
			}
			for i := range 47 { // AAC
				at := int64(second*compositor.AudioRate + i*1024)
				if err := o.Write(compositor.Packet{Kind: media.Audio, Time: at, Duration: 1024, Units: [][]byte{{1, 2}}}); err != nil {
					t.Fatal(err)
				}
			}
			second++
		}
	}
	announced := func() (n int) {
		t.Helper()
		data, err := os.ReadFile(filepath.Join(folder, hlsFolder, "multivariant.m3u8"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscanf(string(data[bytes.Index(data, []byte("BANDWIDTH=")):]), "BANDWIDTH=%d", &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	write(6, 700_000)
	if n := announced(); n != 990_000 {
		t.Errorf("while the encoder keeps its rate, %d bits a second are announced", n)
	}
	write(4, 3_000_000)
	write(6, 100_000)
	if n := announced(); n < 3_000_000 || n > 3_300_000 {
		t.Errorf("after segments of 3 Mbit/s, %d bits a second are announced", n)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	o = start() // a worker that replaces another
	second = 0
	write(6, 100_000)
	if n := announced(); n < 3_000_000 || n > 3_300_000 {
		t.Errorf("by the next worker, %d bits a second are announced", n)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
}
