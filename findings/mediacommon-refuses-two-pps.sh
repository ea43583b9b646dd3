#!/usr/bin/env bash
# mediacommon 2.9.3 (the containers of MediaMTX and gohlslib) refuses an fMP4 initialization
# section whose avcC has two picture parameter sets. A decoder configuration record has up to
# 255 of them (ISO/IEC 14496-15 §5.3.3.1), and slices choose one by pic_parameter_set_id
# (ITU-T H.264 §7.4.3); encoders that switch the entropy coding or the weighted prediction
# between pictures write several. The whole section is refused, with its other tracks.
#
# Seen with mediacommon 2.9.3, Go 1.26:
#   one PPS: <nil>
#   two PPS: multiple H264 PPS are not supported
# Fails when that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >main.go <<'GO'
package main

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"
)

var (
	sps = []byte{0x67, 0x42, 0xc0, 0x28, 0xd9, 0x00, 0x78, 0x02, 0x27, 0xe5, 0x84, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0xf0, 0x3c, 0x60, 0xc9, 0x20}
	pps = []byte{0x68, 0xce, 0x3c, 0x80} // its id is 0
	two = []byte{0x68, 0x53, 0x8f, 0x20} // its id is 1
)

// addPPS adds a PPS to the avcC, which is 2 + len bytes longer then, as are the boxes around it.
func addPPS(init, second []byte) []byte {
	first := append([]byte{1, 0, byte(len(pps))}, pps...) // a count, a length
	at := bytes.Index(init, first)
	out := append([]byte{}, init[:at+len(first)]...)
	out[at] = 2
	out = append(out, 0, byte(len(second)))
	out = append(out, second...)
	out = append(out, init[at+len(first):]...)
	for _, box := range []string{"moov", "trak", "mdia", "minf", "stbl", "stsd", "avc1", "avcC"} {
		size := out[bytes.Index(out, []byte(box))-4:]
		binary.BigEndian.PutUint32(size, binary.BigEndian.Uint32(size)+2+uint32(len(second)))
	}
	return out
}

func main() {
	init := fmp4.Init{Tracks: []*fmp4.InitTrack{{ID: 1, TimeScale: 90000, Codec: &codecs.H264{SPS: sps, PPS: pps}}}}
	var buffer seekablebuffer.Buffer
	if err := init.Marshal(&buffer); err != nil {
		panic(err)
	}
	var read fmp4.Init
	fmt.Println("one PPS:", read.Unmarshal(bytes.NewReader(buffer.Bytes())))
	fmt.Println("two PPS:", read.Unmarshal(bytes.NewReader(addPPS(buffer.Bytes(), two))))
}
GO
export GOFLAGS=-mod=mod
go mod init finding >/dev/null 2>&1
go get github.com/bluenviron/mediacommon/v2@v2.9.3 >/dev/null 2>&1
go mod tidy >/dev/null 2>&1
go version
go run . | tee seen
diff - seen <<'EXPECTED'
one PPS: <nil>
two PPS: multiple H264 PPS are not supported
EXPECTED
