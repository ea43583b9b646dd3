package sfu_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
	"github.com/pires/go-proxyproto"

	"rostrum/internal/inbound"
	"rostrum/internal/sfu"
)

// dialFrom connects to the media port from an address of this machine.
func dialFrom(t *testing.T, e *sfu.Engine, from string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", e.Port()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// closed reports whether the server closes a connection within a time.
func ended(c net.Conn, within time.Duration) bool {
	_ = c.SetReadDeadline(time.Now().Add(within))
	_, err := c.Read(make([]byte, 1))
	var network net.Error
	return err != nil && !(errors.As(err, &network) && network.Timeout())
}

func TestTCP_ClosesSilentConnectionsOfOneAddressForNewOnes(t *testing.T) {
	e := listen(t, nil)
	other := dialFrom(t, e, "127.0.0.2")
	const flood, kept = 600, 64 // above the limits: of all silent connections, and of one address
	closed := make(chan struct{}, flood)
	for range flood {
		c := dialFrom(t, e, "127.0.0.3")
		go func() {
			if ended(c, 8*time.Second) { // before the timeout for silent connections
				closed <- struct{}{}
			}
		}()
	}
	late := time.After(8 * time.Second)
	for n := range flood - kept {
		select {
		case <-closed:
		case <-late:
			t.Fatalf("%d connections were closed for new ones, want %d", n, flood-kept)
		}
	}
	if n := e.Stats().Evicted; n != flood-kept {
		t.Errorf("%d connections were closed for new ones, want %d", n, flood-kept)
	}
	if ended(other, 10*time.Millisecond) {
		t.Error("the connection of another address was closed")
	}
}

// startProxy forwards connections to the media port, each with a PROXY header.
func startProxy(t *testing.T, e *sfu.Engine, client string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	header := proxyproto.HeaderProxyFromAddrs(2, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(client)), l.Addr())
	var running sync.WaitGroup
	running.Go(func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer from.Close()
				to, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", e.Port()))
				if err != nil {
					return
				}
				defer to.Close()
				if _, err := header.WriteTo(to); err != nil {
					return
				}
				go func() { _, _ = io.Copy(to, from); to.Close() }()
				_, _ = io.Copy(from, to)
			})
		}
	})
	t.Cleanup(func() { l.Close(); _ = e.Close(); running.Wait() })
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func TestTCP_ReadsTheClientAddressFromAProxyHeader(t *testing.T) {
	e := listen(t, func(c *sfu.Config) { c.Proxies = inbound.Proxies{netip.MustParsePrefix("127.0.0.1/32")} })
	port := startProxy(t, e, "198.51.100.7:4000")
	ctx := within(t, 30*time.Second)
	publisher := newPeer(t, activeTCP).publish(webrtc.MimeTypeH264)
	ev := newEvents()
	p, answer, err := e.NewRouter(sfu.RouterConfig{}).Publish(publisher.offer(), sfu.PublishConfig{Participant: "alice", Notify: ev.notify})
	if err != nil {
		t.Fatal(err)
	}
	publisher.accept(strings.ReplaceAll(tcpOnly(answer), fmt.Sprintf(" 127.0.0.1 %d ", e.Port()), " 127.0.0.1 "+port+" "))
	ev.await(t, ctx, "connecting", is[sfu.Connected])
	if remote := p.Stats().Transport.Remote; remote != "198.51.100.7:4000" {
		t.Errorf("the publisher is at %s", remote)
	}
}
