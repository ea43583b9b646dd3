package inbound_test

import (
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/pires/go-proxyproto"

	"rostrum/internal/inbound"
)

// between is one end of a pipe, with addresses.
type between struct {
	net.Conn
	local, remote string
}

func (b between) LocalAddr() net.Addr  { return tcp(b.local) }
func (b between) RemoteAddr() net.Addr { return tcp(b.remote) }

func tcp(address string) net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(address))
}

// written is a header as a proxy sends it.
func written(t *testing.T, version byte, command proxyproto.ProtocolVersionAndCommand, client string) string {
	t.Helper()
	h := proxyproto.HeaderProxyFromAddrs(version, tcp(client), tcp(strings.Replace("[2001:db8::1]:1", "[2001:db8::1]", map[bool]string{true: "[2001:db8::1]", false: "192.0.2.1"}[strings.HasPrefix(client, "[")], 1)))
	h.Command = command
	b, err := h.Format()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestProxies_IdentifyWhoSends(t *testing.T) {
	const proxy, server = "10.0.0.9:5000", "10.0.0.1:1935"
	trusted := inbound.Proxies{netip.MustParsePrefix("10.0.0.0/24"), netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	v2 := written(t, 2, proxyproto.PROXY, "198.51.100.7:4000")
	for name, c := range map[string]struct {
		peer, sent string
		client     string // empty for an error
		local      bool
		trusted    inbound.Proxies
	}{
		"a client":                     {"198.51.100.7:4000", "hello", "198.51.100.7:4000", false, trusted},
		"a client of this machine":     {"127.0.0.1:4000", "hello", "127.0.0.1:4000", true, nil},
		"the same by IPv6":             {"[::1]:4000", "hello", "[::1]:4000", true, nil},
		"a client by a proxy":          {proxy, v2 + "hello", "198.51.100.7:4000", false, trusted},
		"the same in version 1":        {proxy, written(t, 1, proxyproto.PROXY, "198.51.100.7:4000") + "hello", "198.51.100.7:4000", false, trusted},
		"a client by IPv6":             {proxy, written(t, 2, proxyproto.PROXY, "[2001:db8::7]:4000") + "hello", "[2001:db8::7]:4000", false, trusted},
		"who says to be local":         {proxy, written(t, 2, proxyproto.PROXY, "127.0.0.1:4000") + "hello", "127.0.0.1:4000", false, trusted},
		"a check of the proxy itself":  {proxy, written(t, 2, proxyproto.LOCAL, "198.51.100.7:4000") + "hello", proxy, false, trusted},
		"a proxy of this machine":      {"127.0.0.1:4000", v2 + "hello", "198.51.100.7:4000", false, trusted},
		"a worker beside such a proxy": {"127.0.0.1:4000", "hello", "127.0.0.1:4000", false, trusted},
		"the same at another address":  {"10.0.0.1:4000", "hello", "10.0.0.1:4000", false, trusted},
		"a proxy that says nothing":    {proxy, "hello", "", false, trusted},
		"a header that is cut":         {proxy, v2[:20], "", false, trusted},
		"a header of nobody":           {"127.0.0.1:4000", v2[:13] + "\x7f" + v2[14:], "", false, trusted},
	} {
		t.Run(name, func(t *testing.T) {
			near, far := net.Pipe()
			go func() { _, _ = io.WriteString(far, c.sent); far.Close() }()
			conn, client, err := c.trusted.Identify(between{near, server, c.peer})
			if c.client == "" {
				if err == nil {
					t.Errorf("identified as %+v", client)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if client != (inbound.Client{Addr: netip.MustParseAddrPort(c.client), Local: c.local}) {
				t.Errorf("identified as %+v", client)
			}
			if rest, err := io.ReadAll(conn); err != nil || string(rest) != "hello" {
				t.Errorf("then comes %q, %v", rest, err)
			}
		})
	}
	forged := between{Conn: nil, local: server, remote: "198.51.100.8:1"} // whose header is not even read
	if conn, client, err := trusted.Identify(forged); err != nil || conn != net.Conn(forged) || client.Addr.Addr().String() != "198.51.100.8" {
		t.Errorf("a header from elsewhere: %v %v", client, err)
	}
}

func TestProxies_WaitFiveSecondsForAHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		defer near.Close()
		_, _, err := inbound.Proxies{netip.MustParsePrefix("10.0.0.0/24")}.Identify(between{near, "10.0.0.1:1935", "10.0.0.9:5000"})
		if err == nil {
			t.Error("a proxy that is silent was identified")
		}
	})
}

func TestNetwork_IsOneClient(t *testing.T) {
	for a, expected := range map[string]string{
		"192.0.2.1": "192.0.2.1/32", "::ffff:192.0.2.1": "192.0.2.1/32",
		"2001:db8:0:1:2:3:4:5": "2001:db8:0:1::/64", "fe80::1%eth0": "fe80::/64",
	} {
		if got := inbound.Network(netip.MustParseAddr(a)); got.String() != expected {
			t.Errorf("%s belongs to %s, expected %s", a, got, expected)
		}
	}
}
