#!/usr/bin/env bash
# rtcp.Unmarshal of pion/rtcp 1.2.20 takes padding off transport-wide reports only. RFC 3550
# §6.4.1 lets the last packet of a compound packet be padded (the P bit; the last byte counts the
# padding), which senders with block ciphers do. Of other padded packets the padding is content:
#   - of a NACK one more pair: it asks for packets that nobody named
#   - of sender and receiver reports a profile-specific extension
#   - SDES, FIR and REMB are refused, and with them the whole compound packet
# PLI, goodbye and APP lose it without harm.
#
# Seen with pion/rtcp 1.2.20, Go 1.26, each packet with 4 bytes of padding:
#   NACK of packet 3: asks for [3 0 3]
#   receiver report: extension 00000004
#   SDES: rtcp: packet too short
#   FIR: rtcp: invalid packet length
#   REMB: rtcp: invalid padding value expected(0) actual(1)
#   PLI: <nil>
# Fails when that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >main.go <<'GO'
package main

import (
	"encoding/binary"
	"fmt"

	"github.com/pion/rtcp"
)

// padded is a packet with 4 bytes of padding.
func padded(packet rtcp.Packet) []byte {
	data, err := packet.Marshal()
	if err != nil {
		panic(err)
	}
	data = append(data, 0, 0, 0, 4)
	data[0] |= 1 << 5
	binary.BigEndian.PutUint16(data[2:], uint16(len(data)/4-1))
	return data
}

func main() {
	read, err := rtcp.Unmarshal(padded(&rtcp.TransportLayerNack{SenderSSRC: 1, MediaSSRC: 2, Nacks: []rtcp.NackPair{{PacketID: 3}}}))
	if err != nil {
		panic(err)
	}
	var asked []uint16
	for _, pair := range read[0].(*rtcp.TransportLayerNack).Nacks {
		asked = append(asked, pair.PacketList()...)
	}
	fmt.Println("NACK of packet 3: asks for", asked)
	if read, err = rtcp.Unmarshal(padded(&rtcp.ReceiverReport{SSRC: 1})); err != nil {
		panic(err)
	}
	fmt.Printf("receiver report: extension %x\n", read[0].(*rtcp.ReceiverReport).ProfileExtensions)
	for _, test := range []struct {
		name   string
		packet rtcp.Packet
	}{
		{"SDES", &rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{Source: 1, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: "a"}}}}}},
		{"FIR", &rtcp.FullIntraRequest{SenderSSRC: 1, MediaSSRC: 2, FIR: []rtcp.FIREntry{{SSRC: 2}}}},
		{"REMB", &rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: 1, Bitrate: 1e6, SSRCs: []uint32{2}}},
		{"PLI", &rtcp.PictureLossIndication{SenderSSRC: 1, MediaSSRC: 2}},
	} {
		_, err := rtcp.Unmarshal(padded(test.packet))
		fmt.Printf("%s: %v\n", test.name, err)
	}
}
GO
export GOFLAGS=-mod=mod
go mod init finding >/dev/null 2>&1
go get github.com/pion/rtcp@v1.2.20 >/dev/null 2>&1
go mod tidy >/dev/null 2>&1
go version
go run . | tee seen
diff - seen <<'EXPECTED'
NACK of packet 3: asks for [3 0 3]
receiver report: extension 00000004
SDES: rtcp: packet too short
FIR: rtcp: invalid packet length
REMB: rtcp: invalid padding value expected(0) actual(1)
PLI: <nil>
EXPECTED
