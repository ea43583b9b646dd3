package realtime

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/pion/transport/v5"
	"github.com/pion/transport/v5/stdnet"
	"github.com/pion/webrtc/v4"
)

const (
	// relayAfter is how long only the server's own addresses are tried, in addition to
	// twice the time of the offer's exchange.
	relayAfter = 500 * time.Millisecond
	// handshakeAfter is how much longer, if ICE has found a path by then.
	handshakeAfter = 4 * time.Second
	// gatherTimeout is how long a restart waits for candidates. An ICE lite server needs
	// none; others learn of relays by the checks.
	gatherTimeout = 200 * time.Millisecond
	// relayDialTimeout bounds the connection to a TURN server by TCP.
	relayDialTimeout = 3 * time.Second
	// credentialLife is how long TURN credentials of an answer are used.
	credentialLife = 30 * time.Minute
)

// relays returns the TURN servers that the server recommended and the network allows. STUN
// servers are not needed. Pion relays only where UDP is allowed, however the relay is
// reached.
func (c *mediaConnection) relays(ctx context.Context) []webrtc.ICEServer {
	known := c.resource.iceServers
	if time.Since(c.offered) > credentialLife {
		// If that fails, an allocation with the old ones is refused at worst.
		if fresh, err := c.endpoint.servers(ctx); err == nil {
			known = fresh
		}
	}
	var all []webrtc.ICEServer
	for _, s := range known {
		tcp := strings.Contains(s.URL, "transport=tcp")
		if !strings.HasPrefix(s.URL, "turn") || s.Username == "" || c.network == TCPOnly || c.network == UDPOnly && tcp {
			continue
		}
		all = append(all, webrtc.ICEServer{URLs: []string{s.URL}, Username: s.Username, Credential: s.Credential})
	}
	return all
}

// relayWait is after how long an unconnected connection tries TURN. ok is false without TURN
// servers, or when the server cannot restart ICE (it sent no ETag, RFC 9725 §4.3.1).
func (c *mediaConnection) relayWait() (time.Duration, bool) {
	if c.resource.etag == "" || len(c.relays(context.Background())) == 0 {
		return 0, false
	}
	return relayAfter + 2*c.exchange, true
}

// timeoutNet is the system's network with a short timeout for TCP connections: until then
// the candidate's connection cannot be closed.
type timeoutNet struct{ *stdnet.Net }

func newTimeoutNet() (timeoutNet, error) {
	n, err := stdnet.NewNet()
	return timeoutNet{n}, err
}

// DialTCP implements transport.Net.
func (timeoutNet) DialTCP(network string, from, to *net.TCPAddr) (transport.TCPConn, error) {
	d := net.Dialer{Timeout: relayDialTimeout}
	if from != nil {
		d.LocalAddr = from
	}
	conn, err := d.Dial(network, to.String())
	if err != nil {
		return nil, err
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		_ = conn.Close()
		return nil, fmt.Errorf("dial %s: not a TCP connection", to)
	}
	return tcp, nil
}
