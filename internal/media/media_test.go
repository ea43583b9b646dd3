package media

import (
	"bytes"
	"encoding/hex"
	"slices"
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

// testSPS is x264's for 1280x720 in baseline, testPPS a picture parameter set with id 0.
const (
	testSPS = "6742c01fd9005005bb0110000003001000000303c0f183248001"
	testPPS = "68ce3c80"
)

// Beginnings of frames of 1280x720, by libvpx and libaom; vp9Larger is predicted from a smaller one.
const (
	vp9Key      = "82498342004ff02cf60638"
	vp9Larger   = "8702000009fe059e00"
	av1Sequence = "0a0b0000002d4cffb3cdaf9004"
)

func TestInspect_KnowsEachCodec(t *testing.T) {
	const nothing, keyframe, begins, sequence, picture, whole = 0, 1, 2, 4, 8, 15
	for _, c := range []struct {
		name    string
		codec   Codec
		payload string
		want    int
		w, h    int
	}{
		{"H.264 SPS alone", H264, testSPS, begins | sequence, 0, 0},
		{"H.264 PPS alone", H264, testPPS, picture, 0, 0},
		{"H.264 access unit delimiter alone", H264, "09f0", begins, 0, 0},
		{"H.264 STAP-A with parameter sets", H264, "18001a" + testSPS + "000468ce3c80", begins | sequence | picture, 0, 0},
		{"H.264 STAP-A with delimiter, parameter sets and slice", H264, "18000209f0001a" + testSPS + "000468ce3c8000026588", whole, 0, 0},
		{"H.264 STAP-A with a wrong length", H264, "18ffff67", nothing, 0, 0},
		{"H.264 first IDR slice", H264, "6588", keyframe, 0, 0},
		{"H.264 later IDR slice", H264, "6508", nothing, 0, 0},
		{"H.264 FU-A start of the first IDR slice", H264, "7c8588", keyframe, 0, 0},
		{"H.264 FU-A start of a later IDR slice", H264, "7c8508", nothing, 0, 0},
		{"H.264 FU-A middle of IDR", H264, "7c0588", nothing, 0, 0},
		{"H.264 delta slice", H264, "419a", nothing, 0, 0},
		{"H.264 SEI", H264, "0605", nothing, 0, 0},
		{"VP8 key frame", VP8, "101002009d012a8002e001", whole, 640, 480},
		{"VP8 delta frame", VP8, "10110200", nothing, 0, 0},
		{"VP8 second packet", VP8, "00100200", nothing, 0, 0},
		{"VP9 key frame", VP9, "8c8123" + vp9Key, whole, 1280, 720},
		{"VP9 key frame with layers and their structure", VP9, "aa81230105" + "38" + "014000b4" + "028001680104" + "01" + vp9Key, whole, 1280, 720},
		{"VP9 key frame in flexible mode", VP9, "9c8123" + vp9Key, whole, 1280, 720},
		{"VP9 key frame without its size", VP9, "8c8123824983", nothing, 0, 0},
		{"VP9 upper layer of a key frame", VP9, "ac81230305" + vp9Larger, nothing, 1280, 720},
		{"VP9 inter frame of another size", VP9, "dc81230502" + vp9Larger, nothing, 1280, 720},
		{"VP9 inter frame", VP9, "cc8123", nothing, 0, 0},
		{"VP9 second packet of a key frame", VP9, "848123" + vp9Key, nothing, 0, 0},
		{"AV1 new sequence", AV1, "18" + av1Sequence, whole, 1280, 720},
		{"AV1 new sequence without its size", AV1, "180a0a", nothing, 0, 0},
		{"AV1 sequence header and key frame", AV1, "200d" + av1Sequence + "3010", keyframe | sequence | picture, 1280, 720},
		{"AV1 key frame alone", AV1, "103010", keyframe, 0, 0},
		{"AV1 key frame with size and extension", AV1, "103600020410", keyframe, 0, 0},
		{"AV1 key frame of a higher spatial layer", AV1, "103408" + "10", nothing, 0, 0},
		{"AV1 inter frame", AV1, "103030", nothing, 0, 0},
		{"AV1 continuation", AV1, "903010", nothing, 0, 0},
		{"AV1 with a wrong length", AV1, "00ff3010", nothing, 0, 0},
		{"nothing", H264, "", nothing, 0, 0},
		{"nothing of AV1", AV1, "", nothing, 0, 0},
	} {
		c1 := Inspect(c.codec, unhex(t, c.payload))
		want := Content{c.want&keyframe != 0, c.want&begins != 0, c.want&sequence != 0, c.want&picture != 0, c.w, c.h}
		if c1 != want {
			t.Errorf("%s: got %+v, want %+v", c.name, c1, want)
		}
	}
}

func TestParameterSets_KeepTheNewestOfEachID(t *testing.T) {
	const otherPPS = "684ce3c8" // id 1
	for _, c := range []struct {
		name     string
		payloads []string
		want     string // "" for none
		w        int
	}{
		{"SPS and PPS in packets of their own", []string{testSPS, testPPS}, "78001a" + testSPS + "0004" + testPPS, 1280},
		{"PPS before SPS", []string{testPPS, testSPS}, "78001a" + testSPS + "0004" + testPPS, 1280},
		{"in one packet, behind a delimiter", []string{"18000209f0001a" + testSPS + "0004" + testPPS}, "78001a" + testSPS + "0004" + testPPS, 1280},
		{"two PPS", []string{testSPS, testPPS, otherPPS}, "78001a" + testSPS + "0004" + testPPS + "0004" + otherPPS, 1280},
		{"a newer PPS with the same id", []string{testSPS, testPPS, "68ce3c81"}, "78001a" + testSPS + "0004" + "68ce3c81", 1280},
		{"a delta slice after them", []string{testSPS, testPPS, "419a"}, "78001a" + testSPS + "0004" + testPPS, 1280},
		{"only SPS", []string{testSPS}, "", 1280},
		{"a fragmented SPS", []string{"7c87" + testSPS[2:], testPPS}, "", 0},
		{"nothing", nil, "", 0},
	} {
		s := NewParameterSets(H264)
		for _, p := range c.payloads {
			s.AddPayload(unhex(t, p))
		}
		if got := hex.EncodeToString(s.Payload()); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		if w, _ := s.Size(); w != c.w {
			t.Errorf("%s: width %d, want %d", c.name, w, c.w)
		}
	}
	s := NewParameterSets(AV1)
	for _, p := range []string{"20020a0a3010", "180b0c", "500b0d"} { // the last is not complete
		s.AddPayload(unhex(t, p))
	}
	if got := hex.EncodeToString(s.Payload()); got != "180b0c" {
		t.Errorf("AV1: %s, want the newest sequence header", got)
	}
}

func TestParameterSets_AreBounded(t *testing.T) {
	s := NewParameterSets(H264)
	s.AddPayload(unhex(t, testSPS))
	s.AddPayload(append(unhex(t, testPPS), make([]byte, maxSetBytes)...))
	if len(s.sets) != 1 {
		t.Error("a long parameter set is kept")
	}
	for id := range 200 {
		unit := append([]byte{0x68, 0, byte(id) | 0x80, byte(id)}, make([]byte, 300)...)
		s.AddUnit(unit)
		if len(s.sets) > maxSets || len(s.Payload()) > maxSetsSize || s.Payload() == nil {
			t.Fatalf("%d sets in %d bytes after %d", len(s.sets), len(s.Payload()), id)
		}
	}
}

// Sets that are valid by themselves may be too long together.
func TestParameterSets_KeepTheSetThatCame(t *testing.T) {
	sps := func(size int) []byte { return append([]byte{0x67, 0x42, 0, 0x1e, 0x80}, make([]byte, size-5)...) }
	pps := func(id byte, size int) []byte { return append([]byte{0x68, id}, make([]byte, size-2)...) }
	for name, units := range map[string][][]byte{
		"a longer SPS":   {sps(400), pps(0x80, 300), pps(0x40, 300), sps(500)},
		"a longer PPS":   {sps(500), pps(0x80, 90), pps(0x40, 490), pps(0x80, 510)},
		"the only SPS":   {pps(0x80, 400), pps(0x40, 400), sps(500)},
		"all that fits":  {sps(500), pps(0x80, 500), sps(510), pps(0x80, 510)},
		"PPS before SPS": {pps(0x80, 510), pps(0x40, 510), pps(0x60, 510), sps(510)},
	} {
		s := NewParameterSets(H264)
		for _, u := range units {
			s.AddUnit(u)
			if !slices.ContainsFunc(s.sets, func(p parameterSet) bool { return bytes.Equal(p.data, u) }) || len(s.Payload()) > maxSetsSize {
				t.Errorf("%s: %d sets in %d bytes after one of %d bytes", name, len(s.sets), len(s.Payload()), len(u))
			}
		}
		if s.Payload() == nil {
			t.Errorf("%s: no payload", name)
		}
	}
}

func TestParameterSets_AllocateNothingForThoseTheyHave(t *testing.T) {
	s := NewParameterSets(H264)
	payload := unhex(t, "18001a"+testSPS+"0004"+testPPS)
	s.AddPayload(payload)
	if n := testing.AllocsPerRun(100, func() { Inspect(H264, payload); s.AddPayload(payload) }); n > 0 {
		t.Errorf("%.1f allocations", n)
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

func FuzzInspect(f *testing.F) {
	f.Add(uint8(H264), []byte{0x18, 0, 4, 0x67, 0x42, 0xc0, 0x1f})
	f.Add(uint8(VP8), []byte{0x90, 0xe0, 0xff, 0xfe, 7, 0x20, 1, 2})
	f.Add(uint8(VP9), []byte{0x8c, 0x81})
	f.Add(uint8(AV1), []byte{0x20, 2, 0x0a, 0x0a, 0x30, 0x10})
	f.Fuzz(func(t *testing.T, codec uint8, payload []byte) {
		c := Codec(codec % 6)
		sets := NewParameterSets(c)
		sets.AddPayload(payload)
		if c == H264 {
			sets.AddUnit(payload)
		}
		width, height := sets.Size()
		found := Inspect(c, payload)
		for _, n := range []int{width, height, found.Width, found.Height} {
			if n < 0 || n > 32768 {
				t.Errorf("size out of range %d", n)
			}
		}
		if d, ok := ParseVP8(payload); ok {
			d.Renumber(append([]byte(nil), payload...), 9, 9)
		}
	})
}
