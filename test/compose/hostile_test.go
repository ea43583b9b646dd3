//go:build cgo

package compose

import (
	"encoding/binary"
	"image"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"

	"rostrum/internal/codec"
)

// A hostility is a stream that no honest encoder makes. Each picture is the RTP
// payloads that are sent with one timestamp.
type hostility struct {
	name     string
	mime     string
	pictures [][][]byte // sent again and again
	rate     int        // pictures a second
}

// mtu is the largest payload that is sent.
const mtu = 1100

// hostilities are the same at every run.
func hostilities(t *testing.T) []hostility {
	t.Helper()
	dice := rand.New(rand.NewPCG(1, 2))
	film := h264Film(t, 640, 360, 60)
	return []hostility{
		{"slices that are damaged", webrtc.MimeTypeH264, eachOf(film, func(_ int, unit []byte) [][]byte {
			return inH264(damage(dice, unit, 40))
		}), 30},
		{"sizes that are absurd", webrtc.MimeTypeH264, absurdSizes(film[0]), 30},
		{"another size with every picture", webrtc.MimeTypeH264, manySizes(t), 500},
		{"parameter sets that belie the slices", webrtc.MimeTypeH264, eachOf(film, func(n int, unit []byte) [][]byte {
			set := sps(1+n%120, 1+n%67, n%7, n%3 == 0)
			return append([][]byte{set}, inH264(unit)...)
		}), 30},
		{"fragments and aggregates that lie", webrtc.MimeTypeH264, brokenPackets(dice, film), 60},
		{"a picture without end", webrtc.MimeTypeH264, endless(film[0]), 1},
		{"another codec than agreed", webrtc.MimeTypeH264, eachOf(vp8Film(t), func(_ int, frame []byte) [][]byte { return inVP8(frame) }), 60},
		{"VP8 that is damaged", webrtc.MimeTypeVP8, eachOf(vp8Film(t), func(_ int, frame []byte) [][]byte {
			return inVP8(damage(dice, frame, 10))
		}), 30},
		{"VP8 of absurd sizes", webrtc.MimeTypeVP8, eachOf(vp8Film(t), func(n int, frame []byte) [][]byte { return inVP8(resizeVP8(frame, n)) }), 60},
	}
}

func eachOf(units [][]byte, make func(n int, unit []byte) [][]byte) (all [][][]byte) {
	for n, unit := range units {
		all = append(all, make(n, unit))
	}
	return all
}

// h264Film is moving noise as access units in Annex B form, a keyframe every ten.
func h264Film(t *testing.T, width, height, pictures int) (units [][]byte) {
	t.Helper()
	c, err := codec.NewCanvas(width, height)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	e, err := codec.NewVideoEncoder(codec.VideoConfig{Width: width, Height: height, FrameRate: 30, Bitrate: 1_000_000, KeyframeTicks: 10, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for n := range pictures {
		for i := range 8 {
			x, y := (n*8+i*60)%(width-1)&^1, (n*6+i*40)%(height-1)&^1
			c.Fill(image.Rect(x, y, min(width, x+64), min(height, y+48)), uint8(30*i+n))
		}
		made, err := e.Encode(c, int64(n), n%10 == 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range made {
			units = append(units, u.Data)
		}
	}
	return units
}

func vp8Film(t *testing.T) (frames [][]byte) {
	t.Helper()
	b, err := os.ReadFile("../../internal/codec/testdata/vp8.ivf")
	if err != nil {
		t.Fatal(err)
	}
	for b = b[32:]; len(b) > 12; {
		n := binary.LittleEndian.Uint32(b)
		frames = append(frames, b[12:12+n])
		b = b[12+n:]
	}
	return frames
}

func inH264(unit []byte) [][]byte { return (&codecs.H264Payloader{}).Payload(mtu, unit) }

func inVP8(frame []byte) [][]byte { return (&codecs.VP8Payloader{}).Payload(mtu, frame) }

// damage changes so many bytes of what comes after the first few.
func damage(dice *rand.Rand, data []byte, bytes int) []byte {
	const kept = 40 // parameter sets, so that the rest is looked at
	out := append([]byte(nil), data...)
	for range bytes {
		if len(out) > kept {
			out[kept+dice.IntN(len(out)-kept)] = byte(dice.Uint32())
		}
	}
	return out
}

// bits writes what a sequence parameter set consists of.
type bits struct {
	b strings.Builder // of 0 and 1
}

func (w *bits) put(value, width int) {
	for width--; width >= 0; width-- {
		w.b.WriteByte('0' + byte(value>>width&1))
	}
}

func (w *bits) golomb(value int) {
	length := 0
	for (value+1)>>(length+1) > 0 {
		length++
	}
	w.put(0, length)
	w.put(value+1, length+1)
}

// sps makes a sequence parameter set of so many macroblocks (ITU-T H.264 §7.3.2.1.1),
// which says that so many reference frames are kept.
func sps(wide, high, references int, interlaced bool) []byte {
	w := &bits{}
	w.put(77, 8) // main profile
	w.put(0, 8)
	w.put(40, 8) // level 4
	w.golomb(0)  // its number
	w.golomb(0)  // log2_max_frame_num - 4
	w.golomb(2)  // pic_order_cnt_type
	w.golomb(references)
	w.put(0, 1)
	w.golomb(wide - 1)
	w.golomb(high - 1)
	if interlaced {
		w.put(0b00, 2) // frame_mbs_only_flag, mb_adaptive_frame_field_flag
	} else {
		w.put(1, 1)
	}
	w.put(1, 1) // direct_8x8_inference_flag
	w.put(1, 1) // what is cropped, in units of two
	for range 4 {
		w.golomb(3)
	}
	w.put(0, 1) // no VUI
	w.put(1, 1)
	text := w.b.String()
	nal := []byte{0x67}
	for len(text) > 0 {
		text += strings.Repeat("0", max(0, 8-len(text)))
		var v byte
		for i := range 8 {
			v = v<<1 | (text[i] - '0')
		}
		nal, text = append(nal, v), text[8:]
	}
	return nal
}

// absurdSizes puts parameter sets that no picture can have before a picture.
func absurdSizes(keyframe []byte) (all [][][]byte) {
	for _, size := range [][2]int{{1024, 1024}, {1, 1}, {1, 1024}, {1024, 1}, {120, 68}, {121, 68}, {65535, 65535}, {1 << 28, 1 << 28}, {40, 23}} {
		for _, references := range []int{0, 1, 16, 255} {
			all = append(all, append([][]byte{sps(size[0], size[1], references, references == 16)}, inH264(keyframe)...))
		}
	}
	return all
}

// manySizes is a keyframe of each of a hundred sizes.
func manySizes(t *testing.T) (all [][][]byte) {
	t.Helper()
	for n := range 100 {
		width, height := 32+n*6&^1, 32+n*37%200&^1
		if n == 50 {
			width, height = 1920, 1080
		}
		all = append(all, inH264(h264Film(t, width, height, 1)[0]))
	}
	return all
}

// brokenPackets are of RFC 6184 in name alone.
func brokenPackets(dice *rand.Rand, film [][]byte) (all [][][]byte) {
	fragment := func(flags byte, n int) []byte { return append([]byte{0x7c, flags}, make([]byte, n)...) }
	for _, p := range [][]byte{
		{}, {0x7c}, {0x7c, 0x85}, {0x78}, {0x78, 0xff}, {0x78, 0xff, 0xff}, {0x78, 0xff, 0xff, 0x67}, {0x78, 0, 0, 0, 0}, {0x78, 0, 1, 0x67, 0, 200, 0x65},
		{0x67}, {0x68}, {0x65}, {0x60}, {0x79, 1, 2, 3, 4}, {0x7a, 1, 2, 3}, {0x7d, 0x85, 0, 0, 1}, {0x7e}, {0x7f, 0xff},
		fragment(0x85, 1000), fragment(0x05, 1000), fragment(0x45, 1000), fragment(0xc5, 1000), fragment(0x87, 2), fragment(0x98, 100), fragment(0x9c, 100),
	} {
		all = append(all, inH264(film[0]), [][]byte{p}, [][]byte{p, p, p})
	}
	for n, unit := range film {
		whole := inH264(unit)
		for i := range whole { // each cut short somewhere, and some left out
			whole[i] = whole[i][:dice.IntN(len(whole[i])+1)]
		}
		if n%3 == 0 && len(whole) > 1 {
			whole = whole[1:]
		}
		noise := make([]byte, 1+dice.IntN(mtu-1))
		for i := range noise {
			noise[i] = byte(dice.Uint32())
		}
		all = append(all, whole, [][]byte{noise})
	}
	return all
}

// endless is a keyframe, and one of which the end never comes.
func endless(keyframe []byte) [][][]byte {
	picture := inH264(keyframe)
	for n := range 2500 {
		flags := byte(0x05)
		if n == 0 {
			flags = 0x85
		}
		picture = append(picture, append([]byte{0x7c, flags}, make([]byte, mtu-2)...))
	}
	return [][][]byte{picture}
}

// resizeVP8 has a keyframe tell another size (RFC 6386 §9.1).
func resizeVP8(frame []byte, n int) []byte {
	out := append([]byte(nil), frame...)
	sizes := [][2]uint16{{16383, 16383}, {1, 1}, {0, 0}, {0xffff, 0xffff}, {16383, 1}, {1920, 1080}, {1922, 1082}, {7, 5}}
	if len(out) > 10 && out[0]&1 == 0 {
		size := sizes[n%len(sizes)]
		binary.LittleEndian.PutUint16(out[6:], size[0])
		binary.LittleEndian.PutUint16(out[8:], size[1])
	}
	return out
}
