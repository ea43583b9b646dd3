package relay

import (
	"sync/atomic"
	"time"

	"rostrum/internal/media"
	"rostrum/internal/sfu"
)

const (
	clockInterval = time.Second
	// wishLimit is how long a stream flows without a wish.
	wishLimit = 5 * wishInterval
)

// An outgoing stream is a publisher of this node on another one.
type outgoing struct {
	association *association
	stream      uint32
	publisher   *sfu.Publisher
	tap         atomic.Pointer[sfu.RelayTap] // made by run with the first wish
	wished      atomic.Int64                 // when, since the relay's start in ns
	unused      atomic.Uint32                // layers of which the latest wish says so
	wishes      chan struct{}                // gets a value with a wish
	stopped     chan struct{}                // gets a value when the other node ends the stream
}

// addOutgoing lets another node wish for a publisher.
func (a *association) addOutgoing(stream uint32, p *sfu.Publisher) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.why != nil {
		return a.why
	}
	if len(a.outgoing) >= maxStreams || a.outgoing[stream] != nil {
		return sfu.ErrBusy
	}
	out := &outgoing{association: a, stream: stream, publisher: p, wishes: make(chan struct{}, 1), stopped: make(chan struct{}, 1)}
	out.wished.Store(int64(a.relay.now()))
	a.outgoing[stream] = out
	a.relay.wg.Go(out.run)
	return nil
}

// run sends clocks until the publisher or the association ends, or nobody wishes for the stream.
func (out *outgoing) run() {
	a := out.association
	defer func() {
		if tap := out.tap.Load(); tap != nil {
			tap.Close()
		}
		a.mu.Lock()
		delete(a.outgoing, out.stream)
		a.mu.Unlock()
		a.enqueue(frame{kind: frameEnd, stream: out.stream})
	}()
	tick := time.NewTicker(clockInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if a.relay.now()-time.Duration(out.wished.Load()) > wishLimit {
				return
			}
			out.sendClocks()
		case <-out.wishes:
			if tap := out.tap.Load(); tap != nil {
				tap.SetUnused(out.unused.Load())
				continue
			}
			out.tap.Store(out.publisher.Relay(out, out.unused.Load()))
			out.sendClocks()
		case <-out.stopped:
			return
		case <-out.publisher.Done():
			return
		case <-a.done:
			return
		}
	}
}

func (out *outgoing) sendClocks() {
	tap := out.tap.Load()
	if tap == nil {
		return
	}
	for _, c := range tap.Clocks() {
		out.association.enqueue(frame{kind: frameClock, stream: out.stream, track: c.Kind, layer: c.Layer, moment: c.UnixNano, timestamp: c.Timestamp})
	}
}

// receive handles a frame of the receiver, on the goroutine that reads the socket.
func (out *outgoing) receive(f *frame) {
	tap := out.tap.Load()
	switch {
	case f.kind == frameStop:
		signal(out.stopped)
	case f.kind == frameWish:
		out.wished.Store(int64(out.association.relay.now()))
		out.unused.Store(f.layers)
		signal(out.wishes)
	case tap == nil:
	case f.kind == frameMissing:
		tap.Resend(f.track, f.layer, f.missing)
	case f.kind == frameKeyframe:
		tap.RequestKeyframe(f.layer)
	}
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// WriteRelay implements sfu.RelaySink.
func (out *outgoing) WriteRelay(p media.Packet, again bool) {
	f := frame{
		kind: framePacket, stream: out.stream, track: p.Codec.Kind(), layer: p.Layer, marker: p.Marker, again: again, level: p.Level,
		sequence: p.Sequence, timestamp: p.Timestamp, payload: p.Payload,
	}
	if len(p.ParameterSets) == 0 || p.SetsSent {
		out.association.enqueue(f)
		return
	}
	out.association.enqueue(frame{kind: frameSets, stream: out.stream, track: f.track, layer: f.layer, payload: p.ParameterSets}, f)
}
