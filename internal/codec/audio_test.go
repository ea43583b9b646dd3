//go:build cgo

package codec

import (
	"math"
	"math/rand/v2"
	"testing"
)

// tone is a second of a sine, the right channel at half the level of the left.
func tone() []float32 {
	s := make([]float32, 2*SampleRate)
	for i := range SampleRate {
		v := float32(0.5 * math.Sin(2*math.Pi*440*float64(i)/SampleRate))
		s[2*i], s[2*i+1] = v, v/2
	}
	return s
}

func level(samples []float32, channel int) float64 {
	sum, n := 0.0, 0
	for i := channel; i < len(samples); i += 2 {
		sum += float64(samples[i]) * float64(samples[i])
		n++
	}
	return math.Sqrt(sum / float64(n))
}

func TestAudio_DecodesItsEncoding(t *testing.T) {
	for _, codec := range []AudioCodec{AAC, Opus} {
		e, err := NewAudioEncoder(codec, 128_000)
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		config := e.Config()
		if codec == Opus {
			config = nil // as over RTP
		}
		d, err := NewAudioDecoder(codec, config)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		var out []float32
		for in := tone(); len(in) > 0; in = in[min(len(in), 1000):] { // not the size of a packet
			packets, err := e.Encode(in[:min(len(in), 1000)])
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range packets {
				samples, err := d.Decode(p)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, samples...)
			}
		}
		if n := len(out) / 2; n < SampleRate-2*e.FrameSize() || n > SampleRate {
			t.Errorf("%s: %d samples came back of %d", codec, n, SampleRate)
		}
		middle := out[len(out)/4&^1 : len(out)/2&^1]
		if l, r := level(middle, 0), level(middle, 1); math.Abs(l-0.354) > 0.03 || math.Abs(r-0.177) > 0.03 {
			t.Errorf("%s: levels are %.3f and %.3f, want 0.354 and 0.177", codec, l, r)
		}
	}
}

func TestAudio_ContinuesAfterDamagedPackets(t *testing.T) {
	e, err := NewAudioEncoder(Opus, 64_000)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	packets, err := e.Encode(tone())
	if err != nil {
		t.Fatal(err)
	}
	d, err := NewAudioDecoder(Opus, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for range 3 {
		_, _ = d.Decode([]byte{0xff, 0xff, 0xff}) // an error, or concealed
		if s, err := d.Decode(packets[20]); err != nil || len(s) != 2*960 {
			t.Fatalf("a good packet gave %d samples, %v", len(s)/2, err)
		}
	}
}

func FuzzAudioDecoder(f *testing.F) {
	f.Add([]byte{0xfc, 0xff, 0xfe})
	f.Add([]byte{0x7b, 0x83, 1, 2, 3, 4, 5})
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := NewAudioDecoder(Opus, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		for range 2 {
			if s, err := d.Decode(data); err == nil && len(s) > 2*maxDecoded {
				t.Errorf("one packet gave %d samples", len(s)/2)
			}
		}
	})
}

// libopus filters its input, so that silence after a sound is not digital silence at once.
func TestAudioEncoder_EncodesSilenceAfterNoiseInFewBytes(t *testing.T) {
	e, err := NewAudioEncoder(Opus, 128_000)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	d, err := NewAudioDecoder(Opus, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	random := rand.New(rand.NewPCG(1, 1))
	in := stereo(1, func(float64) float64 { return 0.6*random.Float64() - 0.3 })[:SampleRate] // half a second
	quiet := len(in) / 2 / e.FrameSize()                                                      // packets of noise
	packets, err := e.Encode(append(in, make([]float32, SampleRate)...))
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range packets {
		samples, err := d.Decode(p)
		if err != nil {
			t.Fatal(err)
		}
		after := i - quiet // packets of 20 ms
		if l := level(samples, 0); after > 5 && l > 0.001 {
			t.Errorf("packet %d after the noise has the level %f", after, l)
		}
		if after > 15 && len(p) > 10 {
			t.Errorf("packet %d after the noise has %d bytes", after, len(p))
		}
	}
}
