package sdp

import (
	"fmt"
	"strings"
	"testing"
)

func TestRemoteCandidates_AreReadableAndBounded(t *testing.T) {
	var r RemoteCandidates
	for i := range 40 {
		r.add(fmt.Sprintf("1 1 udp 2130706431 192.168.1.%d 5000 typ host generation 0", i%20))
	}
	if got := r.String(); !strings.HasPrefix(got, "udp host 192.168.1.0:5000, udp host 192.168.1.1:5000, ") || !strings.HasSuffix(got, " and 24 more") || len(got) > 300 {
		t.Errorf("forty candidates are %q", got)
	}
	for line, want := range map[string]string{
		"1 1 UDP 2130706431 fd00::1 5000 typ host":                                "udp host [fd00::1]:5000",
		"1 1 tcp 1518280447 10.0.0.4 9 typ host tcptype active":                   "tcp host active 10.0.0.4",
		"1 1 udp 1686052607 203.0.113.9 6000 typ srflx raddr 10.0.0.4 rport 5000": "udp srflx 203.0.113.9:6000",
		"1 1 udp 1 1f4712db-ea17-4bcf-a596-105139dfd8bf.local 5000 typ host":      "udp host 1f4712db-ea17-4bcf-a596-105139dfd8bf.local:5000",
		"1 1 udp 1 \x1b[31mred 5000 typ host":                                     "unreadable",
		"1 1 udp 1 level=ERROR 5000 typ host":                                     "unreadable",
		"1 1 udp 1 " + strings.Repeat("a", 1000) + " 5000 typ host":               "unreadable",
		"nonsense": "none",
		"":         "none",
	} {
		var r RemoteCandidates
		r.add(line)
		if got := r.String(); got != want {
			t.Errorf("%q is %q, want %q", line, got, want)
		}
	}
}
