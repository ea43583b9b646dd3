#!/usr/bin/env bash
# pion/rtp 1.10.6 refuses an AV1 packet whose last counted OBU element is one that receivers ignore.
# Temporal delimiters and tile lists should not be sent, and "MUST be ignored by receivers" (AV1 RTP
# payload format, section 5). AV1Depacketizer ignores them anywhere but as the last of W = 1, 2 or 3
# elements: then it answers "OBU count does not match number of OBUs", and the whole packet is lost,
# with the frame that stands before the delimiter. With W = 0, where each element has its length, the
# same elements are accepted.
#
# Seen with pion/rtp 1.10.6, Go 1.26:
#   delimiter, frame, W = 2: 32022a2b, <nil>
#   frame, delimiter, W = 2: refused
#   frame, delimiter, W = 0: 32022a2b, <nil>
#   delimiter alone, W = 1: refused
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
	// OBU headers without a size field: 0x10 temporal delimiter, 0x30 frame. N is not set.
	for _, p := range []struct {
		name    string
		payload []byte
	}{
		{"delimiter, frame, W = 2", []byte{2 << 4, 1, 0x10, 0x30, 42, 43}},
		{"frame, delimiter, W = 2", []byte{2 << 4, 3, 0x30, 42, 43, 0x10}},
		{"frame, delimiter, W = 0", []byte{0, 3, 0x30, 42, 43, 1, 0x10}},
		{"delimiter alone, W = 1", []byte{1 << 4, 0x10}},
	} {
		var d codecs.AV1Depacketizer
		obus, err := d.Unmarshal(p.payload)
		if err != nil {
			fmt.Printf("%s: refused\n", p.name)
			continue
		}
		fmt.Printf("%s: %x, %v\n", p.name, obus, err)
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
delimiter, frame, W = 2: 32022a2b, <nil>
frame, delimiter, W = 2: refused
frame, delimiter, W = 0: 32022a2b, <nil>
delimiter alone, W = 1: refused
EXPECTED
