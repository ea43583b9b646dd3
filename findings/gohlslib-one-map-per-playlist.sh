#!/usr/bin/env bash
# gohlslib 2.4.3 (the HLS library of MediaMTX) keeps one EXT-X-MAP for a media playlist, the
# last. In a playlist with a second initialization section after a discontinuity, as every
# change of resolution makes, the first segments get the second section; that the playlist had
# two can't be seen (RFC 8216 §4.3.2.5: each tag applies to the segments after it, until the
# next one). EXT-X-DATERANGE is dropped.
#
# Seen with gohlslib 2.4.3, Go 1.26:
#   EXT-X-MAP of a.mp4: second.mp4
#   EXT-X-MAP of b.mp4: second.mp4
# Fails when that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >main.go <<'GO'
package main

import (
	"fmt"
	"strings"

	"github.com/bluenviron/gohlslib/v2/pkg/playlist"
)

const text = `#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:4
#EXT-X-MAP:URI="first.mp4"
#EXTINF:4.00000,
a.mp4
#EXT-X-DISCONTINUITY
#EXT-X-MAP:URI="second.mp4"
#EXTINF:4.00000,
b.mp4
#EXT-X-ENDLIST
`

func main() {
	var list playlist.Media
	if err := list.Unmarshal([]byte(text)); err != nil {
		panic(err)
	}
	written, err := list.Marshal()
	if err != nil {
		panic(err)
	}
	section := ""
	for line := range strings.Lines(string(written)) {
		line = strings.TrimSpace(line)
		if after, found := strings.CutPrefix(line, "#EXT-X-MAP:URI="); found {
			section = strings.Trim(after, `"`)
		} else if line != "" && line[0] != '#' {
			fmt.Printf("EXT-X-MAP of %s: %s\n", line, section)
		}
	}
}
GO
export GOFLAGS=-mod=mod
go mod init finding >/dev/null 2>&1
go get github.com/bluenviron/gohlslib/v2@v2.4.3 >/dev/null 2>&1
go mod tidy >/dev/null 2>&1
go version
go run . | tee seen
diff - seen <<'EXPECTED'
EXT-X-MAP of a.mp4: second.mp4
EXT-X-MAP of b.mp4: second.mp4
EXPECTED
