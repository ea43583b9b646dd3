//go:build cgo

package mediajob

import (
	"encoding/binary"
	"fmt"
	"os/exec"
	"slices"
	"testing"
	"time"

	"rostrum/internal/codec"
	"rostrum/internal/media"
	"rostrum/internal/worker"
)

// encodeVP8 encodes a second of pictures of a size with ffmpeg: 25, the first a keyframe.
func encodeVP8(t *testing.T, size string) (pictures [][]byte) {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("there is no ffmpeg")
	}
	b, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size="+size+":rate=25:duration=1", "-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-g", "100", "-f", "ivf", "pipe:1").Output()
	if err != nil {
		t.Fatal(err)
	}
	for b = b[32:]; len(b) > 12; {
		size := 12 + binary.LittleEndian.Uint32(b)
		pictures = append(pictures, b[12:size])
		b = b[size:]
	}
	return pictures
}

// transcodeVideo transcodes pictures that are 40 ms apart. A keyframe is asked for at some of them.
func transcodeVideo(t *testing.T, pictures [][]byte, keyframes ...int) []worker.StreamMessage {
	t.Helper()
	inputs := make([]worker.StreamMessage, len(pictures))
	for i, p := range pictures {
		inputs[i] = worker.StreamMessage{Time: time.Duration(i) * 40 * time.Millisecond, Keyframe: slices.Contains(keyframes, i), Data: p}
	}
	return runStream(t, TranscodeVideo, nil, inputs)
}

// decodedSizes decodes H.264 and counts pictures by their size.
func decodedSizes(t *testing.T, units []worker.StreamMessage) map[string]int {
	t.Helper()
	d, err := codec.NewVideoDecoder(media.H264)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	sizes := map[string]int{}
	for _, u := range units {
		pictures, err := d.Decode(u.Data, 0)
		if err != nil {
			t.Errorf("the picture at %v: %v", u.Time, err)
		}
		for _, p := range pictures {
			if p.Damaged {
				t.Errorf("the picture at %v is damaged", u.Time)
			}
			sizes[fmt.Sprintf("%dx%d", p.Width, p.Height)]++
			p.Close()
		}
	}
	return sizes
}

func TestTranscodeVideo_AnswersEachPictureAtItsTime(t *testing.T) {
	pictures := slices.Concat(encodeVP8(t, "320x180"), encodeVP8(t, "161x91"))
	answers := transcodeVideo(t, pictures, 10)
	if len(answers) != len(pictures) {
		t.Fatalf("%d pictures have %d answers", len(pictures), len(answers))
	}
	for i, a := range answers {
		if a.Kind != worker.StreamOutput || a.Time != time.Duration(i)*40*time.Millisecond {
			t.Errorf("picture %d has an answer of kind %d at %v: %s", i, a.Kind, a.Time, a.Data)
		}
		if want := i == 0 || i == 10 || i == 25; a.Keyframe != want {
			t.Errorf("picture %d is a keyframe: %t", i, a.Keyframe)
		}
	}
	if sizes := decodedSizes(t, answers); sizes["320x180"] != 25 || sizes["160x90"] != 25 {
		t.Errorf("decoded pictures have the sizes %v", sizes)
	}
}

func TestTranscodeVideo_ContinuesAtAKeyframeAfterDamage(t *testing.T) {
	good := encodeVP8(t, "320x180")
	pictures := slices.Concat(good[:10], [][]byte{{0xff, 0xff, 0xff}}, good[11:], good)
	var decodable []worker.StreamMessage
	for i, a := range transcodeVideo(t, pictures) {
		failed := a.Kind == worker.StreamError
		if want := i >= 10 && i < 25; failed != want {
			t.Errorf("picture %d failed: %t", i, failed)
		}
		if !failed {
			decodable = append(decodable, a)
		}
	}
	if sizes := decodedSizes(t, decodable); sizes["320x180"] != 35 {
		t.Errorf("decoded pictures have the sizes %v", sizes)
	}
}
