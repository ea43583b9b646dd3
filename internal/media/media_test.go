package media

import (
	"encoding/hex"
	"testing"
)

func TestExtend_FollowsWrapsInBothDirections(t *testing.T) {
	for _, c := range []struct {
		name string
		last uint64
		in   uint16
		want uint64
	}{
		{"the next number", 7, 8, 8},
		{"a wrap forward", 65535, 0, 65536},
		{"a late packet from before the wrap", 65537, 65535, 65535},
		{"a jump of just under half the space", 1, 32768, 32768},
		{"a late packet at the very beginning stays positive", 3, 65534, 65534},
		{"many wraps", 10<<16 | 5, 4, 10<<16 | 4},
	} {
		if got := Extend(c.last, c.in); got != c.want {
			t.Errorf("%s: Extend(%d, %d) = %d, want %d", c.name, c.last, c.in, got, c.want)
		}
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDetectKeyframe_KnowsEachCodec(t *testing.T) {
	const sps720 = "6742c01fd9005005bb0110000003001000000303c0f183248001" // x264, 1280x720 baseline
	for _, c := range []struct {
		name    string
		codec   Codec
		payload string
		want    bool
		w, h    int
	}{
		{"H.264 SPS alone", H264, sps720, true, 1280, 720},
		{"H.264 STAP-A with SPS", H264, "18001a" + sps720 + "000468ce3c80", true, 1280, 720},
		{"H.264 STAP-A with a wrong length", H264, "18ffff67", false, 0, 0},
		{"H.264 IDR slice", H264, "6588", true, 0, 0},
		{"H.264 FU-A start of IDR", H264, "7c85", true, 0, 0},
		{"H.264 FU-A middle of IDR", H264, "7c05", false, 0, 0},
		{"H.264 delta slice", H264, "419a", false, 0, 0},
		{"H.264 SEI", H264, "0605", false, 0, 0},
		{"VP8 key frame", VP8, "101002009d012a8002e001", true, 640, 480},
		{"VP8 delta frame", VP8, "10110200", false, 0, 0},
		{"VP8 second packet", VP8, "00100200", false, 0, 0},
		{"VP9 key frame", VP9, "8c8123", true, 0, 0},
		{"VP9 inter frame", VP9, "cc8123", false, 0, 0},
		{"AV1 new sequence", AV1, "1810", true, 0, 0},
		{"AV1 continuation", AV1, "1010", false, 0, 0},
		{"nothing", H264, "", false, 0, 0},
	} {
		got, w, h := DetectKeyframe(c.codec, unhex(t, c.payload))
		if got != c.want || w != c.w || h != c.h {
			t.Errorf("%s: got %v %dx%d, want %v %dx%d", c.name, got, w, h, c.want, c.w, c.h)
		}
	}
}

func TestIsKeyframeStart_IsFalseForSlices(t *testing.T) {
	for _, c := range []struct {
		name    string
		codec   Codec
		payload []byte
		want    bool
	}{
		{"a parameter set", H264, []byte{0x67, 0x42}, true},
		{"a parameter set among others", H264, []byte{0x78, 0, 2, 0x67, 0x42, 0, 2, 0x68, 0xce}, true},
		{"the beginning of one", H264, []byte{0x7c, 0x87, 0x42}, true},
		{"a slice", H264, []byte{0x65, 0x88}, false},
		{"the beginning of one slice", H264, []byte{0x7c, 0x85, 0x88}, false},
		{"a picture parameter set", H264, []byte{0x68, 0xce}, false},
		{"too short", H264, []byte{0x7c}, false},
		{"VP8", VP8, []byte{0x10, 0}, true},
	} {
		if got := IsKeyframeStart(c.codec, c.payload); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestVP8Descriptor_RenumbersBothIDs(t *testing.T) {
	p := unhex(t, "90e0fffe07200102") // X; I, L, T; 15-bit id 0x7ffe; TL0 7
	d, ok := ParseVP8(p)
	if !ok || !d.LongID || d.Picture != 0x7ffe || d.TL0 != 7 || d.Length != 6 {
		t.Fatalf("parsed %+v, %v", d, ok)
	}
	d.Renumber(p, 3, 250)
	d, _ = ParseVP8(p)
	if d.Picture != 1 || d.TL0 != 1 {
		t.Errorf("after renumbering: picture %d, TL0 %d, want 1 and 1", d.Picture, d.TL0)
	}
}

func FuzzDetectKeyframe(f *testing.F) {
	f.Add(uint8(H264), []byte{0x18, 0, 4, 0x67, 0x42, 0xc0, 0x1f})
	f.Add(uint8(VP8), []byte{0x90, 0xe0, 0xff, 0xfe, 7, 0x20, 1, 2})
	f.Add(uint8(VP9), []byte{0x8c, 0x81})
	f.Fuzz(func(t *testing.T, codec uint8, payload []byte) {
		_, w, h := DetectKeyframe(Codec(codec%6), payload)
		if w < 0 || h < 0 || w > 16384 || h > 32768 {
			t.Errorf("size out of range %dx%d", w, h)
		}
		if d, ok := ParseVP8(payload); ok {
			d.Renumber(append([]byte(nil), payload...), 9, 9)
		}
	})
}
