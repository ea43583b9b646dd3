package sfu

import (
	"os"
	"strings"
)

// browserOffer is an offer as Chromium makes it: Opus, and VP8 or H.264 in two layers.
var browserOffer = func() string {
	offer, err := os.ReadFile("../sdp/testdata/browser-offer.sdp")
	if err != nil {
		panic(err)
	}
	return string(offer)
}()

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
