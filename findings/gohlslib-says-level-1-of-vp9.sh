#!/usr/bin/env bash
# gohlslib 2.4.3 and mediacommon 2.9.3 (HLS and fMP4 of MediaMTX) state level 1 for VP9 of every
# size: the CODECS of the multivariant playlist and the vpcC box always hold 10. Level 1 ends at
# 36,864 luma samples, as 256x144 has (VP9 levels, webmproject.org); 1920x1080 at 30 Hz needs level
# 4 (40), 3840x2160 needs level 5 (50). The VP codec binding for ISOBMFF 1.0 has no "unknown"
# here, and players choose decoders by it.
#
# Seen with gohlslib 2.4.3, mediacommon 2.9.3, Go 1.26:
#   256x144: vpcC profile 0 level 10
#   1920x1080: vpcC profile 0 level 10
#   3840x2160: vpcC profile 0 level 10
#   CODECS vp09.00.10.08
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

	hls "github.com/bluenviron/gohlslib/v2/pkg/codecs"
	"github.com/bluenviron/gohlslib/v2/pkg/codecparams"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"
)

func main() {
	for _, size := range [][2]int{{256, 144}, {1920, 1080}, {3840, 2160}} {
		codec := &codecs.VP9{Width: size[0], Height: size[1], BitDepth: 8, ChromaSubsampling: 1}
		init := fmp4.Init{Tracks: []*fmp4.InitTrack{{ID: 1, TimeScale: 90000, Codec: codec}}}
		var out seekablebuffer.Buffer
		if err := init.Marshal(&out); err != nil {
			panic(err)
		}
		// after the type: a version and flags in 4 bytes, the profile, the level
		box := out.Bytes()[bytes.Index(out.Bytes(), []byte("vpcC"))+4:]
		fmt.Printf("%dx%d: vpcC profile %d level %d\n", size[0], size[1], box[4], box[5])
	}
	// the writer of playlists knows the size and does not use it
	fmt.Println("CODECS", codecparams.Marshal(&hls.VP9{Width: 1920, Height: 1080, BitDepth: 8, ChromaSubsampling: 1}))
}
GO
export GOFLAGS=-mod=mod
go mod init finding >/dev/null 2>&1
go get github.com/bluenviron/gohlslib/v2@v2.4.3 github.com/bluenviron/mediacommon/v2@v2.9.3 >/dev/null 2>&1
go mod tidy >/dev/null 2>&1
go version
go run . | tee seen
diff - seen <<'EXPECTED'
256x144: vpcC profile 0 level 10
1920x1080: vpcC profile 0 level 10
3840x2160: vpcC profile 0 level 10
CODECS vp09.00.10.08
EXPECTED
