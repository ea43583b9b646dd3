package realtime

import (
	"bytes"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"

	"rostrum/internal/media"
)

func TestH264Units_AreThoseOfAnotherDepacketizer(t *testing.T) {
	for name, payloads := range map[string][][]byte{
		"a unit":                      {{0x65, 1, 2, 3}},
		"units":                       {{0x67, 1}, {0x68, 2}, {0x65, 3}},
		"aggregated units":            {{0x78, 0, 2, 0x67, 1, 0, 3, 0x68, 2, 3}, {0x65, 4}},
		"aggregated, then a rest":     {{0x78, 0, 2, 0x67, 1, 0}},
		"nothing aggregated":          {{0x78}},
		"fragments":                   {{0x7c, 0x85, 1, 2}, {0x7c, 0x05, 3}, {0x7c, 0x45, 4, 5}},
		"fragments of two units":      {{0x7c, 0x85, 1}, {0x7c, 0x45, 2}, {0x5c, 0x81, 3}, {0x5c, 0x41, 4}},
		"one fragment that is a unit": {{0x7c, 0xc5, 1, 2}},
	} {
		var units h264Units
		var other codecs.H264Packet
		var picture, expected []byte
		for _, p := range payloads {
			var err error
			if picture, err = units.appendTo(picture, p); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			data, err := other.Unmarshal(p)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			expected = append(expected, data...)
		}
		if !bytes.Equal(picture, expected) || units.incomplete {
			t.Errorf("%s: %x, expected %x; incomplete: %t", name, picture, expected, units.incomplete)
		}
	}
}

// What is missing of a picture must not be decoded as if it were all of it.
func TestH264Units_RefuseWhatIsDamaged(t *testing.T) {
	for name, payloads := range map[string][][]byte{
		"nothing":                       {{}},
		"no type":                       {{0x60, 1}},
		"another packetization":         {{0x79, 0, 0, 0, 1, 0x65}},
		"a short aggregation":           {{0x78, 0, 9, 0x67, 1}},
		"a short fragment":              {{0x7c}},
		"a fragment without the first":  {{0x7c, 0x45, 1}},
		"a unit amid fragments":         {{0x7c, 0x85, 1}, {0x65, 2}},
		"a second first fragment":       {{0x7c, 0x85, 1}, {0x7c, 0x85, 2}},
		"an aggregation amid fragments": {{0x7c, 0x85, 1}, {0x78, 0, 1, 0x67}},
	} {
		var units h264Units
		var err error
		for _, p := range payloads {
			_, err = units.appendTo(nil, p)
		}
		if err == nil {
			t.Errorf("%s: is accepted", name)
		}
	}
}

func TestAssembler_DropsAPictureThatEndsWithinAUnit(t *testing.T) {
	a := newAssembler(media.H264)
	sets := []byte{0x78, 0, 2, 0x67, 1, 0, 2, 0x68, 2}
	for i, p := range []struct {
		payload  []byte
		complete bool
	}{
		{sets, false}, {[]byte{0x65, 0x83}, true}, // a picture
		{sets, false}, {[]byte{0x7c, 0x85, 0x84}, false}, // one whose end is missing
		{sets, false}, {[]byte{0x65, 0x85}, true},
	} {
		_, complete, _ := a.add(arrival{packet: &rtp.Packet{Header: rtp.Header{Timestamp: uint32(i/2) * 3000, Marker: i%2 == 1}, Payload: p.payload}})
		if complete != p.complete {
			t.Errorf("packet %d completes a picture: %t", i, complete)
		}
	}
}

func TestH264Payloader_KeepsAllParameterSets(t *testing.T) {
	var picture []byte
	for _, u := range [][]byte{{0x67, 1, 2, 3}, {0x68, 0xce, 1}, {0x68, 0x53, 1}, {0x65, 9}} {
		picture = append(append(picture, 0, 0, 0, 1), u...)
	}
	sent := bytes.Clone(picture)
	payloads := newPayloader(media.H264).Payload(maxPayload, picture)
	clear(picture) // the caller's memory
	var units h264Units
	var received []byte
	for _, p := range payloads {
		var err error
		if received, err = units.appendTo(received, p); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(received, sent) {
		t.Errorf("%x, sent as %x", received, sent)
	}
}
