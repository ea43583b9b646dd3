#!/usr/bin/env bash
# gortmplib 1.0.1 (the RTMP of MediaMTX) refuses AMF0 types that the format has, and the reader's
# error ends the encoder's connection: a date (marker 0x0B, AMF0 §2.13), a string of more than
# 65,535 bytes (0x0C, §2.14) and a typed object (0x10, §2.18), in the onMetaData of a publisher,
# of which the server needs none. A client's connect with one of them fails in the same way.
# The members of an ECMA array are read to its end whatever its count says, as they should be.
#
# Seen with gortmplib 1.0.1, Go 1.26:
#   string: [onMetaData [{creationdate 2026}]]
#   ECMA array that counts 0: [onMetaData [{creationdate 2026}]]
#   date: unsupported marker 0x0b
#   long string: unsupported marker 0x0c
#   typed object: unsupported marker 0x10
# Fails when that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >main.go <<'GO'
package main

import (
	"bytes"
	"fmt"

	"github.com/bluenviron/gortmplib/pkg/bytecounter"
	"github.com/bluenviron/gortmplib/pkg/message"
)

var (
	name   = append([]byte{2, 0, 10}, "onMetaData"...)
	member = append([]byte{0, 12}, "creationdate"...)
	year   = []byte{2, 0, 4, '2', '0', '2', '6'}
	end    = []byte{0, 0, 9}
)

// read reads a data message of one chunk: a header of type 0, message stream 1.
func read(parts ...[]byte) (message.Message, error) {
	body := bytes.Join(append([][]byte{name}, parts...), nil)
	chunk := append([]byte{4, 0, 0, 0, 0, 0, byte(len(body)), 18, 1, 0, 0, 0}, body...)
	return message.NewReader(bytecounter.NewReader(bytes.NewReader(chunk)), nil, nil).Read()
}

func main() {
	for _, test := range []struct {
		what  string
		parts [][]byte
	}{
		{"string", [][]byte{{3}, member, year, end}},
		{"ECMA array that counts 0", [][]byte{{8, 0, 0, 0, 0}, member, year, end}},
		// milliseconds since 1970 as a double, and a time zone, which is always 0
		{"date", [][]byte{{3}, member, {11, 0x42, 0x79, 0xb7, 0x60, 0, 0, 0, 0, 0, 0}, end}},
		{"long string", [][]byte{{3}, member, {12, 0, 0, 0, 4, '2', '0', '2', '6'}, end}},
		{"typed object", [][]byte{{16, 0, 1, 'T'}, member, year, end}},
	} {
		if msg, err := read(test.parts...); err != nil {
			fmt.Printf("%s: %v\n", test.what, err)
		} else {
			fmt.Printf("%s: %v\n", test.what, msg.(*message.DataAMF0).Payload)
		}
	}
}
GO
export GOFLAGS=-mod=mod
go mod init finding >/dev/null 2>&1
go get github.com/bluenviron/gortmplib@v1.0.1 >/dev/null 2>&1
go mod tidy >/dev/null 2>&1
go version
go run . | tee seen
diff - seen <<'EXPECTED'
string: [onMetaData [{creationdate 2026}]]
ECMA array that counts 0: [onMetaData [{creationdate 2026}]]
date: unsupported marker 0x0b
long string: unsupported marker 0x0c
typed object: unsupported marker 0x10
EXPECTED
