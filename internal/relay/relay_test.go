package relay_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rostrum/internal/bus"
	"rostrum/internal/media"
	"rostrum/internal/relay"
	"rostrum/internal/sfu"
	"rostrum/ivsrealtime"
)

// maxWait is how long a busy machine may take for anything.
const maxWait = time.Minute

// A node is a media engine with a relay.
type node struct {
	id     string
	router *sfu.Router
	relay  *relay.Relay
	bus    *bus.Bus
	path   *path
	mu     sync.Mutex
	has    map[relay.Source]*sfu.Publisher
}

// newNodes returns nodes that reach each other. Datagrams to each pass its path.
func newNodes(t *testing.T, ids ...string) map[string]*node {
	t.Helper()
	all := map[string]*node{}
	for _, id := range ids {
		engine, err := sfu.Listen(sfu.Config{Listen: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, Shards: 1, NoTCP: true})
		if err != nil {
			t.Fatal(err)
		}
		conn := listenUDP(t)
		n := &node{id: id, router: engine.NewRouter(sfu.RouterConfig{}), has: map[relay.Source]*sfu.Publisher{}, path: newPath(t, conn.LocalAddr().(*net.UDPAddr))}
		n.bus = bus.New(id, slog.Default())
		n.bus.Connect(func(ctx context.Context, to, subject string, data []byte) ([]byte, error) {
			if all[to] == nil {
				return nil, errors.New("there is no such node")
			}
			return all[to].bus.Receive(ctx, subject, data), nil
		})
		n.relay = relay.New(relay.Config{NodeID: id, Conn: conn, Address: n.path.String(), Bus: n.bus, Log: slog.New(slog.DiscardHandler)})
		n.relay.Serve(func(from relay.Source) *sfu.Publisher {
			n.mu.Lock()
			defer n.mu.Unlock()
			return n.has[from]
		})
		all[id] = n
		t.Cleanup(func() {
			if err := errors.Join(n.relay.Close(), engine.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	return all
}

func listenUDP(t *testing.T) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// A path passes datagrams on to one address.
type path struct {
	*net.UDPAddr
	loss  atomic.Int32 // in percent
	twice atomic.Bool  // it passes all on once more, and once more with a bit changed
}

func newPath(t *testing.T, to *net.UDPAddr) *path {
	t.Helper()
	in := listenUDP(t)
	p := &path{UDPAddr: in.LocalAddr().(*net.UDPAddr)}
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := in.Read(b)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if rand.Int32N(100) < p.loss.Load() {
				continue
			}
			_, _ = in.WriteToUDP(b[:n], to)
			if p.twice.Load() {
				_, _ = in.WriteToUDP(b[:n], to)
				b[n-1] ^= 1
				_, _ = in.WriteToUDP(b[:n], to)
			}
		}
	}()
	return p
}

var (
	alice = relay.Source{StageARN: "stage", ParticipantID: "alice"}
	sps   = []byte{0x67, 0x42, 0xc0, 0x1f, 0xda, 0x01, 0x40, 0x16, 0xe8}
	pps   = []byte{0x68, 0xce, 0x3c, 0x80}
)

// publish sends pictures with numbers until the test ends, the first as a keyframe, and of each
// layer the same.
func (n *node) publish(t *testing.T, every time.Duration, labels ...string) *sfu.Publisher {
	t.Helper()
	p, err := n.router.PublishFrames(sfu.PublishConfig{Participant: alice.ParticipantID}, labels)
	if err != nil {
		t.Fatal(err)
	}
	n.mu.Lock()
	n.has[alice] = p
	n.mu.Unlock()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	t.Cleanup(func() { stop(); <-done })
	go func() {
		defer close(done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for i := uint32(0); ; i++ {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			at := time.Duration(i) * every
			frames := []sfu.LocalFrame{{Kind: media.Audio, Units: [][]byte{binary.BigEndian.AppendUint32([]byte{0xfc}, i)}, Time: at, Level: 30}}
			for layer := range max(len(labels), 1) {
				size := 2500 >> (2 * (max(len(labels), 1) - 1 - layer)) // the last is the largest
				units := [][]byte{picture(0x41, i, size)}
				if i%50 == 0 {
					units = [][]byte{sps, pps, picture(0x65, i, size)}
				}
				frames = append(frames, sfu.LocalFrame{Kind: media.Video, Layer: layer, Units: units, Time: at})
			}
			p.WriteFrames(frames...)
		}
	}()
	return p
}

func picture(kind byte, number uint32, size int) []byte {
	b := binary.BigEndian.AppendUint32([]byte{kind, 0x88}, number|1<<31)
	return append(b, bytes.Repeat([]byte{7}, size)...)
}

// A sink keeps what it gets of one kind.
type sink struct {
	mu      sync.Mutex
	packets []media.Packet
}

func (k *sink) Write(p media.Packet) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.packets = append(k.packets, p)
	return nil
}

func (k *sink) all() []media.Packet {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.packets)
}

// await waits until something is true.
func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(maxWait); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, maxWait)
		}
	}
}

// receive relays alice from a node to another.
func (n *node) receive(t *testing.T, from *node, notify func(sfu.Event)) *sfu.Publisher {
	t.Helper()
	p, err := n.relay.Publish(t.Context(), from.id, alice, n.router, sfu.PublishConfig{Participant: alice.ParticipantID, Notify: notify})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func tap(t *testing.T, p *sfu.Publisher, kind media.Kind) *sink {
	t.Helper()
	k := &sink{}
	detach, err := p.Tap(kind, k)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(detach)
	return k
}

// A publisher of another node begins with its stored keyframe, and has all its audio and video.
func TestRelay_MakesAPublisherOfAnotherNodeALocalOne(t *testing.T) {
	nodes := newNodes(t, "a", "b")
	source := nodes["a"].publish(t, 5*time.Millisecond)
	await(t, "the first group of pictures", func() bool {
		return len(source.Stats().Tracks[1].Layers) == 1 && source.Stats().Tracks[1].Layers[0].Packets > 20
	})
	p := nodes["b"].receive(t, nodes["a"], nil)
	video, audio := tap(t, p, media.Video), tap(t, p, media.Audio)
	await(t, "video and audio", func() bool { return len(video.all()) > 100 && len(audio.all()) > 100 })
	first := video.all()[0]
	if first.Payload[0]&31 != 24 && !first.Keyframe {
		t.Errorf("the video begins with %x…, no keyframe", first.Payload[:4])
	}
	for i, got := range audio.all()[1:] {
		before := audio.all()[i]
		if got.Sequence != before.Sequence+1 || got.Level != 30 || binary.BigEndian.Uint32(got.Payload[1:]) != binary.BigEndian.Uint32(before.Payload[1:])+1 {
			t.Fatalf("audio packet %d is %+v after %+v", i+1, got, before)
		}
	}
	await(t, "a clock", func() bool { all := video.all(); return all[len(all)-1].Captured != 0 })
	hops, rejected := nodes["b"].relay.Stats()
	if len(hops) != 1 || hops[0].Node != "a" || hops[0].Incoming != 1 || hops[0].RoundTrip == 0 || hops[0].BytesReceived == 0 || rejected != 0 {
		t.Errorf("the hop is %+v, %d datagrams were rejected", hops, rejected)
	}
}

func TestRelay_RepairsLossHopByHop(t *testing.T) {
	nodes := newNodes(t, "a", "b")
	nodes["a"].path.loss.Store(10)
	nodes["b"].path.loss.Store(10)
	nodes["a"].publish(t, 5*time.Millisecond)
	p := nodes["b"].receive(t, nodes["a"], nil)
	video := tap(t, p, media.Video)
	const enough = 1500
	complete := func() bool { // since the first, all packets came
		seen, from, to := map[uint64]bool{}, uint64(0), uint64(0)
		for _, p := range video.all() {
			if from == 0 {
				from = p.Sequence
			}
			seen[p.Sequence], to = true, max(to, p.Sequence)
		}
		missing := 0
		for n := from; n+200 < to; n++ { // the latest may come yet
			if !seen[n] {
				missing++
			}
		}
		return to-from > enough && missing == 0
	}
	await(t, "every packet of the video", complete)
	if hops, _ := nodes["b"].relay.Stats(); hops[0].Lost == 0 || p.Stats().Tracks[1].Layers[0].Nacks == 0 {
		t.Errorf("nothing was lost: %+v, %+v", hops, p.Stats().Tracks)
	}
}

func TestRelay_DropsForgedAndReplayedDatagrams(t *testing.T) {
	nodes := newNodes(t, "a", "b")
	for _, n := range nodes {
		n.path.twice.Store(true)
	}
	nodes["a"].publish(t, 5*time.Millisecond)
	p := nodes["b"].receive(t, nodes["a"], nil)
	audio := tap(t, p, media.Audio)
	await(t, "audio", func() bool { return len(audio.all()) > 200 })
	hops, rejected := nodes["b"].relay.Stats()
	if rejected < hops[0].PacketsReceived { // two for each, but those that are under way
		t.Errorf("%d datagrams were received and only %d rejected", hops[0].PacketsReceived, rejected)
	}
}

// Of simulcast a node gets only the layers that somebody there needs.
func TestRelay_SendsOnlyLayersThatAreNeeded(t *testing.T) {
	nodes := newNodes(t, "a", "b")
	nodes["a"].publish(t, 10*time.Millisecond, "l", "h")
	p := nodes["b"].receive(t, nodes["a"], nil)
	layer := func(i int) sfu.LayerStats { return p.Stats().Tracks[1].Layers[i] }
	await(t, "both layers", func() bool { return layer(0).Packets > 0 && layer(1).Packets > 0 })
	await(t, "that the large layer pauses", func() bool {
		large, small := layer(1).Packets, layer(0).Packets
		await(t, "the small layer", func() bool { return layer(0).Packets > small+50 })
		return layer(1).Packets == large
	})
	if l := layer(1); !l.Offered || l.Lost > 0 {
		t.Errorf("the paused layer is %+v", l)
	}
	video := tap(t, p, media.Video) // needs the largest
	await(t, "the large layer again", func() bool {
		return slices.ContainsFunc(video.all(), func(p media.Packet) bool { return p.Layer == 1 })
	})
	if l := layer(1); l.Lost > 20 {
		t.Errorf("the pause counts as loss: %+v", l)
	}
}

func TestRelay_EndsWithTheSourceTheReceiverOrTheNode(t *testing.T) {
	nodes := newNodes(t, "a", "b")
	source := nodes["a"].publish(t, 5*time.Millisecond)
	outgoing := func() int {
		n := 0
		hops, _ := nodes["a"].relay.Stats()
		for _, h := range hops {
			n += h.Outgoing
		}
		return n
	}
	closed := make(chan sfu.Closed, 1)
	notify := func(e sfu.Event) {
		if e, ok := e.(sfu.Closed); ok {
			closed <- e
		}
	}
	awaitClosed := func(what string, cause sfu.Cause) {
		t.Helper()
		select {
		case e := <-closed:
			if e.Cause != cause {
				t.Errorf("%s: the cause is %q, want %q", what, e.Cause, cause)
			}
		case <-time.After(maxWait):
			t.Fatalf("%s: the publisher did not end", what)
		}
		await(t, what+": no stream at the source", func() bool { return outgoing() == 0 })
	}
	nodes["b"].receive(t, nodes["a"], notify).Close("")
	awaitClosed("the receiver", sfu.CauseClosed)

	nodes["b"].receive(t, nodes["a"], notify)
	for _, n := range nodes { // as if the cable was cut
		n.path.loss.Store(100)
	}
	awaitClosed("the path", sfu.CauseLost)
	if _, err := nodes["b"].relay.Publish(t.Context(), "a", alice, nodes["b"].router, sfu.PublishConfig{}); !errors.Is(err, ivsrealtime.Conflict) {
		t.Errorf("without a path: %v, want a conflict that says so", err)
	}
	for _, n := range nodes {
		n.path.loss.Store(0)
	}

	nodes["b"].receive(t, nodes["a"], notify)
	source.Close("")
	awaitClosed("the source", sfu.CauseLost)
	nodes["a"].mu.Lock()
	delete(nodes["a"].has, alice)
	nodes["a"].mu.Unlock()
	if _, err := nodes["b"].relay.Publish(t.Context(), "a", alice, nodes["b"].router, sfu.PublishConfig{}); !errors.Is(err, ivsrealtime.ResourceNotFound) {
		t.Errorf("of somebody who is not there: %v", err)
	}
}

// Nodes relay in both directions at once, over what they agreed on first.
func TestRelay_NeedsOneAssociationForBothDirections(t *testing.T) {
	nodes := newNodes(t, "a", "b")
	nodes["a"].publish(t, 5*time.Millisecond)
	nodes["b"].publish(t, 5*time.Millisecond)
	there := tap(t, nodes["b"].receive(t, nodes["a"], nil), media.Audio)
	back := tap(t, nodes["a"].receive(t, nodes["b"], nil), media.Audio)
	await(t, "audio both ways", func() bool { return len(there.all()) > 20 && len(back.all()) > 20 })
	if hops, _ := nodes["a"].relay.Stats(); len(hops) != 1 || hops[0].Incoming != 1 || hops[0].Outgoing != 1 {
		t.Errorf("the hops are %+v", hops)
	}
}

// A packet as large as a path of 1,500 bytes brings is relayed, although it grows.
func TestRelay_CarriesTheLargestPackets(t *testing.T) {
	nodes := newNodes(t, "a", "b")
	source, err := nodes["a"].router.PublishFrames(sfu.PublishConfig{Participant: alice.ParticipantID}, nil)
	if err != nil {
		t.Fatal(err)
	}
	nodes["a"].has[alice] = source
	audio := tap(t, nodes["b"].receive(t, nodes["a"], nil), media.Audio)
	const largest = 1440
	at := time.Duration(0)
	await(t, "the packet", func() bool {
		source.WriteFrames(sfu.LocalFrame{Kind: media.Audio, Units: [][]byte{make([]byte, largest)}, Time: at})
		at += 20 * time.Millisecond
		return slices.ContainsFunc(audio.all(), func(p media.Packet) bool { return len(p.Payload) == largest })
	})
}
