#!/usr/bin/env bash
# codecs.VP9Packet of pion/rtp 1.10.6 is a depacketizer that is called for one packet after the
# other (SampleBuilder of pion/webrtc keeps one for a track), but does not empty its lists: the
# reference differences (P_DIFF, RFC 9628 §4.2, at most three a picture) and the temporal ids of
# the picture group (PGTID) of earlier packets stay in front of the new ones. In flexible mode,
# which VP9 SVC encoders use, the second picture with two references is refused with
# "too many PDiff", and so is every later one; a new scalability structure adds to the one before.
#
# Seen with pion/rtp 1.10.6, Go 1.26:
#   picture 5, refers to those 1 and 2 before: <nil>, PDiff [1 2]
#   picture 6, refers to those 1 and 2 before: too many PDiff, PDiff [1 2 1]
#   picture 7, refers to those 1 and 2 before: too many PDiff, PDiff [1 2 1 1]
#   structure of a group of 1: PGTID [0]
#   structure of a group of 1: PGTID [0 0]
# Fails when that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >main.go <<'GO'
package main

import (
	"fmt"

	"github.com/pion/rtp/codecs"
)

func main() {
	var flexible codecs.VP9Packet
	for id := byte(5); id <= 7; id++ {
		// I, P, F, B and E are set; a picture id of 7 bits; P_DIFF 1 with another after it, and 2
		_, err := flexible.Unmarshal([]byte{0xdc, id, 1<<1 | 1, 2 << 1, 0xaa})
		fmt.Printf("picture %d, refers to those 1 and 2 before: %v, PDiff %v\n", id, err, flexible.PDiff)
	}
	var structured codecs.VP9Packet
	for id := range byte(2) {
		// I, B, E and V are set; one layer, a group of one picture: T 0, R 1, P_DIFF 1
		if _, err := structured.Unmarshal([]byte{0x8e, id, 0x08, 1, 0x04, 1, 0xaa}); err != nil {
			panic(err)
		}
		fmt.Printf("structure of a group of %d: PGTID %v\n", structured.NG, structured.PGTID)
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
picture 5, refers to those 1 and 2 before: <nil>, PDiff [1 2]
picture 6, refers to those 1 and 2 before: too many PDiff, PDiff [1 2 1]
picture 7, refers to those 1 and 2 before: too many PDiff, PDiff [1 2 1 1]
structure of a group of 1: PGTID [0]
structure of a group of 1: PGTID [0 0]
EXPECTED
