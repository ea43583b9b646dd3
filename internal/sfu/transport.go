package sfu

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"rostrum/internal/sdp"
)

// Transport is one peer's ICE, DTLS and SRTP association, or stands for a local source. It serves one Publisher or one
// Subscriber. Before a peer's first valid check it belongs to no shard. From then on its
// shard's thread alone uses the fields that are neither constant, atomic nor guarded.
type Transport struct {
	core      *core
	events    *eventQueue
	owner     transportOwner
	notify    func(Event)
	mids      []string
	createdAt time.Time
	local     bool // there is no peer: see PublishFrames

	shard atomic.Pointer[shard]
	ended atomic.Bool
	done  chan struct{} // closed at the end

	iceState
	dtlsState
	transportSetup
	transportMedia
	transportCounts

	addresses []netip.AddrPort // guarded by the lock of transportIndex
}

// transportOwner is what a transport serves: a Publisher or a Subscriber. Its methods are
// called by the transport's shard, except transportEnded and name.
type transportOwner interface {
	// connected is called when media may flow.
	connected(s *shard)
	receiveMedia(s *shard, b []byte)
	receiveRTCP(s *shard, p rtcp.Packet)
	// tickSlow is called ten times per second while media may flow.
	tickSlow(s *shard)
	// localSSRC is the sender of the RTCP that the transport sends.
	localSSRC() uint32
	// sendsMedia reports whether the peer sends media.
	sendsMedia() bool
	// transportEnded is called once, from any goroutine.
	transportEnded(cause Cause)
	// name is for the log.
	name() string
}

// transportSetup is guarded by its mutex.
type transportSetup struct {
	mu               sync.Mutex
	connectTimer     *time.Timer // until connected
	connected        bool
	profile          string
	halfOpen         bool                 // the transport counts as half open
	remoteCandidates sdp.RemoteCandidates // until connected
	trickled         int                  // candidates in fragments
}

// transportMedia is what the shard needs to receive and send media.
type transportMedia struct {
	listed         bool
	shardAddresses []netip.AddrPort // under which the shard knows it
	listIndex      int              // in the shard's list
	mediaReady     bool
	unproved       bool // the peer has not shown its certificate yet: see startUnproved
	encrypter      *srtpEncrypter
	decrypter      *srtp.Context
	rtpScratch     rtp.Header // for decrypter
	early          earlyPackets
	lastReceived   time.Duration // when something authentic arrived
}

type transportCounts struct {
	roundTrip time.Duration // 0 until measured
	bytesIn   uint64
	bytesOut  uint64
}

func newTransport(r *Router, owner transportOwner, o *sdp.Offer, notify func(Event)) (*Transport, error) {
	c := r.core
	if err := c.reserveTransport(); err != nil {
		return nil, err
	}
	t := &Transport{
		core: c, events: &r.events, owner: owner, notify: notify,
		createdAt: time.Now(), done: make(chan struct{}),
	}
	t.halfOpen, t.remoteCandidates = true, o.Remote
	t.peerFingerprints, t.active = o.Fingerprints, o.Passive
	for i := range o.Sections {
		if s := &o.Sections[i]; !s.Rejected {
			t.mids = append(t.mids, strings.Clone(s.MID)) // a part of the offer keeps all of it in memory
		}
	}
	t.dtlsConn = newDTLSPacketConn(t.sendHandshake)
	t.ice.Store(&iceSession{local: newCredentials(), peerUfrag: strings.Clone(o.ICE.Ufrag)})
	return t, nil
}

// start makes the transport reachable, once its owner is complete.
func (t *Transport) start() error {
	t.mu.Lock()
	t.connectTimer = time.AfterFunc(t.core.cfg.ConnectTimeout, func() { t.end(CauseNeverConnected, "", nil) })
	t.mu.Unlock()
	if err := t.core.index.addUfrag(t, t.ice.Load().local.Ufrag); err != nil {
		t.abort()
		return err
	}
	return nil
}

// abort ends a transport that was never returned to the caller.
func (t *Transport) abort() {
	t.notify = nil
	t.end(CauseClosed, "", nil)
}

// answer writes the answer for a new transport.
func (t *Transport) answer(o *sdp.Offer, sections []sdp.AnswerSection) string {
	a := sdp.Answer{
		Offer: o, SessionID: rand.Uint64(), ICE: t.ice.Load().local, Fingerprint: t.core.fingerprint,
		Active: t.active, Candidates: t.core.candidates, Sections: sections,
	}
	return a.String()
}

// sendHandshake sends a DTLS datagram on the nominated route or, before, on the first checked
// one. Until the handshake is complete it sends it also on the route on which the peer's
// latest DTLS datagram arrived: the peer may use another one, but nothing proves yet that the
// datagram was the peer's. All are routes with valid checks.
func (t *Transport) sendHandshake(b []byte) {
	s, r := t.shard.Load(), cmp.Or(t.route.Load(), t.firstRoute.Load())
	if s == nil || r == nil {
		return
	}
	from := t.dtlsConn.from.Load()
	if t.active && from == nil {
		hello := slices.Clone(b)
		t.hello.Store(&hello) // before it is sent: the next check may come at once
	} else {
		t.hello.Store(nil)
	}
	if !t.active && b[0]&encryptedMask == encryptedRecord && len(b) <= maxACK {
		ack := slices.Clone(b)
		t.ack.Store(&ack)
	}
	if !t.keyed.Load() {
		t.embed.addFlight(b, t.dtlsConn.reads.Load())
	}
	r.send(s.socket, b, len(b))
	if from != nil && !t.keyed.Load() && !from.equal(r) {
		from.send(s.socket, b, len(b))
	}
	select {
	case t.flightSent <- struct{}{}:
	default: // nobody waits for it
	}
}

// sendHello sends the server's ClientHello on a route with a valid check that is not the one
// on which it was sent first. The peer has answered on none, and may not receive on that one.
func (t *Transport) sendHello(s *shard, to *route) {
	if b := t.hello.Load(); b != nil && !to.equal(t.firstRoute.Load()) {
		to.send(s.socket, *b, len(*b))
	}
}

// runOnShard runs f on the transport's shard. It assigns a shard if there is none.
func (t *Transport) runOnShard(f func(*shard)) {
	s := t.assignShard(nil)
	s.post(func() {
		s.addTransport(t)
		f(s)
	})
}

// assignShard returns the transport's shard. The first caller decides which it is.
func (t *Transport) assignShard(here *shard) *shard {
	if s := t.shard.Load(); s != nil {
		return s
	}
	if here == nil {
		here = t.core.leastBusy()
	}
	if t.shard.CompareAndSwap(nil, here) {
		here.transportCount.Add(1)
	}
	return t.shard.Load()
}

// call runs f on the transport's shard and waits for it. It reports false, and does not run f,
// if the transport has no shard.
func (t *Transport) call(f func(*shard)) bool {
	s := t.shard.Load()
	if s == nil {
		return false
	}
	return s.call(func() { f(s) })
}

// post is call without waiting.
func (t *Transport) post(f func(*shard)) {
	if s := t.shard.Load(); s != nil {
		s.post(func() { f(s) })
	}
}

// end ends the transport once. It may be called from any goroutine.
func (t *Transport) end(cause Cause, reason string, fault error) {
	if t.ended.Swap(true) {
		return
	}
	t.mu.Lock()
	if t.connectTimer != nil {
		t.connectTimer.Stop()
	}
	wasHalfOpen, remote := t.halfOpen, t.remoteCandidates
	t.halfOpen = false
	t.mu.Unlock()
	if wasHalfOpen {
		t.core.halfOpen.Add(-1)
	}
	t.core.transports.Add(-1)
	session := t.ice.Load()
	t.core.index.remove(t, session.local.Ufrag, session.previous.Ufrag)
	close(t.done)
	t.closeDTLS()
	t.owner.transportEnded(cause)
	if s := t.shard.Load(); s != nil {
		s.transportCount.Add(-1)
		s.post(func() { s.removeTransport(t) })
	}
	t.logEnd(cause, fault, remote)
	t.events.enqueue(t.notify, Closed{cause, reason, fault})
}

// emit sends an event, unless the transport has ended.
func (t *Transport) emit(e Event) {
	if !t.ended.Load() {
		t.events.enqueue(t.notify, e)
	}
}

// tick is called ten times per second.
func (t *Transport) tick(s *shard) {
	if !t.mediaReady {
		return
	}
	if !t.local && !t.unproved && s.now-t.lastReceived > t.core.cfg.LostAfter {
		t.end(CauseLost, "", fmt.Errorf("nothing arrived from %s for %s", t.peerName(), t.core.cfg.LostAfter))
		return
	}
	t.owner.tickSlow(s)
}

func (t *Transport) peerName() string {
	if r := t.route.Load(); r != nil {
		return r.protocol() + " " + r.addr.String()
	}
	return "the peer"
}

// updateRoundTrip adds one sample of the round trip time.
func (t *Transport) updateRoundTrip(sample time.Duration) {
	if sample < 0 || sample > 10*time.Second {
		return
	}
	if t.roundTrip == 0 {
		t.roundTrip = sample
	}
	t.roundTrip += (sample - t.roundTrip) / 4
}

// stats is called on the transport's shard.
func (t *Transport) stats() TransportStats {
	t.mu.Lock()
	defer t.mu.Unlock()
	v := TransportStats{
		Connected: t.connected, Profile: t.profile, RoundTrip: t.roundTrip,
		BytesIn: t.bytesIn, BytesOut: t.bytesOut,
	}
	if r := t.route.Load(); r != nil {
		v.Protocol, v.Remote = r.protocol(), r.addr.String()
	}
	return v
}
