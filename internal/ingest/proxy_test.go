package ingest_test

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/pires/go-proxyproto"
	"github.com/pires/go-proxyproto/tlvparse"

	"rostrum/internal/channel"
	"rostrum/internal/inbound"
	"rostrum/internal/rtmp"
)

// startProxy forwards connections to a server, each behind a header. It returns its
// address.
func startProxy(t *testing.T, to string, header *proxyproto.Header) string {
	t.Helper()
	l := listen(t)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer client.Close()
				server, err := net.Dial("tcp", to)
				if err != nil {
					return
				}
				defer server.Close()
				if _, err := header.WriteTo(server); err != nil {
					return
				}
				go func() { _, _ = io.Copy(server, client); server.Close() }()
				_, _ = io.Copy(client, server)
			})
		}
	})
	t.Cleanup(func() { l.Close(); running.Wait() })
	return l.Addr().String()
}

// headerFrom is a header for a client, who may speak TLS with the proxy.
func headerFrom(t *testing.T, client string, overTLS bool) *proxyproto.Header {
	t.Helper()
	h := proxyproto.HeaderProxyFromAddrs(2, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(client)), net.TCPAddrFromAddrPort(netip.MustParseAddrPort("203.0.113.1:1935")))
	if overTLS {
		ssl, err := tlvparse.PP2SSL{
			Client: tlvparse.PP2_BITFIELD_CLIENT_SSL,
			TLV:    []proxyproto.TLV{{Type: proxyproto.PP2_SUBTYPE_SSL_VERSION, Value: []byte("TLSv1.3")}},
		}.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if err := h.SetTLVs([]proxyproto.TLV{ssl}); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func TestServer_TakesTheClientFromAProxyOfThisMachine(t *testing.T) {
	loopback := inbound.Proxies{netip.MustParsePrefix("127.0.0.0/8")}
	for name, c := range map[string]struct {
		trusted inbound.Proxies
		header  *proxyproto.Header
		refused error // nil for none
	}{
		"plain RTMP is not local":             {loopback, headerFrom(t, "198.51.100.7:4000", false), channel.ErrInsecure},
		"nor if the client claims to be here": {loopback, headerFrom(t, "127.0.0.1:4000", false), channel.ErrInsecure},
		"TLS between client and proxy":        {loopback, headerFrom(t, "198.51.100.7:4000", true), nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, func(s *fixture, _ *channel.Config) { s.proxies = c.trusted })
			e, err := publishTo(t, "rtmp://"+startProxy(t, s.address, c.header)+"/app/"+s.key)
			switch {
			case c.refused == nil && err != nil:
				t.Errorf("refused: %v", err)
			case c.refused == nil:
				_ = e.push.Close()
			case !errors.Is(err, rtmp.ErrRefused) || !strings.Contains(err.Error(), c.refused.Error()):
				t.Errorf("answered by %v, expected %v", err, c.refused)
			}
			if c.refused != nil {
				await(t, "the log names the client", func() bool { return strings.Contains(s.logged.String(), "from="+c.header.SourceAddr.String()) })
			}
		})
	}
	t.Run("a header of somebody else is none", func(t *testing.T) {
		s := start(t)
		if _, err := publishTo(t, "rtmp://"+startProxy(t, s.address, headerFrom(t, "198.51.100.7:4000", true))+"/app/"+s.key); err == nil {
			t.Error("the stream is accepted")
		}
	})
	t.Run("without a header a connection is not local, and workers need none", func(t *testing.T) {
		s := start(t, func(s *fixture, _ *channel.Config) { s.proxies = loopback })
		if _, err := s.publish(t, s.key); !errors.Is(err, rtmp.ErrRefused) || !strings.Contains(err.Error(), channel.ErrInsecure.Error()) {
			t.Errorf("a stream key is answered by %v", err)
		}
		address, release, err := s.channels.Reserve(t.Context(), s.channel.ARN, composition)
		if err != nil {
			t.Fatal(err)
		}
		defer release()
		if _, err := publishTo(t, address); err != nil {
			t.Errorf("a composition of this server is answered by %v", err)
		}
	})
}
