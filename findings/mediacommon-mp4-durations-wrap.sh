#!/usr/bin/env bash
# mediacommon 2.9.3 (the containers of MediaMTX and gohlslib) writes the durations of an MP4
# file (pkg/formats/pmp4) in 32 bits, and when they don't fit, the rest of the division by
# 2^32, without an error. A video track at 90 kHz, the usual rate, reaches that after 13 h
# 15 min: of a track of 14 hours the header and the edit list say 44 min 38 s, though all
# samples are in the file. (ISO/IEC 14496-12 has version 1 of tkhd, mdhd and elst for this,
# with 64 bits.)
#
# Seen with mediacommon 2.9.3, Go 1.26:
#   samples 50400 s, mdhd 2678 s, elst 2678 s
# Fails when it writes something else, or refuses.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >main.go <<'GO'
package main

import (
	"bytes"
	"fmt"
	"os"

	amp4 "github.com/abema/go-mp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/pmp4"
)

func main() {
	const rate, hours = 90_000, 14
	var samples []*pmp4.Sample
	for range hours * 60 { // a picture a minute, as a time-lapse has
		samples = append(samples, &pmp4.Sample{Duration: 60 * rate, PayloadSize: 4, GetPayload: func() ([]byte, error) { return make([]byte, 4), nil }})
	}
	p := pmp4.Presentation{Tracks: []*pmp4.Track{{ID: 1, TimeScale: rate, Codec: &codecs.MPEG4Video{Config: []byte{
		0, 0, 1, 0xb0, 1, 0, 0, 1, 0xb5, 0x89, 0x13, 0, 0, 1, 0, 0, 0, 1, 0x20, 0, 0xc4, 0x8d, 0x88, 0, 0xf5, 0x3c, 0x04, 0x87, 0x14, 0x63}}, Samples: samples}}}
	var out bytes.Buffer
	if err := p.Marshal(&out); err != nil {
		fmt.Println("refused:", err)
		os.Exit(1)
	}
	box := func(types ...amp4.BoxType) amp4.IBox {
		found, err := amp4.ExtractBoxWithPayload(bytes.NewReader(out.Bytes()), nil, types)
		if err != nil || len(found) != 1 {
			panic(fmt.Sprint(types, err))
		}
		return found[0].Payload
	}
	moov, trak := amp4.BoxTypeMoov(), amp4.BoxTypeTrak()
	stts := box(moov, trak, amp4.BoxTypeMdia(), amp4.BoxTypeMinf(), amp4.BoxTypeStbl(), amp4.BoxTypeStts()).(*amp4.Stts)
	mdhd := box(moov, trak, amp4.BoxTypeMdia(), amp4.BoxTypeMdhd()).(*amp4.Mdhd)
	mvhd := box(moov, amp4.BoxTypeMvhd()).(*amp4.Mvhd)
	elst := box(moov, trak, amp4.BoxTypeEdts(), amp4.BoxTypeElst()).(*amp4.Elst)
	var ticks uint64
	for _, e := range stts.Entries {
		ticks += uint64(e.SampleCount) * uint64(e.SampleDelta)
	}
	got := fmt.Sprintf("samples %d s, mdhd %d s, elst %d s", ticks/rate, mdhd.GetDuration()/rate,
		elst.GetSegmentDuration(0)/uint64(mvhd.Timescale))
	fmt.Println(got)
	if got != "samples 50400 s, mdhd 2678 s, elst 2678 s" {
		os.Exit(1)
	}
}
GO
GOFLAGS=-mod=mod
export GOFLAGS
go mod init finding >/dev/null 2>&1
go get github.com/bluenviron/mediacommon/v2@v2.9.3 >/dev/null 2>&1
go mod tidy >/dev/null 2>&1
go version
go run .
