package testpattern

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"rostrum/internal/container"
	"rostrum/internal/media"
)

// TestTone_BeepsEverySecondAtItsPitch decodes three seconds of every tone.
func TestTone_BeepsEverySecondAtItsPitch(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("ffmpeg is not installed: the tones can't be decoded here")
	}
	for identity, pitch := range []float64{220, 262, 294, 330, 392, 440, 523, 587} {
		samples := play(t, uint16(identity))
		for second := 1; second < 3; second++ { // in the first the decoder settles
			onset := beepOnset(samples[second*48000 : (second+1)*48000])
			if onset > 10*time.Millisecond {
				t.Errorf("tone %d beeps %v after second %d", identity, onset, second)
			}
		}
		quiet := samples[48000+12000 : 48000+43200]
		if own, other := power(quiet, pitch), power(quiet, pitch*1.1); own < 20*other {
			t.Errorf("tone %d has %.3g at %v Hz, %.3g beside it", identity, own, pitch, other)
		}
	}
}

func play(t *testing.T, identity uint16) []float64 {
	t.Helper()
	tone, err := NewTone(identity)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "tone.ogg")
	w, err := container.Create(path, []container.Track{{Codec: media.Opus, Channels: 1}})
	if err != nil {
		t.Fatal(err)
	}
	for n := range uint32(3*packetsASec + 1) {
		if err := w.Write(container.Frame{Time: time.Duration(n) * PacketTime, Data: tone.Packet(n)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("ffmpeg", "-v", "error", "-i", path, "-ac", "1", "-ar", "48000", "-f", "s16le", "-")
	cmd.Stderr = os.Stderr
	raw, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	pcm := make([]int16, len(raw)/2)
	if err := binary.Read(bytes.NewReader(raw), binary.LittleEndian, pcm); err != nil {
		t.Fatal(err)
	}
	if len(pcm) < 3*48000 {
		t.Fatalf("%d samples were decoded", len(pcm))
	}
	samples := make([]float64, len(pcm))
	for i, s := range pcm {
		samples[i] = float64(s) / 32768
	}
	return samples
}

func beepOnset(second []float64) time.Duration {
	for i, s := range second {
		if math.Abs(s) > 0.25 {
			return time.Duration(i) * time.Second / 48000
		}
	}
	return time.Second
}

// power is that of one frequency in a signal.
func power(samples []float64, hz float64) float64 {
	var re, im float64
	for i, s := range samples {
		sin, cos := math.Sincos(2 * math.Pi * hz * float64(i) / 48000)
		re, im = re+s*cos, im+s*sin
	}
	return (re*re + im*im) / float64(len(samples)*len(samples))
}

func FuzzFind(f *testing.F) {
	v, err := NewVideo(VideoConfig{Width: 320, Height: 180})
	if err != nil {
		f.Fatal(err)
	}
	unit, _ := v.Frame(0, sentAt, true)
	f.Add(unit[:200])
	f.Add(appendSEI(nil, Mark{Sent: time.Unix(0, 0)}.sei()))
	f.Fuzz(func(t *testing.T, data []byte) { Find(data) })
}
