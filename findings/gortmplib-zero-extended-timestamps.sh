#!/usr/bin/env bash
# gortmplib 1.0.0 (the RTMP library of MediaMTX) continues a message with wrong extended
# timestamps. From 16,777,215 ms on, 4 h 40 min into a stream, the timestamp of a chunk is in
# an extended field of 4 bytes, which the chunks that continue the message (type 3) repeat
# (RTMP 1.0 §5.3.1.3). gortmplib writes that field, but as zeros. A reader that compares it
# with the first one, in order to find out whether the peer repeats it at all (not all do),
# takes the four zeros for media.
#
# Seen with gortmplib 1.0.0, Go 1.26: of a message of 200 bytes at 16,777,216 ms the second
# chunk begins with c4 00 00 00 00, where c4 01 00 00 00 is due.
# Fails when it writes something else.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >main.go <<'GO'
package main

import (
	"bytes"
	"fmt"
	"time"

	"github.com/bluenviron/gortmplib/pkg/bytecounter"
	"github.com/bluenviron/gortmplib/pkg/rawmessage"
)

func main() {
	var out bytes.Buffer
	w := rawmessage.NewWriter(&out, bytecounter.NewWriter(&out), false)
	err := w.Write(&rawmessage.Message{
		ChunkStreamID: 4, Timestamp: 16_777_216 * time.Millisecond, Type: 8, MessageStreamID: 1,
		Body: bytes.Repeat([]byte{0xaa}, 200),
	})
	if err != nil {
		panic(err)
	}
	all := out.Bytes()
	const header = 1 + 11 + 4 // basic header, type 0, extended timestamp
	fmt.Printf("first chunk: extended timestamp % x\n", all[12:header])
	fmt.Printf("second chunk: % x, then media % x\n", all[header+128:header+128+5], all[header+128+5:header+128+9])
}
GO
go mod init findings >/dev/null 2>&1
go get github.com/bluenviron/gortmplib@v1.0.0 >/dev/null 2>&1
go run . | tee seen
grep -qx 'first chunk: extended timestamp 01 00 00 00' seen
grep -qx 'second chunk: c4 00 00 00 00, then media aa aa aa aa' seen
