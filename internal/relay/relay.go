package relay

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sync/singleflight"

	"rostrum/internal/bus"
	"rostrum/internal/sfu"
	"rostrum/ivsrealtime"
)

// Subjects of what nodes ask each other.
const (
	subjectAssociate = "relay.associate"
	subjectOpen      = "relay.open"
)

const (
	maxDatagram     = 2048 // bytes
	maxAssociations = 1024
	socketBuffer    = 4 << 20 // bytes, each way; the system may grant less
)

// A Config is for a Relay.
type Config struct {
	// NodeID is this node's.
	NodeID string
	// Conn is where datagrams of other nodes arrive; Address is where they reach it, HOST:PORT.
	Conn    *net.UDPConn
	Address string
	// Bus reaches other nodes.
	Bus *bus.Bus
	// Log is for the operator. Default slog.Default().
	Log *slog.Logger
}

// A Relay relays publishers between this node and others. It is safe for concurrent use.
type Relay struct {
	cfg      Config
	started  time.Time
	socket   batchConn
	asking   singleflight.Group          // for associations, by node
	find     func(Source) *sfu.Publisher // set by Serve
	wg       sync.WaitGroup
	rejected atomic.Uint64

	mu           sync.Mutex // guards what follows
	associations map[uint32]*association
	closed       bool
}

// batchConn sends and receives many datagrams with one system call.
type batchConn interface {
	ReadBatch(ms []ipv4.Message, flags int) (int, error)
	WriteBatch(ms []ipv4.Message, flags int) (int, error)
}

// A Source names what a node may relay: what a participant publishes on a stage.
type Source struct{ StageARN, ParticipantID string }

// An associateRequest asks for an association.
type associateRequest struct {
	Version     int
	Node        string // that asks
	Association uint32 // what it will call it
	Secret      []byte
	Address     string // where it receives datagrams
}

// An associateAnswer has the same of the node that was asked.
type associateAnswer struct {
	Association uint32
	Secret      []byte
	Address     string
}

// An openRequest asks for a stream on an association, as the node that is asked calls it.
type openRequest struct {
	Source
	Association, Stream uint32
}

// New makes a relay. It does nothing before Serve. The connection closes after it.
func New(cfg Config) *Relay {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	r := &Relay{cfg: cfg, started: time.Now(), associations: map[uint32]*association{}}
	r.socket = ipv4.NewPacketConn(cfg.Conn)
	if at, ok := cfg.Conn.LocalAddr().(*net.UDPAddr); ok && at.IP.To4() == nil {
		r.socket = ipv6.NewPacketConn(cfg.Conn)
	}
	if err := errors.Join(cfg.Conn.SetReadBuffer(socketBuffer), cfg.Conn.SetWriteBuffer(socketBuffer)); err != nil {
		cfg.Log.Warn("prepare the port for media of other nodes", "error", err)
	}
	return r
}

// Serve starts to answer other nodes. find returns what they may relay, nil if there is no such
// publisher.
func (r *Relay) Serve(find func(Source) *sfu.Publisher) {
	r.find = find
	r.cfg.Bus.Handle(subjectAssociate, bus.Answer(r.answerAssociate))
	r.cfg.Bus.Handle(subjectOpen, bus.Answer(r.answerOpen))
	r.wg.Go(r.read)
}

// Close ends all streams. Publishers of other nodes end with sfu.CauseLost.
func (r *Relay) Close() error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	for _, a := range r.list() {
		a.end(errClosed)
	}
	err := r.cfg.Conn.SetReadDeadline(time.Now()) // wakes the goroutine that reads
	r.wg.Wait()
	return err
}

func (r *Relay) now() time.Duration { return time.Since(r.started) }

func (r *Relay) list() (all []*association) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.associations {
		all = append(all, a)
	}
	return all
}

// Publish makes what another node has a publisher of a router here. It ends, with sfu.CauseLost,
// when the other node or its publisher does. The error is a ResourceNotFound if there is none.
func (r *Relay) Publish(ctx context.Context, node string, from Source, router *sfu.Router, cfg sfu.PublishConfig) (*sfu.Publisher, error) {
	for try := 0; ; try++ {
		a, err := r.associate(ctx, node)
		if err != nil {
			return nil, err
		}
		in, err := a.addIncoming()
		if err != nil {
			return nil, err
		}
		var tracks []sfu.RelayedTrack
		if err = r.cfg.Bus.Request(ctx, node, subjectOpen, openRequest{from, a.remote, in.stream}, &tracks); err == nil {
			err = in.start(router, cfg, tracks)
		}
		switch {
		case err == nil:
			return in.publisher, nil
		case errors.Is(err, ivsrealtime.Conflict) && try == 0: // the other node has ended the association
			in.remove()
			a.end(errEnded)
		default:
			in.remove()
			return nil, fmt.Errorf("relay participant %s of node %s: %w", from.ParticipantID, node, err)
		}
	}
}

// associate returns an association with a node. It makes one if there is none.
func (r *Relay) associate(ctx context.Context, node string) (*association, error) {
	made, err, _ := r.asking.Do(node, func() (any, error) {
		for _, a := range r.list() {
			if a.peer == node && a.ended() == nil {
				return a, nil
			}
		}
		name, secret := newSecret()
		var answer associateAnswer
		err := r.cfg.Bus.Request(ctx, node, subjectAssociate, associateRequest{version, r.cfg.NodeID, name, secret, r.cfg.Address}, &answer)
		if err != nil {
			return nil, fmt.Errorf("associate with node %s: %w", node, err)
		}
		return r.addAssociation(node, answer.Address, name, answer.Association, secret, answer.Secret, true)
	})
	if err != nil {
		return nil, err
	}
	a := made.(*association)
	select {
	case <-a.reached:
		return a, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-a.done:
		err = a.ended()
	}
	if errors.Is(err, errSilent) {
		return nil, ivsrealtime.Errorf(ivsrealtime.Conflict, "no media can be relayed from node %s: no UDP arrives from %s; let the nodes reach each other there", node, a.to)
	}
	return nil, fmt.Errorf("associate with node %s: %w", node, err)
}

// newSecret returns a random name and secret for an association.
func newSecret() (name uint32, secret []byte) {
	secret = make([]byte, secretSize+4)
	_, _ = rand.Read(secret) // it never fails
	return binary.BigEndian.Uint32(secret[secretSize:]), secret[:secretSize]
}

// addAssociation starts an association that both nodes agreed on. asked says that this node asked.
func (r *Relay) addAssociation(peer, address string, local, remote uint32, asking, answering []byte, asked bool) (*association, error) {
	out, err := newDirection(asking, answering, local, remote)
	if err != nil {
		return nil, err
	}
	in, err := newDirection(asking, answering, remote, local)
	if err != nil {
		return nil, err
	}
	a, err := r.newAssociation(peer, address, local, remote, out, in)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return nil, errClosed
	case r.associations[local] != nil || local == remote:
		return nil, errors.New("the name of the association is taken") // one in four billion
	case len(r.associations) >= maxAssociations:
		return nil, sfu.ErrBusy
	}
	r.associations[local] = a
	r.wg.Go(func() {
		a.run()
		r.mu.Lock()
		delete(r.associations, local)
		r.mu.Unlock()
		r.cfg.Log.Info("relay ended", "node", peer, "reason", a.ended())
	})
	r.cfg.Log.Info("relay started", "node", peer, "address", address, "asked", asked)
	return a, nil
}

// answerAssociate makes an association that another node asks for.
func (r *Relay) answerAssociate(_ context.Context, q associateRequest) (any, error) {
	if q.Version != version {
		return nil, ivsrealtime.Errorf(ivsrealtime.Conflict, "this node relays media by version %d of its protocol, not %d: run the same release on all nodes", version, q.Version)
	}
	name, secret := newSecret()
	if _, err := r.addAssociation(q.Node, q.Address, name, q.Association, q.Secret, secret, false); err != nil {
		return nil, err
	}
	return associateAnswer{name, secret, r.cfg.Address}, nil
}

// answerOpen lets another node wish for a publisher. A Conflict says that there is no such
// association.
func (r *Relay) answerOpen(_ context.Context, q openRequest) (any, error) {
	r.mu.Lock()
	a := r.associations[q.Association]
	r.mu.Unlock()
	if a == nil || a.ended() != nil {
		return nil, ivsrealtime.Errorf(ivsrealtime.Conflict, "there is no association %d", q.Association)
	}
	p := r.find(q.Source)
	if p == nil {
		return nil, ivsrealtime.Errorf(ivsrealtime.ResourceNotFound, "participant %s does not publish on that stage", q.ParticipantID)
	}
	if err := a.addOutgoing(q.Stream, p); err != nil {
		return nil, err
	}
	return p.RelayedTracks(), nil
}

// read receives datagrams until the socket is closed.
func (r *Relay) read() {
	messages := make([]ipv4.Message, batchSize)
	for i := range messages {
		messages[i].Buffers = [][]byte{make([]byte, maxDatagram)}
	}
	bursts := map[*incoming][]packet{}
	for {
		n, err := r.socket.ReadBatch(messages, 0)
		if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		if err != nil {
			r.cfg.Log.Debug("receive from other nodes", "error", err) // ICMP, say
			time.Sleep(time.Millisecond)                              // it may stay
			continue
		}
		for i := range messages[:n] {
			if r.receive(messages[i].Buffers[0][:messages[i].N], bursts) {
				messages[i].Buffers[0] = make([]byte, maxDatagram) // packets keep the old one
			}
		}
		for in, packets := range bursts {
			if !in.publisher.WriteRelayed(packets) {
				in.association.dropped.Add(uint64(len(packets)))
			}
		}
		clear(bursts)
	}
}

func (r *Relay) receive(b []byte, bursts map[*incoming][]packet) (keep bool) {
	name, err := parseHeader(b)
	if err == nil {
		r.mu.Lock()
		a := r.associations[name]
		r.mu.Unlock()
		if a == nil {
			return false // it has ended here, and will there
		}
		keep, err = a.receive(b, bursts)
	}
	if err != nil {
		r.rejected.Add(1)
	}
	return keep
}

// HopStats are of the association with another node. Counts are since its start; of two with one
// node, as both may ask for one at once, they are the sum.
type HopStats struct {
	Node                                 string
	RoundTrip                            time.Duration // 0 until measured
	Incoming, Outgoing                   int           // streams
	PacketsSent, BytesSent               uint64        // datagrams
	PacketsReceived, BytesReceived, Lost uint64        // that were sent to this node
	Dropped                              uint64        // frames for which there was no place or no time
}

// Stats returns the hops, and how many datagrams were rejected: forged, replayed, malformed, or of
// another version.
func (r *Relay) Stats() (hops []HopStats, rejected uint64) {
	byNode := map[string]HopStats{}
	for _, a := range r.list() {
		h := byNode[a.peer]
		h.Node = a.peer
		a.mu.Lock()
		h.Incoming, h.Outgoing = h.Incoming+len(a.incoming), h.Outgoing+len(a.outgoing)
		a.mu.Unlock()
		h.RoundTrip = max(h.RoundTrip, time.Duration(a.roundTrip.Load()))
		h.PacketsSent, h.BytesSent = h.PacketsSent+a.sent.Load(), h.BytesSent+a.sentBytes.Load()
		h.PacketsReceived, h.BytesReceived, h.Lost = h.PacketsReceived+a.received.Load(), h.BytesReceived+a.receivedBytes.Load(), h.Lost+a.lost.Load()
		h.Dropped += a.dropped.Load()
		byNode[a.peer] = h
	}
	return slices.Collect(maps.Values(byNode)), r.rejected.Load()
}
