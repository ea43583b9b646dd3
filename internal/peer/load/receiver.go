package load

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"rostrum/internal/media"
	"rostrum/internal/peer"
	"rostrum/internal/peer/pattern"
)

// A Receiver is one subscription.
type Receiver struct {
	crowd    *Crowd
	session  *peer.Session
	socket   *net.UDPConn
	records  *records
	tls      *dtls.Conn
	check    []byte // the binding request, which is always the same
	password string // of the server's checks
	source   *Publisher
	offered  time.Time
	reading  sync.WaitGroup
	checked  chan struct{} // closed at the server's first answer
	seal     *srtp.Context // for the Crowd's goroutine, once joined
	ssrc     uint32

	mu       sync.Mutex    // guards what follows
	open     *srtp.Context // nil until the handshake is over
	early    [][]byte      // video packets that came before
	tally    Tally
	lines    lines
	began    time.Time // when the first picture was whole
	entering bool      // inside the first keyframe
	seen     bool      // a first answer of the server
	scratch  []byte
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
	c.join(r)
	return r, nil
}

func (r *Receiver) connect(ctx context.Context, sdp, ufrag string) error {
	server, err := readAnswer(sdp)
	if err != nil {
		return err
	}
	if r.check, err = makeCheck(server.ufrag+":"+ufrag, server.password); err != nil {
		return fmt.Errorf("make a check: %w", err)
	}
	if r.socket, err = net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(server.addr)); err != nil {
		return fmt.Errorf("reach the server's candidate: %w", err)
	}
	_ = r.socket.SetReadBuffer(receiveBuffer) // the kernel may give less
	r.records = newRecords(r.socket)
	r.reading.Go(r.read)
	if err := r.await(ctx); err != nil {
		return err
	}
	return r.handshake(ctx)
}

const receiveBuffer = 512 << 10 // bytes, of a socket: a tenth of a second of the best layer

func (r *Receiver) handshake(ctx context.Context) error {
	conn, err := dtls.ClientWithOptions(r.records, r.socket.RemoteAddr(),
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
	if r.seal, err = srtp.CreateContext(c.Keys.LocalMasterKey, c.Keys.LocalMasterSalt, c.Profile); err != nil {
		return err
	}
	open, err := srtp.CreateContext(c.Keys.RemoteMasterKey, c.Keys.RemoteMasterSalt, c.Profile)
	if err != nil {
		return err
	}
	r.opened(open)
	return nil
}

// opened begins to look into packets, those first that overtook the end of the
// handshake.
func (r *Receiver) opened(c *srtp.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open = c
	now := time.Now()
	for _, b := range r.early {
		r.unseal(b, now)
	}
	r.early = nil
}

// read takes what comes until the socket is closed.
func (r *Receiver) read() {
	in := newInbox(r.socket)
	for {
		datagrams, err := in.next()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // a refused port, told by ICMP: the server is gone or not there yet
		}
		now := time.Now()
		r.mu.Lock()
		for _, b := range datagrams {
			r.sort(b, now)
		}
		r.mu.Unlock()
	}
}

// sort tells apart what shares the port (RFC 7983 §7).
func (r *Receiver) sort(b []byte, now time.Time) {
	switch {
	case len(b) < 12:
	case b[0] < 4:
		r.checks(b)
	case b[0] >= 20 && b[0] < 64:
		r.records.deliver(b)
	case b[0]>>6 == 2 && (b[1] < 192 || b[1] > 223): // RTCP isn't looked at
		r.take(b, now)
	}
}

// take counts an SRTP packet. Its header is in the clear; it is opened only where
// the first keyframe is sought and where a mark tells when it was sent.
func (r *Receiver) take(b []byte, now time.Time) {
	t := &r.tally
	if t.FirstPacket == 0 {
		t.FirstPacket = now.Sub(r.offered)
	}
	t.Packets++
	t.Bytes += uint64(len(b))
	kind, ok := kindOf(b[1] & 0x7f)
	if !ok {
		t.Again++
		return
	}
	r.lines.of(kind).take(binary.BigEndian.Uint32(b[8:]), binary.BigEndian.Uint16(b[2:]))
	if kind != media.Video {
		return
	}
	if b[1]&0x80 != 0 {
		t.Frames++
	}
	switch {
	case r.open != nil:
		r.unseal(b, now)
	case len(r.early) < maxEarly:
		r.early = append(r.early, bytes.Clone(b))
	}
}

// maxEarly is how many packets are kept until the handshake is over: more than a
// keyframe has.
const maxEarly = 256

// unseal opens a video packet, if there is anything to look for in it.
func (r *Receiver) unseal(b []byte, now time.Time) {
	if !r.began.IsZero() && len(b) > markBytes {
		return
	}
	plain, err := r.open.DecryptRTP(r.scratch[:0], b, nil)
	if err != nil {
		return
	}
	r.scratch = plain
	n, err := r.header.Unmarshal(plain)
	if err != nil {
		return
	}
	r.look(plain[n:], r.header.Marker, now)
}

// markBytes is more than a packet has that carries nothing but the pattern's mark.
const markBytes = 110

// look reads the payload of a packet.
func (r *Receiver) look(payload []byte, whole bool, now time.Time) {
	if r.began.IsZero() {
		r.entering = r.entering || beginsKeyframe(payload)
		if r.entering && whole {
			r.began = now
			r.tally.FirstPicture = now.Sub(r.offered)
		}
		return
	}
	if r.source == nil || now.Sub(r.began) < settle || len(r.tally.Latencies) >= maxLatencies {
		return
	}
	mark, ok := pattern.Find(payload)
	if !ok {
		return
	}
	if sent, ok := r.source.sentAt(mark.Frame); ok {
		r.tally.Latencies = append(r.tally.Latencies, now.Sub(sent))
	}
}

// report sends a receiver report, and a check if it is time.
func (r *Receiver) report(check bool) {
	if check {
		_, _ = r.socket.Write(r.check) // a path that fails shows in what comes
	}
	r.mu.Lock()
	rr := &rtcp.ReceiverReport{SSRC: r.ssrc}
	for i := range r.lines {
		if l := &r.lines[i]; l.started {
			rr.Reports = append(rr.Reports, rtcp.ReceptionReport{
				SSRC: l.ssrc, LastSequenceNumber: uint32(l.highest), TotalLost: uint32(min(l.lost(), 1<<23-1)),
			})
		}
	}
	r.mu.Unlock()
	plain, err := rr.Marshal()
	if err != nil || len(rr.Reports) == 0 {
		return
	}
	if sealed, err := r.seal.EncryptRTCP(nil, plain, nil); err == nil {
		_, _ = r.socket.Write(sealed)
	}
}

// Tally is what was counted so far. reset begins another.
func (r *Receiver) Tally(reset bool) Tally {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.tally
	for i := range r.lines {
		t.Lost += r.lines[i].lost()
	}
	if reset {
		r.tally = Tally{FirstPacket: t.FirstPacket, FirstPicture: t.FirstPicture}
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
	if r.socket != nil {
		err = errors.Join(err, r.socket.Close())
	}
	r.reading.Wait()
	return err
}
