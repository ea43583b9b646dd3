package sfu

import (
	"sync"
	"sync/atomic"

	"github.com/pion/dtls/v4"

	"rostrum/internal/sdp"
)

// dtlsState is the DTLS state of a transport.
type dtlsState struct {
	peerFingerprints []sdp.Fingerprint // until the handshake is complete
	active           bool              // constant, as the next two: the server is the DTLS client
	aeadOnly         bool              // SRTP with AEAD_AES_128_GCM alone is offered
	dtlsConn         *dtlsPacketConn
	keyed            atomic.Bool            // the handshake is complete
	peerKeyed        atomic.Bool            // for the peer too: it has sent an authentic packet
	hello            atomic.Pointer[[]byte] // the server's ClientHello, until the peer answers it
	ack              atomic.Pointer[[]byte] // the server's latest encrypted datagram of DTLS 1.3 as its server
	embed            embedState
	flightSent       chan struct{} // constant; nil if media always waits for the peer's certificate

	dtlsMu        sync.Mutex  // guards what follows
	dtlsActive    *dtls.Conn  // nil before the handshake is complete, and while suspended
	dtlsSuspended *dtls.State // nil while there is a connection
	dtlsEnded     bool        // the transport has ended
	keysExported  bool        // to the shard
}
