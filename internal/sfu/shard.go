package sfu

import (
	"net/netip"
	"sync/atomic"
	"time"

	"rostrum/internal/bandwidth"
)

// shard is one packet thread with its own sockets, and the transports that it owns. Fields
// that are not atomic belong to the thread.
type shard struct {
	core           *core
	index          int
	socket         socket
	turn           *turnServer
	transportCount atomic.Int64 // transports that are assigned to this shard
	wakeup
	burstQueues []burstQueue // from each other shard

	now     time.Duration // time of the current turn
	out     sendBuffer
	scratch []byte // for RTCP and STUN under construction
	acks    []bandwidth.Ack

	drops          dropCounts
	redundantBytes uint64 // bytes of redundant audio blocks sent

	shardPeers
	shardMedia
	shardTimers
	turnState
}

// wakeup lets other goroutines pass work to the thread and wake it.
type wakeup struct {
	tasks    taskQueue
	sleeping atomic.Bool // the thread waits, or is about to
	stopping atomic.Bool
	exited   chan struct{} // closed when the thread has ended
}

// shardPeers finds the transport of a datagram.
type shardPeers struct {
	transports   []*Transport
	peers        map[netip.AddrPort]*Transport
	lastFrom     netip.AddrPort // of the latest datagram: most arrive in bursts
	lastPeer     *Transport
	currentRoute *route                 // of the current datagram, nil if the socket received it
	replyCredits map[netip.AddrPort]int // bytes from unverified addresses that had no response yet
	earlyBytes   int                    // in the earlyPackets of all transports
	receiveFunc  func([]byte, netip.AddrPort, int)
}

// shardMedia is what flows through the shard.
type shardMedia struct {
	publishers []*Publisher
	fanOuts    map[*Publisher]*fanOut
	openBursts []*Publisher  // publishers whose burst is not distributed yet
	paced      []*Subscriber // subscribers that are behind, or send a probe
}

// turnState is of the current turn of the thread's loop.
type turnState struct {
	gather                  bool   // the turn may wait for the rest of a burst
	forwardFunc, finishFunc func() // forwardReceived and finishTurn
}

type shardTimers struct {
	nextTick, nextPace time.Duration
	tickPart           int // which tenth of the transports is next
}

func newShard(c *core, index int, socket socket, shards int) *shard {
	s := &shard{core: c, index: index, socket: socket, burstQueues: make([]burstQueue, shards), scratch: make([]byte, 0, 4096)}
	s.exited = make(chan struct{})
	s.peers, s.replyCredits = map[netip.AddrPort]*Transport{}, map[netip.AddrPort]int{}
	s.fanOuts = map[*Publisher]*fanOut{}
	s.receiveFunc, s.forwardFunc, s.finishFunc = s.receive, s.forwardReceived, s.finishTurn
	s.out = newSendBuffer(socket, &s.drops)
	return s
}

// wake wakes the thread if it sleeps.
func (s *shard) wake() {
	if s.sleeping.Swap(false) {
		s.socket.wake()
	}
}

// post runs f on the shard's thread.
func (s *shard) post(f func()) {
	s.tasks.push(f)
	s.wake()
}

// call runs f on the shard's thread and waits for it. It reports false when the thread has
// ended.
func (s *shard) call(f func()) bool {
	ran := make(chan struct{})
	s.post(func() {
		defer close(ran)
		f()
	})
	select {
	case <-ran:
		return true
	case <-s.exited:
		return false
	}
}

// addTransport makes the shard the owner of t.
func (s *shard) addTransport(t *Transport) {
	if t.listed || t.ended.Load() {
		return
	}
	t.listed, t.listIndex = true, len(s.transports)
	t.lastReceived, t.lastConsent = s.now, s.now
	s.transports = append(s.transports, t)
}

// bindAddress records that packets from an address belong to t.
func (s *shard) bindAddress(t *Transport, from netip.AddrPort) {
	if s.peers[from] != t {
		s.core.index.bindAddress(t, from)
		s.setPeer(from, t)
		s.lastPeer = nil
	}
}

// setPeer stores that t, which the shard owns, sends from an address. A new address replaces
// the oldest of many, which is looked up again if something arrives from it.
func (s *shard) setPeer(from netip.AddrPort, t *Transport) {
	if len(t.shardAddresses) == maxTransportAddresses {
		if oldest := t.shardAddresses[0]; s.peers[oldest] == t {
			delete(s.peers, oldest)
		}
		t.shardAddresses = t.shardAddresses[1:]
	}
	s.peers[from] = t
	t.shardAddresses = append(t.shardAddresses, from)
}

// removeTransport removes t after its end.
func (s *shard) removeTransport(t *Transport) {
	for _, a := range t.shardAddresses {
		if s.peers[a] == t {
			delete(s.peers, a)
		}
	}
	t.shardAddresses = nil
	s.lastPeer = nil
	t.early.take(s)
	if !t.listed {
		return
	}
	t.listed = false
	last := len(s.transports) - 1
	s.transports[t.listIndex] = s.transports[last]
	s.transports[t.listIndex].listIndex = t.listIndex
	s.transports[last] = nil
	s.transports = s.transports[:last]
}

// removePublisher removes a publisher that has ended.
func (s *shard) removePublisher(p *Publisher) {
	delete(s.fanOuts, p)
	for i, o := range s.publishers {
		if o == p {
			s.publishers = append(s.publishers[:i], s.publishers[i+1:]...)
			break
		}
	}
}

// redSubscriptions counts the subscriptions that are sent redundant audio.
func (s *shard) redSubscriptions() (n int) {
	for _, f := range s.fanOuts {
		for _, subscriber := range f.subscribers {
			for _, u := range subscriber.subs {
				if u.red.enabled {
					n++
				}
			}
		}
	}
	return n
}
