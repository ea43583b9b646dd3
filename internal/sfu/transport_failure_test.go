package sfu

import (
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"rostrum/internal/sdp"
)

func TestWhyUnreached_KnowsTheUsualCases(t *testing.T) {
	for says, c := range map[string]struct{ ours, theirs, want string }{
		"a default server, a client elsewhere": {"127.0.0.1", "192.168.1.4", "listen or media_listen"},
		"a default server, its own machine":    {"127.0.0.1", "127.0.0.1", "public_ip"},
		"IPv6 alone at the client":             {"203.0.113.1", "2001:db8::4", "only IPv6"},
		"IPv4 alone at the client":             {"2001:db8::1", "192.168.1.4", "only IPv4"},
		"behind NAT":                           {"10.0.0.1 fe80::1", "192.168.1.4", "only private addresses"},
		"a firewall":                           {"203.0.113.1", "192.168.1.4", "open the media port"},
		"no word of the client":                {"203.0.113.1", "", "open the media port"},
	} {
		var ours []sdp.Candidate
		var theirs []netip.Addr
		for _, a := range strings.Fields(c.ours) {
			ours = append(ours, sdp.Candidate{Addr: netip.AddrPortFrom(netip.MustParseAddr(a), 7081)})
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
