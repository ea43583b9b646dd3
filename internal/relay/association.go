package relay

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/ipv4"
)

const (
	tickInterval = 100 * time.Millisecond
	pingInterval = 500 * time.Millisecond

	// silenceLimit is how long nothing authentic may arrive before the other node is gone.
	silenceLimit = 3 * time.Second
	// idleLimit is how long an association without streams is kept.
	idleLimit = time.Minute

	maxQueued  = 8192 // frames that wait to be sent, after which more are dropped
	maxStreams = 4096 // of each direction
	packedSize = 1200 // bytes up to which frames share a datagram
	batchSize  = 32   // datagrams of a system call
)

var (
	errSilent = errors.New("the other node sends nothing any more")
	errEnded  = errors.New("the other node ended the relay")
	errClosed = errors.New("the relay is closed")
)

// An association is the encrypted datagrams between this node and another.
type association struct {
	relay         *Relay
	peer          string // the other node's id
	local, remote uint32 // what this node and the other call it
	to            *net.UDPAddr
	sealer        sealer  // owned by send
	opener        *opener // owned by the goroutine that reads the socket

	wake    chan struct{}
	reached chan struct{} // closed when something authentic arrived
	done    chan struct{} // closed at the end
	hop

	mu       sync.Mutex // guards what follows
	queue    []frame
	incoming map[uint32]*incoming
	outgoing map[uint32]*outgoing
	next     uint32 // name of the next incoming stream
	why      error  // it ended
}

// hop is what is measured of an association.
type hop struct {
	heard                         atomic.Int64 // when something authentic arrived, since the relay's start in ns
	roundTrip                     atomic.Int64 // ns; 0 until measured
	sent, sentBytes               atomic.Uint64
	received, receivedBytes, lost atomic.Uint64
	dropped                       atomic.Uint64 // frames for which there was no place, packets that this node had no time for
}

func (r *Relay) newAssociation(peer, address string, local, remote uint32, out, in *direction) (*association, error) {
	to, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return nil, fmt.Errorf("find node %s at %s: %w", peer, address, err)
	}
	a := &association{
		relay: r, peer: peer, local: local, remote: remote, to: to, sealer: sealer{direction: out}, opener: newOpener(in),
		wake: make(chan struct{}, 1), reached: make(chan struct{}), done: make(chan struct{}), incoming: map[uint32]*incoming{}, outgoing: map[uint32]*outgoing{},
	}
	a.heard.Store(int64(r.now()))
	return a, nil
}

// end ends the association and its streams, once.
func (a *association) end(why error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.why == nil {
		a.why = why
		close(a.done)
	}
}

func (a *association) ended() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.why
}

// enqueue has frames sent, in their order. It never blocks.
func (a *association) enqueue(frames ...frame) {
	a.mu.Lock()
	full := len(a.queue)+len(frames) > maxQueued || a.why != nil
	if !full {
		a.queue = append(a.queue, frames...)
	}
	a.mu.Unlock()
	if full {
		a.dropped.Add(uint64(len(frames)))
		return
	}
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// run sends what is queued until the association ends.
func (a *association) run() {
	var queue []frame
	batch := newBatch(a.to)
	tick := time.NewTicker(tickInterval)
	defer tick.Stop()
	pinged := -pingInterval
	idleSince := a.relay.now()
	for {
		select {
		case <-a.wake:
		case <-tick.C:
			now := a.relay.now()
			if now-time.Duration(a.heard.Load()) > silenceLimit {
				a.end(errSilent)
			}
			if a.hasStreams() {
				idleSince = now
			} else if now-idleSince > idleLimit {
				a.end(errEnded)
			}
			if now-pinged >= pingInterval {
				pinged = now
				a.enqueue(frame{kind: framePing, moment: int64(now)})
			}
		case <-a.done:
			return
		}
		a.mu.Lock()
		queue, a.queue = a.queue, queue[:0]
		a.mu.Unlock()
		a.send(queue, batch)
		clear(queue)
	}
}

func (a *association) hasStreams() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.incoming)+len(a.outgoing) > 0
}

// batch is the datagrams of one system call.
type batch struct {
	messages []ipv4.Message // of which open are complete
	open     int
}

func newBatch(to *net.UDPAddr) *batch {
	b := &batch{messages: make([]ipv4.Message, batchSize)}
	for i := range b.messages {
		b.messages[i] = ipv4.Message{Buffers: [][]byte{make([]byte, 0, maxDatagram)}, Addr: to}
	}
	return b
}

// send packs frames into datagrams and sends these.
func (a *association) send(queue []frame, out *batch) {
	for i := 0; i < len(queue); {
		message := &out.messages[out.open]
		b := a.sealer.begin(message.Buffers[0])
		for first := true; i < len(queue) && (first || len(b)+queue[i].size() <= packedSize); first = false {
			b = queue[i].appendTo(b)
			i++
		}
		sealed, err := a.sealer.seal(b, a.remote)
		if err != nil {
			a.end(err)
			return
		}
		message.Buffers[0] = sealed
		a.sent.Add(1)
		a.sentBytes.Add(uint64(len(sealed)))
		if out.open++; out.open == len(out.messages) || i == len(queue) {
			a.write(out.messages[:out.open])
			out.open = 0
		}
	}
}

// write sends datagrams. What the system refuses is lost, as on any path, and counted.
func (a *association) write(messages []ipv4.Message) {
	for len(messages) > 0 {
		n, err := a.relay.socket.WriteBatch(messages, 0)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			a.dropped.Add(1)
		}
		messages = messages[max(n, 1):]
	}
}

// receive handles a datagram whose header names the association. It adds packets to a burst, and
// reports whether the datagram has any: then its bytes are kept.
func (a *association) receive(b []byte, bursts map[*incoming][]packet) (keep bool, err error) {
	plain, err := a.opener.open(b)
	if err != nil {
		return false, err
	}
	a.heard.Store(int64(a.relay.now()))
	if a.received.Add(1) == 1 {
		close(a.reached)
	}
	a.receivedBytes.Add(uint64(len(b)))
	a.lost.Store(a.opener.lost())
	return keep, parseFrames(plain, func(f *frame) {
		switch f.kind {
		case framePing:
			a.enqueue(frame{kind: framePong, moment: f.moment})
		case framePong:
			a.recordRoundTrip(a.relay.now() - time.Duration(f.moment))
		case framePacket, frameSets, frameClock, frameEnd:
			if in := a.findIncoming(f.stream); in != nil {
				keep = in.receive(f, bursts) || keep
			}
		default:
			if out := a.findOutgoing(f.stream); out != nil {
				out.receive(f)
			} else if f.kind != frameStop {
				a.enqueue(frame{kind: frameEnd, stream: f.stream})
			}
		}
	})
}

func (a *association) recordRoundTrip(sample time.Duration) {
	if sample < 0 || sample > silenceLimit {
		return
	}
	smoothed := time.Duration(a.roundTrip.Load())
	if smoothed == 0 {
		smoothed = sample
	}
	a.roundTrip.Store(int64(max(smoothed+(sample-smoothed)/8, 1)))
}

func (a *association) findIncoming(stream uint32) *incoming {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.incoming[stream]
}

func (a *association) findOutgoing(stream uint32) *outgoing {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.outgoing[stream]
}
