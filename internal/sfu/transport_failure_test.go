package sfu

import (
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"rostrum/internal/sdp"
)

func TestWhyUnreached_NamesTheLikelyCause(t *testing.T) {
	for name, c := range map[string]struct{ local, remote, want string }{
		"loopback, a client on another machine":  {"127.0.0.1", "192.168.1.4", "listen or media_listen"},
		"loopback, a client on the same machine": {"127.0.0.1", "127.0.0.1", "public_ip"},
		"a client with IPv6 only":                {"203.0.113.1", "2001:db8::4", "only IPv6"},
		"a client with IPv4 only":                {"2001:db8::1", "192.168.1.4", "only IPv4"},
		"behind NAT":                             {"10.0.0.1 fe80::1", "192.168.1.4", "only private addresses"},
		"a firewall":                             {"203.0.113.1", "192.168.1.4", "open the media port"},
		"no candidates of the client":            {"203.0.113.1", "", "open the media port"},
	} {
		var local []sdp.Candidate
		var remote []netip.Addr
		for _, a := range strings.Fields(c.local) {
			local = append(local, sdp.Candidate{Addr: netip.AddrPortFrom(netip.MustParseAddr(a), 7081)})
		}
		for _, a := range strings.Fields(c.remote) {
			remote = append(remote, netip.MustParseAddr(a))
		}
		if got := whyUnreached(local, remote); !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// One line has the candidates of offer and PATCH, those of the server, and the likely cause.
func TestTransport_LogsCandidatesOfAFailedConnection(t *testing.T) {
	log := &logBuffer{}
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
	if _, err := p.Patch("a=candidate:2 1 udp 1686052607 203.0.113.9 6000 typ srflx\r\n", true); err != nil {
		t.Fatal(err)
	}
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Fatal("it did not end")
	}
	all := log.lines()
	if len(all) != 1 {
		t.Fatalf("the log has %d lines: %q", len(all), all)
	}
	for _, want := range []string{
		"publisher ann", `tried="udp host 192.168.1.4:5000, udp srflx 203.0.113.9:6000"`, `offered="udp 127.0.0.1:`, "likely=\"no connectivity check came: only loopback is offered",
	} {
		if !strings.Contains(all[0], want) {
			t.Errorf("%s is not in the log: %s", want, all[0])
		}
	}
}
