package loadtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"rostrum/internal/peer"
)

// A Receiver is one subscription.
type Receiver struct {
	crowd    *Crowd
	session  *peer.Session
	socket   *socket
	place    int32 // at the poller
	records  *records
	tls      *dtls.Conn
	check    []byte // the binding request, which is always the same
	password string // of the server's checks
	server   answer
	source   *Publisher
	offered  time.Time
	checked  chan struct{} // closed at the server's first answer
	ssrc     uint32

	mu       sync.Mutex // guards what follows
	closed   bool
	seal     *srtp.Context // both nil until the handshake is over
	open     *srtp.Context
	early    [][]byte // video packets that came before
	tally    Tally
	lines    lines
	arrivals *twcc.Recorder // nil if packets aren't numbered
	began    time.Time      // when the first picture was whole
	entering bool           // inside the first keyframe
	sampled  bool           // latencies are looked at
	seen     bool           // a first answer of the server
	bytes    uint64         // since the last receiver report
	bytesAt  time.Time
	overflow uint64 // of the socket, when the Tally began
	scratch  []byte
	numbers  []uint16
	header   rtp.Header
}

// Receive makes an offer at an endpoint and returns when media can flow. source is
// who publishes there, if it is ours, and latency is to be measured.
func (c *Crowd) Receive(ctx context.Context, at peer.Endpoint, source *Publisher) (*Receiver, error) {
	ufrag, password := rand.Text()[:8], rand.Text()
	r := &Receiver{crowd: c, source: source, offered: time.Now(), checked: make(chan struct{}), ssrc: 1, password: password}
	sdp, session, err := at.Offer(ctx, makeOffer(ufrag, password, c.certificate.Certificate[0]))
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
		return fmt.Errorf("make a check: %w", err)
	}
	if r.socket, err = dialSocket(r.server.addr, !r.crowd.config.Single); err != nil {
		return fmt.Errorf("reach the server's candidate: %w", err)
	}
	r.records = newRecords(r)
	if err := r.crowd.poller.watch(r); err != nil {
		return err
	}
	if err := r.await(ctx); err != nil {
		return err
	}
	return r.handshake(ctx)
}

const receiveBuffer = 512 << 10 // bytes, of a socket: a second and a half of 2.5 Mbit/s

func (r *Receiver) handshake(ctx context.Context) error {
	conn, err := dtls.ClientWithOptions(r.records, r.socket.remote,
		dtls.WithCertificates(r.crowd.certificate),
		dtls.WithInsecureSkipVerify(true), // what is measured is speed; who answers was told by the answer
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

// opened begins to look into packets, those first that overtook the end of the
// handshake.
func (r *Receiver) opened(seal, open *srtp.Context) {
	sampled := r.crowd.join(r)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seal, r.open, r.sampled = seal, open, sampled
	now := time.Now()
	for _, b := range r.early {
		r.unseal(b, now)
	}
	r.early = nil
}

// Write sends a datagram over the network that the Crowd has.
func (r *Receiver) Write(b []byte) (int, error) {
	switch c := r.crowd; {
	case c.lose():
		return len(b), nil
	case c.config.Delay > 0:
		c.postpone(r, b, time.Now(), true)
		return len(b), nil
	}
	return r.socket.Write(b)
}

// Tally is what was counted so far. reset begins another.
func (r *Receiver) Tally(reset bool) Tally {
	overflowed := r.socket.overflowed()
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.tally
	t.Overflowed = overflowed - r.overflow
	for i := range r.lines {
		lost := r.lines[i].lost()
		t.Lost += lost
		t.Missing += lost - min(lost, r.lines[i].repaired)
	}
	if reset {
		r.tally = Tally{FirstPacket: t.FirstPacket, FirstPicture: t.FirstPicture}
		r.overflow = overflowed
		for i := range r.lines {
			r.lines[i].reset()
		}
	}
	return t
}

// ChooseLayer asks the server for a layer by its label, or for "auto".
func (r *Receiver) ChooseLayer(ctx context.Context, label string) error {
	_, err := r.session.ChooseLayer(ctx, label)
	return err
}

// Close ends the subscription at the server, then here. It is called once.
func (r *Receiver) Close() error {
	r.crowd.leave(r)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := r.session.End(ctx)
	if r.tls != nil {
		_ = r.tls.Close() // a farewell that the server may not hear any more
	}
	if r.records != nil {
		_ = r.records.Close()
	}
	if r.socket == nil {
		return err
	}
	r.crowd.poller.forget(r)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	return errors.Join(err, r.socket.close())
}
