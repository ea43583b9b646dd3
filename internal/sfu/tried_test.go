package sfu

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestTried_IsReadableAndBounded(t *testing.T) {
	var where tried
	for i := range 40 {
		where.add(fmt.Sprintf("1 1 udp 2130706431 192.168.1.%d 5000 typ host generation 0", i%20))
	}
	if got := where.String(); !strings.HasPrefix(got, "udp host 192.168.1.0:5000, udp host 192.168.1.1:5000, ") || !strings.HasSuffix(got, " and 24 more") || len(got) > 300 {
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
		var where tried
		where.add(line)
		if got := where.String(); got != want {
			t.Errorf("%q is %q, want %q", line, got, want)
		}
	}
}

func TestWhyUnreached_KnowsTheUsualCases(t *testing.T) {
	for says, c := range map[string]struct{ ours, theirs, want string }{
		"a default server, a client elsewhere": {"127.0.0.1", "192.168.1.4", "listen or media_listen"},
		"a default server, its own machine":    {"127.0.0.1", "127.0.0.1", "public_ip"},
		"IPv6 alone at the client":             {"203.0.113.1", "2001:db8::4", "IPv6 alone"},
		"IPv4 alone at the client":             {"2001:db8::1", "192.168.1.4", "IPv4 alone"},
		"behind NAT":                           {"10.0.0.1 fe80::1", "192.168.1.4", "only private addresses"},
		"a firewall":                           {"203.0.113.1", "192.168.1.4", "open the media port"},
		"no word of the client":                {"203.0.113.1", "", "open the media port"},
	} {
		var ours []Candidate
		var theirs []netip.Addr
		for _, a := range strings.Fields(c.ours) {
			ours = append(ours, Candidate{Addr: netip.AddrPortFrom(netip.MustParseAddr(a), 7081)})
		}
		for _, a := range strings.Fields(c.theirs) {
			theirs = append(theirs, netip.MustParseAddr(a))
		}
		if got := whyUnreached(ours, theirs); !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", says, got, c.want)
		}
	}
}

// TestTransport_ThatNeverConnectsIsLoggedWithWhatWasTried: what the offer and a PATCH named,
// what we offered, and the likely cause, in one line.
func TestTransport_ThatNeverConnectsIsLoggedWithWhatWasTried(t *testing.T) {
	log := &page{}
	e, err := Listen(Config{ConnectTimeout: 200 * time.Millisecond, Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	r := e.NewRouter(RouterConfig{})
	defer r.Close()
	closed := make(chan struct{})
	offer := crlf(singleOffer) + "a=candidate:1 1 udp 2130706431 192.168.1.4 5000 typ host\r\n"
	p, _, err := r.Publish(offer, PublishConfig{Participant: "ann", Notify: func(ev Event) {
		if _, over := ev.(Closed); over {
			close(closed)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Patch("a=candidate:2 1 udp 1686052607 203.0.113.9 6000 typ srflx\r\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Fatal("it never ended")
	}
	all := log.lines()
	if len(all) != 1 {
		t.Fatalf("the log has %d lines: %q", len(all), all)
	}
	for _, want := range []string{
		"publisher ann", `tried="udp host 192.168.1.4:5000, udp srflx 203.0.113.9:6000"`, `offered="udp 127.0.0.1:`, "likely=\"no connectivity check came: only loopback is offered",
	} {
		if !strings.Contains(all[0], want) {
			t.Errorf("the log lacks %s: %s", want, all[0])
		}
	}
}
