package loadtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pion/dtls/v4"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"rostrum/realtime"
)

// A Receiver is one subscription.
type Receiver struct {
	pool     *Pool
	session  *realtime.Session
	socket   *socket
	slot     int32 // in the poller
	records  *records
	tls      *dtls.Conn
	check    []byte // the binding request
	password string // of the server's checks
	server   answer
	source   source
	offered  time.Time
	checked  chan struct{} // closed at the first answer to a check
	ssrc     uint32

	mu       sync.Mutex // guards what follows
	closed   bool
	seal     *srtp.Context // nil, like open, until the handshake is complete
	open     *srtp.Context
	early    [][]byte // video packets before that
	noise    bool     // in the last audio packet
	stats    ReceiverStats
	streams  streams
	arrivals *twcc.Recorder // nil without transport-wide numbers
	began    time.Time      // when the first picture was complete
	entering bool           // within the first keyframe
	sampled  bool           // latencies are measured
	seen     bool           // the server answered a check
	bytes    uint64         // since the last receiver report
	bytesAt  time.Time
	overflow uint64 // of the socket, when the ReceiverStats began
	scratch  []byte
	numbers  []uint16
	header   rtp.Header
}

// Receive subscribes at an endpoint and returns when media can flow. from is the publisher
// there, for the latency; it may be nil.
func (c *Pool) Receive(ctx context.Context, endpoint realtime.Endpoint, from source) (*Receiver, error) {
	ufrag, password := rand.Text()[:8], rand.Text()
	r := &Receiver{pool: c, source: from, offered: time.Now(), checked: make(chan struct{}), ssrc: 1, password: password}
	sdp, session, err := endpoint.Offer(ctx, makeOffer(ufrag, password, c.certificate.Certificate[0]))
	if err != nil {
		return nil, err
	}
	r.session = session
	if err := r.connect(ctx, sdp, ufrag); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (r *Receiver) connect(ctx context.Context, sdp, ufrag string) (err error) {
	if r.server, err = readAnswer(sdp); err != nil {
		return err
	}
	if r.server.transport != 0 {
		r.arrivals = twcc.NewRecorder(r.ssrc)
	}
	if r.check, err = makeCheck(r.server.ufrag+":"+ufrag, r.server.password); err != nil {
		return fmt.Errorf("make a STUN check: %w", err)
	}
	if r.socket, err = dialSocket(r.server.addr, !r.pool.config.Single); err != nil {
		return fmt.Errorf("reach the server's candidate: %w", err)
	}
	r.records = newRecords(r)
	if err := r.pool.poller.watch(r); err != nil {
		return err
	}
	if err := r.awaitCheck(ctx); err != nil {
		return err
	}
	return r.handshake(ctx)
}

const receiveBuffer = 512 << 10 // bytes, of a socket: a second and a half of 2.5 Mbit/s

func (r *Receiver) handshake(ctx context.Context) error {
	conn, err := dtls.Client(r.records, r.socket.remote,
		dtls.WithCertificates(r.pool.certificate),
		dtls.WithInsecureSkipVerify(true), // a load test needs no authentication
		dtls.WithSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80),
		dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret),
		dtls.WithFlightInterval(100*time.Millisecond))
	if err != nil {
		return fmt.Errorf("begin DTLS: %w", err)
	}
	r.tls = conn
	if err := conn.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("DTLS: %w", err)
	}
	profile, ok := conn.SelectedSRTPProtectionProfile()
	state, known := conn.ConnectionState()
	if !ok || !known {
		return errors.New("DTLS agreed on no SRTP profile")
	}
	c := srtp.Config{Profile: srtp.ProtectionProfile(profile)}
	if err := c.ExtractSessionKeysFromDTLS(&state, true); err != nil {
		return fmt.Errorf("export SRTP keys: %w", err)
	}
	seal, err := srtp.CreateContext(c.Keys.LocalMasterKey, c.Keys.LocalMasterSalt, c.Profile)
	if err != nil {
		return err
	}
	open, err := srtp.CreateContext(c.Keys.RemoteMasterKey, c.Keys.RemoteMasterSalt, c.Profile)
	if err != nil {
		return err
	}
	r.opened(seal, open)
	return nil
}

// opened begins to decrypt packets, first those that came before the end of the handshake.
func (r *Receiver) opened(seal, open *srtp.Context) {
	sampled := r.pool.join(r)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seal, r.open, r.sampled = seal, open, sampled
	now := time.Now()
	for _, b := range r.early {
		r.inspectPacket(b, now)
	}
	r.early = nil
}

// Write sends a datagram over the pool's network.
func (r *Receiver) Write(b []byte) (int, error) {
	switch c := r.pool; {
	case c.lose():
		return len(b), nil
	case c.config.Delay > 0:
		c.postpone(r, b, time.Now(), true)
		return len(b), nil
	}
	return r.socket.Write(b)
}

// Stats returns the statistics since the last reset. reset begins again.
func (r *Receiver) Stats(reset bool) ReceiverStats {
	overflowed := r.socket.overflowed()
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.stats
	t.Overflowed = overflowed - r.overflow
	for i := range r.streams {
		lost := r.streams[i].lost()
		t.Lost += lost
		t.Missing += lost - min(lost, r.streams[i].repaired)
	}
	if reset {
		r.stats = ReceiverStats{FirstPacket: t.FirstPacket, FirstPicture: t.FirstPicture}
		r.overflow = overflowed
		for i := range r.streams {
			r.streams[i].reset()
		}
	}
	return t
}

// ChooseLayer sets the preferred layer by its label, or "auto".
func (r *Receiver) ChooseLayer(ctx context.Context, label string) error {
	_, err := r.session.SelectLayer(ctx, label)
	return err
}

// Close ends the subscription at the server, then here. It is called once.
func (r *Receiver) Close() error {
	r.pool.leave(r)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := r.session.End(ctx)
	if r.tls != nil {
		_ = r.tls.Close() // the server may have closed it already
	}
	if r.records != nil {
		_ = r.records.Close()
	}
	if r.socket == nil {
		return err
	}
	r.pool.poller.forget(r)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	return errors.Join(err, r.socket.close())
}
