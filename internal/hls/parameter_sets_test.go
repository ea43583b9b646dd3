package hls

import (
	"bytes"
	"slices"
	"testing"

	"github.com/bluenviron/mediacommon/v2/pkg/bits"
)

// A picture of a participant may have as many units as fit into it, each with another id.
func TestParameterSets_KeepsOnePPSOfEachIDThatThereIs(t *testing.T) {
	sps := []byte{0x67, 0x42, 0xc0, 0x1f}
	units := [][]byte{sps}
	for id := range uint32(65_535) {
		pps := make([]byte, 8)
		pps[0] = 0x68
		writeGolomb(pps[1:], id)
		units = append(units, pps)
	}
	gotSPS, pps := ParameterSets(append(units, []byte{0x68, 0xce, 0x3c, 0x81})) // id 0 again
	if !bytes.Equal(gotSPS, sps) || len(pps) > damagedPPS+1 {
		t.Fatalf("got SPS %x and %d PPS, want at most one of each id", gotSPS, len(pps))
	}
	if !bytes.Equal(pps[0], []byte{0x68, 0xce, 0x3c, 0x81}) {
		t.Errorf("the PPS with id 0 is %x, want the last", pps[0])
	}
	if !slices.ContainsFunc(pps, func(p []byte) bool { return identifier(p) == 255 }) {
		t.Error("the PPS with id 255 is missing")
	}
}

// writeGolomb writes ue(v) (ITU-T H.264 §9.1).
func writeGolomb(b []byte, v uint32) {
	v++
	length := 0
	for x := v; x > 0; x >>= 1 {
		length++
	}
	pos := length - 1
	bits.WriteBitsUnsafe(b, &pos, uint64(v), length)
}
