#!/usr/bin/env bash
# pion/rtp 1.10.6 knows header extensions with two-byte headers by the profile 0x1000 alone. The
# low four bits are for the application and a receiver that does not know them ignores them
# (RFC 8285 §4.3), so 0x1001 to 0x100F announce the same elements. pion/rtp takes those for one
# extension of RFC 3550 with the id 0: Packet.GetExtension finds none of the elements, no error.
#
# Seen with pion/rtp 1.10.6, Go 1.26:
#   profile 0x1000: ids [1], element 1 0506
#   profile 0x1001: ids [0], element 1 missing
#   profile 0x100f: ids [0], element 1 missing
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
)

func main() {
	for _, bits := range []byte{0, 1, 15} {
		packet := []byte{0x90, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1,
			0x10, bits, 0, 1, // the profile, one word
			1, 2, 5, 6, // element 1 of two bytes
			0xaa}
		var read rtp.Packet
		if err := read.Unmarshal(packet); err != nil {
			panic(err)
		}
		element := "missing"
		if data := read.GetExtension(1); data != nil {
			element = fmt.Sprintf("%x", data)
		}
		fmt.Printf("profile %#x: ids %v, element 1 %s\n", read.ExtensionProfile, read.GetExtensionIDs(), element)
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
profile 0x1000: ids [1], element 1 0506
profile 0x1001: ids [0], element 1 missing
profile 0x100f: ids [0], element 1 missing
EXPECTED
