package sfu

import (
	"crypto/rand"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"rostrum/internal/sdp"
)

// A Transport is one peer's ICE, DTLS and SRTP association. It serves one Publisher or one
// Subscriber. Until a peer's first valid check it lives in no shard; from then on everything
// unguarded below is touched by its home shard's thread alone.
type Transport struct {
	engine           *Engine
	router           *Router
	publisher        *Publisher  // whom it serves, or
	subscriber       *Subscriber // whom it serves
	peerFingerprints []sdp.Fingerprint
	active           bool // we are the DTLS client
	mids             []string
	notify           func(Event)
	createdAt        time.Time
	connectTimer     *time.Timer // until connected

	shard      atomic.Pointer[shard]
	ice        atomic.Pointer[iceSession]
	route      atomic.Pointer[route] // nominated by the peer; nil until then
	firstRoute atomic.Pointer[route] // of the first valid check: the handshake needn't wait for nomination
	ended      atomic.Bool
	done       chan struct{} // closed at the end
	dtlsConn   *dtlsPacketConn

	addresses []netip.AddrPort // guarded by the engine's lock

	mu               sync.Mutex // guards what follows
	trickled         int
	remoteCandidates sdp.RemoteCandidates // of the peer, until connected
	connected        bool
	profile          string
	cause            Cause
	halfOpen         bool // it counts among the half-open

	listed         bool
	shardAddresses []netip.AddrPort // under which the shard has it
	listIndex      int              // in the shard's list
	encrypter      *srtpEncrypter
	decrypter      *srtp.Context
	rtpScratch     rtp.Header // scratch for open
	earlyPackets   []earlyPacket
	checkedRoutes  []checkedRoute // where checks come from, while the proof is missing that media may go there
	routeUfrag     string         // the ICE session under which the target was chosen
	lastReceived   time.Duration
	lastConsent    time.Duration
	handshaking    bool // the handshake runs
	mediaReady     bool // media may go: keys and address are there

	roundTrip time.Duration // ns, 0 until measured
	bytesIn   uint64
	bytesOut  uint64
}

// iceSession holds the credentials of the running ICE session and, while a restart is under
// way, of the one before (RFC 8445 §9).
type iceSession struct {
	local, previous sdp.Credentials
	peerUfrag       string
}

const maxEarlyPackets = 64 // packets kept until the keys are there

// An earlyPacket came before the keys. A publisher's first packets measure the path, so
// what is told of them must be when they came and not when they could be opened.
type earlyPacket struct {
	at   time.Duration
	data []byte
}

func newTransport(r *Router, o *sdp.Offer, notify func(Event)) (*Transport, error) {
	e := r.engine
	if int(e.transports.Load()) >= e.cfg.MaxTransports || int(e.halfOpen.Load()) >= e.cfg.MaxHalfOpen {
		return nil, ErrBusy
	}
	t := &Transport{
		engine: e, router: r, peerFingerprints: o.Fingerprints, active: o.Passive, notify: notify,
		createdAt: time.Now(), done: make(chan struct{}), halfOpen: true, remoteCandidates: o.Remote,
	}
	for _, s := range o.Sections {
		t.mids = append(t.mids, s.MID)
	}
	t.dtlsConn = newDTLSPacketConn(t)
	session := &iceSession{local: newCredentials(), peerUfrag: o.ICE.Ufrag}
	t.ice.Store(session)
	e.transports.Add(1)
	e.halfOpen.Add(1)
	return t, nil
}

// begin makes the transport reachable; its owner is complete by now.
func (t *Transport) start() error {
	t.mu.Lock()
	t.connectTimer = time.AfterFunc(t.engine.cfg.ConnectTimeout, func() { t.end(CauseNeverConnected, "", nil) })
	t.mu.Unlock()
	if err := t.engine.register(t, t.ice.Load().local.Ufrag); err != nil {
		t.abort()
		return err
	}
	return nil
}

// fail ends a transport that its owner never got to know.
func (t *Transport) abort() {
	t.notify = nil
	t.end(CauseClosed, "", nil)
}

func newCredentials() sdp.Credentials {
	return sdp.Credentials{Ufrag: randomText(8), Pwd: randomText(24)}
}

// randomText is n characters of which each is allowed in ICE credentials.
func randomText(n int) string {
	const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/"
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	for i := range b {
		b[i] = alphabet[b[i]&63]
	}
	return string(b)
}

// atHome has f run on the transport's shard, giving it a home if it has none yet.
func (t *Transport) runOnShard(f func(*shard)) {
	home := t.assignShard(nil)
	home.post(func() {
		home.addTransport(t)
		f(home)
	})
}

// settle returns the transport's home; the first caller decides where that is.
func (t *Transport) assignShard(here *shard) *shard {
	if home := t.shard.Load(); home != nil {
		return home
	}
	if here == nil {
		here = t.engine.leastBusy()
	}
	if t.shard.CompareAndSwap(nil, here) {
		here.transportCount.Add(1)
	}
	return t.shard.Load()
}

// ask runs f on the transport's shard and waits for it. When the transport never had a home,
// f doesn't run and ask reports false.
func (t *Transport) call(f func(*shard)) bool {
	home := t.shard.Load()
	if home == nil {
		return false
	}
	return home.call(func() { f(home) })
}

// end ends the transport once, from any goroutine.
func (t *Transport) end(cause Cause, reason string, fault error) {
	if t.ended.Swap(true) {
		return
	}
	t.mu.Lock()
	if t.connectTimer != nil {
		t.connectTimer.Stop()
	}
	t.cause = cause
	counted, where := t.halfOpen, t.remoteCandidates
	t.halfOpen = false
	t.mu.Unlock()
	if counted {
		t.engine.halfOpen.Add(-1)
	}
	t.engine.transports.Add(-1)
	t.engine.unregister(t)
	close(t.done)
	if t.publisher != nil {
		t.publisher.ended(cause)
	} else {
		t.subscriber.ended()
	}
	if home := t.shard.Load(); home != nil {
		home.transportCount.Add(-1)
		home.post(func() { home.removeTransport(t) })
	}
	if cause != CauseClosed && cause != CausePeerClosed && cause != CauseEngineClosed {
		said := []any{"cause", string(cause), "who", t.describe(), "after", time.Since(t.createdAt).Round(time.Millisecond), "error", fault}
		if cause == CauseNeverConnected || cause == CauseHandshakeFailed {
			said = append(said, "tried", where.String(), "offered", offeredText(t.engine.candidates), "likely", t.diagnose(cause, where))
		}
		t.engine.cfg.Log.Info("media transport ended", said...)
	}
	t.router.events.enqueue(t.notify, Closed{cause, reason, fault})
}

// likelyFault tells an operator from how far it came why a transport didn't connect.
func (t *Transport) diagnose(cause Cause, where sdp.RemoteCandidates) string {
	first := t.firstRoute.Load()
	switch {
	case first == nil:
		return "no connectivity check came: " + whyUnreached(t.engine.candidates, where.Addresses())
	case t.route.Load() == nil:
		return "checks came from " + first.addr.String() + " by " + first.protocol() + ", but the client chose no path: our answers don't reach it"
	case cause == CauseNeverConnected:
		return "a path was chosen from " + first.addr.String() + " by " + first.protocol() + ", but DTLS didn't finish: something between drops larger packets, or the client went away"
	}
	return "DTLS failed: a certificate that the offer didn't announce, no cipher in common, or something between that changes packets"
}

func (t *Transport) describe() string {
	if t.publisher != nil {
		return "publisher " + t.publisher.cfg.Participant
	}
	return "subscriber " + t.subscriber.viewer.id + " of " + t.subscriber.publisher.cfg.Participant
}

// tell passes an event on unless the transport has ended.
func (t *Transport) emit(e Event) {
	if !t.ended.Load() {
		t.router.events.enqueue(t.notify, e)
	}
}

// ETag names the running ICE session, for conditional requests (RFC 9725 §4.3.1).
func (t *Transport) etag() string { return `"` + t.ice.Load().local.Ufrag + `"` }

// patch applies a fragment: candidates are counted and left alone; new credentials restart
// ICE, and then the answering fragment is returned.
func (t *Transport) patch(text string) (string, error) {
	f, err := sdp.ParseFragment(text)
	if err != nil {
		return "", err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended.Load() {
		return "", ErrClosed
	}
	t.trickled += f.Candidates
	if !t.connected {
		t.remoteCandidates.Merge(f.Remote)
	}
	if t.trickled > sdp.MaxCandidates*4 {
		return "", sdp.Errorf(sdp.FaultTooLarge, "more than %d candidates came for one session", sdp.MaxCandidates*4)
	}
	session := t.ice.Load()
	if f.ICE.Ufrag == "" || f.ICE.Ufrag == session.peerUfrag || f.ICE.Pwd == "" {
		return "", nil
	}
	next := &iceSession{local: newCredentials(), previous: session.local, peerUfrag: f.ICE.Ufrag}
	if err := t.engine.register(t, next.local.Ufrag); err != nil {
		return "", err
	}
	t.engine.unregisterUfrag(t, session.previous.Ufrag)
	t.ice.Store(next)
	if t.ended.Load() { // it ended meanwhile and forgot only what it knew
		t.engine.unregisterUfrag(t, next.local.Ufrag)
	}
	t.mu.Unlock()
	defer t.mu.Lock()
	// Who asks for another path is there, though nothing comes by the old one.
	t.runOnShard(func(s *shard) { t.lastReceived = s.now })
	return sdp.FormatFragment(t.mids, next.local, t.engine.candidates), nil
}

// restarted is the fragment that answered the latest ICE restart, "" if there was none.
func (t *Transport) restartAnswer() string {
	session := t.ice.Load()
	if session.previous.Ufrag == "" {
		return ""
	}
	return sdp.FormatFragment(t.mids, session.local, t.engine.candidates)
}

// tick checks, ten times a second, whether the peer is still there.
func (t *Transport) tick(s *shard) {
	if s.now-t.lastReceived > t.engine.cfg.LostAfter && t.mediaReady {
		t.end(CauseLost, "", fmt.Errorf("nothing came from %s for %s", t.peerName(), t.engine.cfg.LostAfter))
		return
	}
	if t.mediaReady && t.subscriber != nil {
		t.subscriber.tick(s)
	}
}

func (t *Transport) peerName() string {
	if r := t.route.Load(); r != nil {
		return r.protocol() + " " + r.addr.String()
	}
	return "the peer"
}

// consentTTL is how long we send without a fresh check from the peer (RFC 7675 §5.1).
const consentTTL = 30 * time.Second

// sendable returns where to send, nil without the peer's consent.
func (t *Transport) sendRoute(s *shard) *route {
	r := t.route.Load()
	if r == nil || t.encrypter == nil || s.now-t.lastConsent > consentTTL {
		s.drops[NoConsent]++
		return nil
	}
	return r
}

// sendRTCP seals and sends one compound packet; b is used up.
func (t *Transport) sendRTCP(s *shard, b []byte) {
	r := t.sendRoute(s)
	if r == nil || len(b) == 0 {
		return
	}
	sealed, err := t.encrypter.encryptRTCP(b)
	if err != nil {
		return
	}
	t.bytesOut += uint64(len(sealed))
	refused, why := r.send(s.socket, sealed, len(sealed))
	s.drops[why] += uint64(refused)
}

// install takes the keys of a finished handshake.
func (t *Transport) setKeys(s *shard, seal *srtpEncrypter, open *srtp.Context, profile string) {
	t.encrypter, t.decrypter = seal, open
	t.mu.Lock()
	t.profile = profile
	t.mu.Unlock()
	t.startMedia(s)
}

// flow lets media go once there are keys and a nominated address, whichever came last.
func (t *Transport) startMedia(s *shard) {
	r := t.route.Load()
	if t.mediaReady || t.encrypter == nil || r == nil || t.ended.Load() {
		return
	}
	t.mediaReady, t.lastReceived, t.lastConsent = true, s.now, s.now
	t.mu.Lock()
	t.connected, t.remoteCandidates = true, sdp.RemoteCandidates{}
	if t.connectTimer != nil {
		t.connectTimer.Stop()
	}
	counted, profile := t.halfOpen, t.profile
	t.halfOpen = false
	t.mu.Unlock()
	if counted {
		t.engine.halfOpen.Add(-1)
	}
	t.emit(Connected{Protocol: r.protocol(), Profile: profile, After: time.Since(t.createdAt)})
	if t.publisher != nil {
		t.publisher.connected(s)
	} else {
		t.subscriber.connected(s)
	}
	t.receiveEarly(s)
}

// takeEarly receives what came before the keys, at the time when it came.
func (t *Transport) receiveEarly(s *shard) {
	early, now := t.earlyPackets, s.now
	t.earlyPackets = nil
	for _, p := range early {
		s.now = p.at
		t.receive(s, p.data)
	}
	s.now = now
}
