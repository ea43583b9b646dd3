//go:build cgo

package mediajob

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"rostrum/internal/codec"
	"rostrum/internal/worker"
)

const testTone = 440 // Hz

// encodeAAC encodes a tone of three seconds with ffmpeg. The frames are those of ADTS
// (ISO 13818-7 §6.2), without its headers; config is the AudioSpecificConfig they describe.
func encodeAAC(t *testing.T, rate, channels int) (config []byte, frames [][]byte) {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("there is no ffmpeg")
	}
	tone := fmt.Sprintf("sine=frequency=%d:sample_rate=%d:duration=3,volume=4", testTone, rate)
	b, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-f", "lavfi", "-i", tone, "-ac", strconv.Itoa(channels), "-c:a", "aac", "-b:a", "160k", "-f", "adts", "pipe:1").Output()
	if err != nil {
		t.Fatal(err)
	}
	for len(b) > 7 {
		size := int(b[3]&3)<<11 | int(b[4])<<3 | int(b[5])>>5
		profile, index, layout := b[2]>>6+1, b[2]>>2&15, b[2]&1<<2|b[3]>>6
		config = []byte{profile<<3 | index>>1, index<<7 | layout<<3}
		frames = append(frames, b[7:size])
		b = b[size:]
	}
	return config, frames
}

// transcodeAll transcodes frames whose times are those of RTMP, in milliseconds.
func transcodeAll(t *testing.T, config []byte, frames [][]byte, interval time.Duration) []worker.StreamMessage {
	t.Helper()
	inputs := make([]worker.StreamMessage, len(frames))
	for i, f := range frames {
		inputs[i] = worker.StreamMessage{Time: (time.Duration(i) * interval).Truncate(time.Millisecond), Data: f}
	}
	packets := runStream(t, Transcode, config, inputs)
	for _, m := range packets {
		if m.Kind != worker.StreamOutput {
			t.Fatalf("%s", m.Data)
		}
	}
	return packets
}

// AAC of every rate and number of channels becomes stereo Opus with the same tone, at its time.
func TestTranscode_ConvertsAAC(t *testing.T) {
	for _, c := range []struct {
		name           string
		rate, channels int
	}{
		{"22.05 kHz mono", 22050, 1},
		{"32 kHz stereo", 32000, 2},
		{"44.1 kHz stereo", 44100, 2},
		{"48 kHz mono", 48000, 1},
		{"48 kHz, 5.1", 48000, 6},
		{"96 kHz stereo", 96000, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			config, frames := encodeAAC(t, c.rate, c.channels)
			checkTone(t, config, frames, 1024*time.Second/time.Duration(c.rate))
		})
	}
}

// The streams are of libfdk_aac, as its FLV has them: a core of 24 kHz.
func TestTranscode_ConvertsHighEfficiencyAAC(t *testing.T) {
	for _, name := range []string{"he-aac", "he-aac-v2"} {
		t.Run(name, func(t *testing.T) {
			flv, err := os.ReadFile("testdata/" + name + ".flv")
			if err != nil {
				t.Fatal(err)
			}
			var config []byte
			var frames [][]byte
			const fileHeader, header, pointer, audio = 9, 11, 4, 8
			for b := flv[fileHeader+pointer:]; len(b) > header; {
				end := header + int(b[1])<<16 + int(b[2])<<8 + int(b[3])
				switch body := b[header:end]; {
				case b[0] != audio:
				case body[1] == 0:
					config = body[2:]
				default:
					frames = append(frames, body[2:])
				}
				b = b[end+pointer:]
			}
			checkTone(t, config, frames, 2048*time.Second/codec.SampleRate)
		})
	}
}

// checkTone transcodes frames and checks the times and the tone of the packets.
func checkTone(t *testing.T, config []byte, frames [][]byte, interval time.Duration) {
	t.Helper()
	packets := transcodeAll(t, config, frames, interval)
	if want := int(time.Duration(len(frames)) * interval / (20 * time.Millisecond)); len(packets) < want-3 || len(packets) > want {
		t.Fatalf("%d packets of 20 ms, not %d", len(packets), want)
	}
	d, err := codec.NewAudioDecoder(codec.Opus, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var heard []float32
	for i, p := range packets {
		if step := p.Time - packets[max(i-1, 0)].Time; i > 0 && step != 20*time.Millisecond {
			t.Errorf("packet %d comes %v after the one before", i, step)
		}
		samples, err := d.Decode(p.Data)
		if err != nil {
			t.Fatal(err)
		}
		heard = append(heard, samples...)
	}
	tone := heard[len(heard)/4 : len(heard)*3/4]
	crossings, energy := 0, 0.0
	for i := 2; i < len(tone); i += 2 {
		if tone[i-2] < 0 && tone[i] >= 0 {
			crossings++
		}
		energy += float64(tone[i] * tone[i])
	}
	seconds := float64(len(tone)/2) / codec.SampleRate
	if f := float64(crossings) / seconds; math.Abs(f-testTone) > 5 {
		t.Errorf("the tone has %.0f Hz", f)
	}
	if level := math.Sqrt(energy / float64(len(tone)/2)); level < 0.05 {
		t.Errorf("the tone has the level %f", level)
	}
}

// The clock of a sound card differs from that of the timestamps: for a day the samples stay
// within 20 ms of their timestamps, without a gap.
func TestTranscoding_FollowsTheClockOfTimestampsForADay(t *testing.T) {
	const frame = 1024
	for _, ppm := range []int64{-100, 100} {
		c, buffer, restarts := &transcoding{}, make([]float32, 2*frame), 0
		for n := range int64(24 * 3600 * codec.SampleRate / frame) {
			at := duration(n * frame)
			at = (at + at/1_000_000*time.Duration(ppm)).Truncate(time.Millisecond)
			begin := c.begin
			samples := c.align(buffer, at)
			if c.begin != begin {
				restarts++
			}
			if off := c.begin + duration(c.samples) - at; off < -20*time.Millisecond || off > 20*time.Millisecond {
				t.Fatalf("%d ppm: after %v the samples are off by %v", ppm, at, off)
			}
			if d := len(samples) - len(buffer); d < -2 || d > 2 {
				t.Fatalf("%d ppm: a frame is changed by %d samples", ppm, d/2)
			}
			c.samples += int64(len(samples) / 2)
		}
		if restarts > 1 {
			t.Errorf("%d ppm: the samples began anew %d times", ppm, restarts)
		}
	}
}
