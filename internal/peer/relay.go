package peer

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
	// relayAfter is how long the server's own addresses are tried alone, and twice the
	// time of the offer's exchange: a direct path that works is found by then.
	relayAfter = 500 * time.Millisecond
	// gatherTime is how long a restart waits for candidates. A server that answers checks
	// and makes none needs none; others learn of relays by the checks themselves.
	gatherTime = 200 * time.Millisecond
	// relayDial is how long a TURN server may take to answer by TCP.
	relayDial = 3 * time.Second
	// relayFresh is how long the credentials of an answer are used for new allocations.
	relayFresh = 30 * time.Minute
)

// relays are the TURN servers among those that the server recommended, as far as the
// network may be used: those of STUN only help peers that a server probes. Pion relays
// only where UDP may be used, however the relay is reached.
func (c *connection) relays(ctx context.Context) []webrtc.ICEServer {
	known := c.resource.iceServers
	if time.Since(c.offered) > relayFresh {
		// When they can't be renewed, an allocation by the old ones is refused, no more.
		if fresh, err := c.at.servers(ctx); err == nil {
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

// relayWait is when a connection that isn't there yet tries TURN as well; never when the
// server named none or can't restart ICE (RFC 9725 §4.3.1: it would have sent an ETag).
func (c *connection) relayWait() (time.Duration, bool) {
	if c.resource.etag == "" || len(c.relays(context.Background())) == 0 {
		return 0, false
	}
	return relayAfter + 2*c.exchange, true
}

// impatientNet is the system's network, on which a TCP connection that isn't answered fails
// soon: until then its candidate's connection can't be closed.
type impatientNet struct{ *stdnet.Net }

func newImpatientNet() (impatientNet, error) {
	n, err := stdnet.NewNet()
	return impatientNet{n}, err
}

// DialTCP is that of transport.Net.
func (impatientNet) DialTCP(network string, from, to *net.TCPAddr) (transport.TCPConn, error) {
	d := net.Dialer{Timeout: relayDial}
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
