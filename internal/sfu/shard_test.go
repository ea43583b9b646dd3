package sfu

import (
	"encoding/binary"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rostrum/internal/inbound"
)

// endTransports measures how long a shard takes for the end of n transports, each with a
// subscriber of one publisher.
func endTransports(n int) time.Duration {
	s := newShard(&core{}, 0, nil, 1)
	f := &fanOut{publisher: &Publisher{}}
	s.fanOuts[f.publisher] = f
	all := make([]*Subscriber, n)
	for i := range all {
		t := &Transport{}
		s.addTransport(t)
		var a [4]byte
		binary.BigEndian.PutUint32(a[:], uint32(i))
		s.setPeer(netip.AddrPortFrom(netip.AddrFrom4(a), 1), t)
		all[i] = &Subscriber{transport: t, fanOut: f, fanOutIndex: i}
		f.subscribers = append(f.subscribers, all[i])
	}
	began := time.Now()
	for _, sub := range all[1:] { // the last one would remove the fan-out
		f.remove(s, sub)
		s.removeTransport(sub.transport)
	}
	took := time.Since(began)
	if len(s.transports) != 1 || len(s.peers) != 1 || len(f.subscribers) != 1 || f.subscribers[0] != all[0] {
		panic("transports are left")
	}
	return took
}

func TestShard_EndsManyTransportsInLinearTime(t *testing.T) {
	if took := endTransports(40_000); took > 3*time.Second { // 0.05 s; quadratic: 23 s
		t.Errorf("40,000 transports end in %s", took)
	}
}

func TestShard_KeepsTheLatestAddressesOfATransport(t *testing.T) {
	s := newShard(&core{}, 0, nil, 1)
	peer, other := &Transport{}, &Transport{}
	at := func(n int) netip.AddrPort { return netip.AddrPortFrom(netip.AddrFrom4([4]byte{1}), uint16(n)) }
	for n := range 3 * maxTransportAddresses {
		s.setPeer(at(n), peer)
	}
	if len(s.peers) != maxTransportAddresses || s.peers[at(3*maxTransportAddresses-1)] != peer || s.peers[at(0)] != nil {
		t.Errorf("%d addresses are known", len(s.peers))
	}
	s.setPeer(at(3*maxTransportAddresses-1), other) // of another transport now
	s.removeTransport(peer)
	if len(s.peers) != 1 || s.peers[at(3*maxTransportAddresses-1)] != other {
		t.Errorf("after its end %d addresses are known", len(s.peers))
	}
}

func TestShard_PanicEndsOnlyItsTransports(t *testing.T) {
	metrics, log := prometheus.NewRegistry(), &logBuffer{}
	panics := inbound.NewPanics(slog.New(slog.DiscardHandler), metrics)
	g := newTestBench(t, 4, Config{Shards: 2, Panics: panics, Log: slog.New(slog.NewTextHandler(log, nil))}, singleOffer, watchOffer)
	broken := g.publisher.transport.shard.Load()
	publish := func(at *shard) *Publisher { // on that shard
		p, _, err := g.router.Publish(crlf(singleOffer), PublishConfig{Participant: "other"})
		if err != nil {
			t.Fatal(err)
		}
		p.transport.assignShard(at)
		g.connect(p.transport, udp(t))
		return p
	}
	other := publish(g.engine.shards[1-broken.index])

	if !broken.call(func() { panic("test") }) {
		t.Error("call reports false after a panic")
	}
	broken.call(func() {}) // after it, the transports have ended
	<-g.publisher.Done()
	for _, v := range g.viewers { // of all shards
		<-v.Done()
	}
	if text := strings.Join(log.lines(), "\n"); !strings.Contains(text, "cause=fault") {
		t.Errorf("the log is %s", text)
	}
	select {
	case <-other.Done():
		t.Error("a publisher of another shard has ended")
	default:
	}
	broken.call(func() {})
	broken.call(func() {
		if len(broken.transports)+len(broken.peers)+len(broken.fanOuts)+len(broken.publishers) > 0 {
			t.Error("the shard has transports that have ended")
		}
	})

	g.publisher, g.encryptSource, g.viewers, g.viewerConns, g.decrypters = publish(broken), newSRTPContext(t), nil, nil, nil
	g.subscribe(1, watchOffer)
	got := make(chan error, 1)
	go func() {
		_ = g.viewerConns[0].SetReadDeadline(time.Now().Add(10 * time.Second))
		_, err := g.viewerConns[0].Read(make([]byte, 1500))
		got <- err
	}()
	packet := g.video(1, 78, idr)
	g.onShard(func(s *shard) { g.publisher.transport.receive(s, packet) })
	if err := <-got; err != nil {
		t.Errorf("after the panic the shard forwards nothing: %v", err)
	}
	families, err := metrics.Gather()
	if err != nil || len(families) != 1 || families[0].GetMetric()[0].GetCounter().GetValue() != 1 {
		t.Errorf("the metrics count %v, %v", families, err)
	}
}
