#!/usr/bin/env bash
# pion/sdp 3.0.20, the SDP parser of the Go WebRTC servers, against RFC 8866:
#   - m=image, a registered media type (RFC 6466; fax over IP uses it), is a syntax error, so that
#     the other media of such an offer can't be answered either; so is DCCP/TLS/RTP/SAVPF, a
#     registered protocol (RFC 5762 §5.1), while DCCP and RTP/SAVPF are known;
#   - a second e= or p= line is a syntax error (§9: email-fields and phone-fields repeat);
#   - of several c= lines of a media description (§5.7, hierarchical multicast) the last one
#     remains, without an error.
#
# Seen with pion/sdp 3.0.20, Go 1.26:
#   image: sdp: invalid value `image`
#   DCCP: sdp: invalid numeric value `DCCP/TLS/RTP/SAVPF`
#   two e=: sdp: syntax error at pos 46: "="
#   two p=: sdp: syntax error at pos 47: "="
#   two c=: c=IN IP4 233.252.0.2/127
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

	"github.com/pion/sdp/v3"
)

func main() {
	const session, timing = "v=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\n", "t=0 0\n"
	for _, d := range []struct{ name, text string }{
		{"image", session + timing + "m=image 9 udptl t38\n"},
		{"DCCP", session + timing + "m=video 9 DCCP/TLS/RTP/SAVPF 96\n"},
		{"two e=", session + "e=a@b.c\ne=d@e.f\n" + timing},
		{"two p=", session + "p=+1 617\np=+1 618\n" + timing},
		{"two c=", session + timing + "m=video 9 RTP/AVP 96\nc=IN IP4 233.252.0.1/127\nc=IN IP4 233.252.0.2/127\n"},
	} {
		var parsed sdp.SessionDescription
		if err := parsed.Unmarshal([]byte(strings.ReplaceAll(d.text, "\n", "\r\n"))); err != nil {
			fmt.Printf("%s: %v\n", d.name, err)
			continue
		}
		written, err := parsed.Marshal()
		if err != nil {
			panic(err)
		}
		var addresses []string
		for line := range strings.Lines(string(written)) {
			if strings.HasPrefix(line, "c=") {
				addresses = append(addresses, strings.TrimSpace(line))
			}
		}
		fmt.Printf("%s: %s\n", d.name, strings.Join(addresses, " "))
	}
}
GO
export GOFLAGS=-mod=mod
go mod init finding >/dev/null 2>&1
go get github.com/pion/sdp/v3@v3.0.20 >/dev/null 2>&1
go mod tidy >/dev/null 2>&1
go version
go run . | tee seen
diff - seen <<'EXPECTED'
image: sdp: invalid value `image`
DCCP: sdp: invalid numeric value `DCCP/TLS/RTP/SAVPF`
two e=: sdp: syntax error at pos 46: "="
two p=: sdp: syntax error at pos 47: "="
two c=: c=IN IP4 233.252.0.2/127
EXPECTED
