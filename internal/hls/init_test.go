package hls

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"
)

var (
	vp9Keyframe = []byte{0x82, 0x49, 0x83, 0x42, 0x00, 0x13, 0xf0, 0x0b, 0x30, 0x00}
	av1Keyframe = []byte{0x12, 0x00, 0x0a, 11, 0, 0, 0, 66, 167, 191, 228, 96, 13, 0, 64}
)

func TestTrack_DescribesTheVideoOfAKeyframe(t *testing.T) {
	vp9, err := VP9(vp9Keyframe)
	if err != nil || vp9.Name != "vp09.00.20.08" || vp9.Width != 320 || vp9.Height != 180 {
		t.Errorf("VP9 is %+v, %v", vp9, err)
	}
	av1, err := AV1(av1Keyframe)
	if err != nil || av1.Name != "av01.0.08M.08" || av1.Width != 1920 || av1.Height != 804 {
		t.Errorf("AV1 is %+v, %v", av1, err)
	}
	other := bytes.Clone(vp9Keyframe)
	other[6] = 0xe0 // another width
	wider, err := VP9(other)
	if err != nil || wider.Equal(vp9) || !vp9.Equal(vp9) {
		t.Errorf("tracks of other sizes are equal: %v", err)
	}
	for n := range vp9Keyframe {
		_, _ = VP9(vp9Keyframe[:n]) // must not panic
	}
	for n := range av1Keyframe {
		_, _ = AV1(av1Keyframe[:n])
	}
	inter := bytes.Clone(vp9Keyframe)
	inter[0] |= 4
	if _, err := VP9(inter); err == nil {
		t.Error("a picture that is no keyframe describes a track")
	}
}

func TestInit_OmitsThePreSkipOfOpusAndHasTheLevelOfVP9(t *testing.T) {
	video, err := VP9(vp9Keyframe)
	if err != nil {
		t.Fatal(err)
	}
	data, err := Init([]Track{video, Opus(2)})
	if err != nil {
		t.Fatal(err)
	}
	var read fmp4.Init
	if err := read.Unmarshal(bytes.NewReader(data)); err != nil || len(read.Tracks) != 2 {
		t.Fatalf("%d tracks, %v", len(read.Tracks), err)
	}
	moov, trak := trackBox(data, 1)
	if moov.end != len(data) || trak.end > moov.end {
		t.Errorf("the boxes end at %d and %d of %d", trak.end, moov.end, len(data))
	}
	edts := children(data, trak.begin+8, trak.end, "edts")
	if len(edts) != 1 {
		t.Fatalf("%d edit lists", len(edts))
	}
	elst := data[edts[0].begin+8 : edts[0].end]
	dops := data[bytes.Index(data, []byte("dOps"))+4:]
	begins, preSkip := binary.BigEndian.Uint32(elst[20:]), binary.BigEndian.Uint16(dops[2:])
	if string(elst[4:8]) != "elst" || begins != OpusPreSkip || preSkip != OpusPreSkip {
		t.Errorf("the presentation begins at %d, the pre-skip is %d", begins, preSkip)
	}
	if vpcc := data[bytes.Index(data, []byte("vpcC"))+4:]; vpcc[5] != 20 {
		t.Errorf("the level is %d", vpcc[5])
	}
}

// Players that read parameter sets from the initialization section alone need all of them.
func TestInit_HasAllPictureParameterSets(t *testing.T) {
	sps, first := parameterSets(t, 320, 180)
	more := [][]byte{{0x68, 0x53, 0x8f, 0x20}, {0x68, 0x6b, 0x8f, 0x20, 0x01}}
	video, err := H264(sps, append([][]byte{first}, more...)...)
	if err != nil {
		t.Fatal(err)
	}
	data, err := Init([]Track{video, Opus(2)})
	if err != nil {
		t.Fatal(err)
	}
	want := []byte{0xe1, 0, byte(len(sps))}
	want = append(append(want, sps...), 3)
	for _, pps := range append([][]byte{first}, more...) {
		want = append(append(want, 0, byte(len(pps))), pps...)
	}
	for track, kinds := range [][]string{{"mdia", "minf", "stbl", "stsd", "avc1", "avcC"}, {"mdia", "minf", "stbl", "stsd", "Opus", "dOps"}} {
		moov, box := trackBox(data, track)
		if moov.end != len(data) {
			t.Fatalf("moov ends at %d of %d", moov.end, len(data))
		}
		for _, kind := range kinds {
			header := map[string]int{"avc1": 16, "Opus": 16, "avcC": 86, "dOps": 36}[kind]
			inner := children(data, box.begin+max(header, 8), box.end, kind)
			if len(inner) != 1 {
				t.Fatalf("track %d has %d boxes %s", track, len(inner), kind)
			}
			box = inner[0]
		}
		if track == 0 && !bytes.Contains(data[box.begin:box.end], want) {
			t.Errorf("avcC is %x, expected %x in it", data[box.begin:box.end], want)
		}
	}
	read, err := ReadInit(data)
	if err != nil || len(read.Tracks) != 2 || !bytes.Equal(read.Tracks[0].Codec.(*codecs.H264).PPS, first) {
		t.Errorf("read are %+v, %v", read.Tracks, err)
	}
	for n := range data {
		_, _ = ReadInit(data[:n]) // must not panic
	}
	one, err := H264(sps, first)
	if err != nil || one.Equal(video) {
		t.Errorf("a track with fewer sets is equal: %v", err)
	}
	for _, none := range [][][]byte{{}, make([][]byte, 256), {make([]byte, 1<<16)}} {
		if _, err := H264(sps, none...); err == nil {
			t.Errorf("%d sets are taken", len(none))
		}
	}
}
