#!/usr/bin/env bash
# pion/rtp 1.10.6, the packets of the Go WebRTC servers, on valid input:
#   - H264Payloader sends one picture parameter set: of several in a row, which slices may refer
#     to by pic_parameter_set_id (ITU-T H.264 §7.4.1.2.1), it keeps the last. The others are never
#     sent, without an error, and decoders can't show slices that refer to them. Parameter sets
#     at the end of what it is given wait for the next call.
#   - Packet.Unmarshal knows the two-byte form of header extensions as 0x1000 only; with
#     application bits (0x1001 to 0x100f, RFC 8285 §4.3, which receivers ignore) the elements become
#     one extension with the ID 0.
#
# Seen with pion/rtp 1.10.6, Go 1.26:
#   sent: 67010203 68ce01 685301 6509
#   packets: 780004670102030003685301 6509
#   sets alone: 0 packets
#   profile 0x1000: extensions [1 2]
#   profile 0x1005: extensions [0]
# Fails when that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >main.go <<'GO'
package main

import (
	"fmt"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
)

func main() {
	units := [][]byte{{0x67, 1, 2, 3}, {0x68, 0xce, 1}, {0x68, 0x53, 1}, {0x65, 9}}
	var picture, sets []byte
	fmt.Print("sent:")
	for _, u := range units {
		fmt.Printf(" %x", u)
		if picture = append(append(picture, 0, 0, 0, 1), u...); u[0] != 0x65 {
			sets = picture
		}
	}
	fmt.Print("\npackets:")
	for _, p := range new(codecs.H264Payloader).Payload(1200, picture) {
		fmt.Printf(" %x", p)
	}
	fmt.Printf("\nsets alone: %d packets\n", len(new(codecs.H264Payloader).Payload(1200, sets)))
	for _, bits := range []byte{0, 5} {
		var p rtp.Packet
		if err := p.Unmarshal([]byte{0x90, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0x10, bits, 0, 1, 1, 0, 2, 0}); err != nil {
			panic(err)
		}
		fmt.Printf("profile 0x10%02x: extensions %v\n", bits, p.GetExtensionIDs())
	}
}
GO
export GOFLAGS=-mod=mod
go mod init finding >/dev/null 2>&1
go get github.com/pion/rtp@v1.10.6 >/dev/null 2>&1
go mod tidy >/dev/null 2>&1
go version
go run . | tee seen
diff - seen <<'EXPECTED'
sent: 67010203 68ce01 685301 6509
packets: 780004670102030003685301 6509
sets alone: 0 packets
profile 0x1000: extensions [1 2]
profile 0x1005: extensions [0]
EXPECTED
