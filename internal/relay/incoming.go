package relay

import (
	"slices"
	"sync/atomic"
	"time"

	"rostrum/internal/media"
	"rostrum/internal/sfu"
)

const (
	wishInterval  = time.Second
	firstInterval = tickInterval // until something arrives
)

type packet = sfu.RelayedPacket

// An incoming stream is a publisher of another node on this one.
type incoming struct {
	association *association
	stream      uint32
	labels      []string       // of the video's layers
	publisher   *sfu.Publisher // set before the first wish
	unused      atomic.Uint32  // layers, a bit for each by its index
	flowing     atomic.Bool    // something arrived
	over        chan struct{}  // closed when the other node has ended it
}

// addIncoming makes a name for a stream.
func (a *association) addIncoming() (*incoming, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.why != nil {
		return nil, a.why
	}
	if len(a.incoming) >= maxStreams {
		return nil, sfu.ErrBusy
	}
	a.next++
	in := &incoming{association: a, stream: a.next, over: make(chan struct{})}
	a.incoming[in.stream] = in
	return in, nil
}

func (in *incoming) remove() {
	in.association.mu.Lock()
	defer in.association.mu.Unlock()
	delete(in.association.incoming, in.stream)
}

// start makes the publisher and lets the stream flow.
func (in *incoming) start(router *sfu.Router, cfg sfu.PublishConfig, tracks []sfu.RelayedTrack) (err error) {
	for _, t := range tracks {
		if t.Codec.Kind() == media.Video {
			in.labels = t.Labels
		}
	}
	notify := cfg.Notify
	cfg.Notify = func(e sfu.Event) {
		if e, ok := e.(sfu.LayersUnused); ok {
			in.setUnused(e.Labels)
			return
		}
		if notify != nil {
			notify(e)
		}
	}
	p, err := router.PublishRelayed(cfg, tracks, in)
	if err != nil {
		return err
	}
	in.association.mu.Lock()
	in.publisher = p
	in.association.mu.Unlock()
	in.association.relay.wg.Go(in.run)
	return nil
}

// run wishes for the stream until its publisher or the association ends.
func (in *incoming) run() {
	a := in.association
	defer in.remove()
	tick := time.NewTicker(firstInterval)
	defer tick.Stop()
	slow := false
	for in.wish(); ; {
		select {
		case <-tick.C:
			in.wish()
			if in.flowing.Load() && !slow {
				slow = true
				tick.Reset(wishInterval)
			}
			if trip := time.Duration(a.roundTrip.Load()); trip > 0 {
				in.publisher.SetRoundTrip(trip)
			}
		case <-in.publisher.Done():
			a.enqueue(frame{kind: frameStop, stream: in.stream})
			return
		case <-in.over:
			in.publisher.Lose(errEnded)
			return
		case <-a.done:
			in.publisher.Lose(a.ended())
			return
		}
	}
}

func (in *incoming) wish() {
	in.association.enqueue(frame{kind: frameWish, stream: in.stream, layers: in.unused.Load()})
}

func (in *incoming) setUnused(labels []string) {
	var unused uint32
	for i, label := range in.labels {
		if slices.Contains(labels, label) {
			unused |= 1 << i
		}
	}
	in.unused.Store(unused)
	in.wish()
}

// receive handles a frame of the source, on the goroutine that reads the socket. It reports whether
// the frame's bytes are kept.
func (in *incoming) receive(f *frame, bursts map[*incoming][]packet) (keep bool) {
	in.association.mu.Lock()
	p := in.publisher
	in.association.mu.Unlock()
	switch {
	case f.kind == frameEnd:
		select {
		case <-in.over:
		default:
			close(in.over) // only this goroutine closes it
		}
		return false
	case p == nil:
		return false
	case f.kind == frameClock:
		p.SetClock(sfu.LayerClock{Kind: f.track, Layer: f.layer, UnixNano: f.moment, Timestamp: f.timestamp})
		return false
	}
	in.flowing.Store(true)
	r := packet{Kind: f.track, Again: f.again, Packet: media.Packet{Layer: f.layer}}
	if f.kind == frameSets {
		r.Packet.ParameterSets = f.payload
	} else {
		r.Packet.Payload, r.Packet.Marker, r.Packet.Level = f.payload, f.marker, f.level
		r.Packet.Sequence, r.Packet.Timestamp = f.sequence, f.timestamp
	}
	bursts[in] = append(bursts[in], r)
	return true
}

// RequestPackets implements sfu.Upstream.
func (in *incoming) RequestPackets(kind media.Kind, layer int8, sequences []uint64) {
	for some := range slices.Chunk(sequences, maxPerRequest) {
		in.association.enqueue(frame{kind: frameMissing, stream: in.stream, track: kind, layer: layer, missing: slices.Clone(some)})
	}
}

// RequestKeyframe implements sfu.Upstream.
func (in *incoming) RequestKeyframe(layer int8) {
	in.association.enqueue(frame{kind: frameKeyframe, stream: in.stream, track: media.Video, layer: layer})
}
