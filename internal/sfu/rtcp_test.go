package sfu

import (
	"encoding/binary"
	"reflect"
	"testing"

	"github.com/pion/rtcp"
)

// TestUnmarshalRTCP_TakesPaddingOff reads packets as they are, and the same ones padded to
// multiples of 8 and 16 bytes, behind a report as feedback is sent (RFC 3550 §6.4.1).
func TestUnmarshalRTCP_TakesPaddingOff(t *testing.T) {
	report := &rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: 2}}}
	for name, packet := range map[string]rtcp.Packet{
		"receiver report": report,
		"sender report":   &rtcp.SenderReport{SSRC: 1, NTPTime: 2, RTPTime: 3},
		"NACK":            &rtcp.TransportLayerNack{SenderSSRC: 1, MediaSSRC: 2, Nacks: []rtcp.NackPair{{PacketID: 3}}},
		"PLI":             &rtcp.PictureLossIndication{SenderSSRC: 1, MediaSSRC: 2},
		"FIR":             &rtcp.FullIntraRequest{SenderSSRC: 1, MediaSSRC: 2, FIR: []rtcp.FIREntry{{SSRC: 2, SequenceNumber: 1}}},
		"REMB":            &rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: 1, Bitrate: 1e6, SSRCs: []uint32{2}},
		"goodbye":         &rtcp.Goodbye{Sources: []uint32{1}},
		"description": &rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{
			Source: 1, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: "a"}}}}},
	} {
		plain, err := rtcp.Marshal([]rtcp.Packet{report, packet})
		if err != nil {
			t.Fatal(err)
		}
		want, err := unmarshalRTCP(plain)
		if err != nil || len(want) != 2 {
			t.Fatalf("%s: %d packets, error %v", name, len(want), err)
		}
		one, err := packet.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{4, 12} {
			padded := append(append([]byte{}, plain...), make([]byte, n)...)
			padded[len(padded)-1] = byte(n)
			last := padded[len(plain)-len(one):]
			last[0] |= 1 << 5
			binary.BigEndian.PutUint16(last[2:], uint16(len(last)/4-1))
			got, err := unmarshalRTCP(padded)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s, %d bytes of padding: got %v, error %v; want %v", name, n, got, err, want)
			}
		}
	}
}
