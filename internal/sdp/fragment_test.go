package sdp

import (
	"strings"
	"testing"
)

func TestParseFragment_CountsCandidatesAndReadsRestarts(t *testing.T) {
	f, err := ParseFragment(crlf("a=ice-ufrag:EsAw\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\na=group:BUNDLE 0 1\nm=audio 9 UDP/TLS/RTP/SAVPF 111\na=mid:0\na=candidate:1 1 UDP 2130706431 198.51.100.1 39132 typ host\na=end-of-candidates\n"))
	if err != nil || f.Candidates != 1 || f.ICE.Ufrag != "EsAw" || len(f.MIDs) != 1 {
		t.Errorf("%+v, %v", f, err)
	}
	if _, err := ParseFragment(strings.Repeat("a=candidate:1 1 UDP 1 192.0.2.1 1 typ host\r\n", 10_000)); err == nil {
		t.Error("ten thousand candidates are accepted")
	}
	if _, err := ParseFragment("{\"a\":1}"); err == nil {
		t.Error("JSON is accepted")
	}
}

func FuzzParseFragment(f *testing.F) {
	f.Add("a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\na=candidate:1 1 UDP 1 192.0.2.1 1 typ host\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		if f, err := ParseFragment(text); err == nil {
			FormatFragment(f.MIDs, f.ICE, nil)
		}
	})
}
