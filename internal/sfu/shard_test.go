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

// endAll measures how long a shard takes for the end of so many transports, each with a
// subscriber of one publisher.
func endAll(n int) time.Duration {
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
	for _, sub := range all[1:] { // the last would tell the publisher
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
	if took := endAll(40_000); took > 3*time.Second { // 0.05 s; 23 s when each end looked at all addresses
		t.Errorf("40,000 transports take %s to end", took)
	}
}

func TestShard_ForgetsTheOldestOfManyAddresses(t *testing.T) {
	s := newShard(&core{}, 0, nil, 1)
	peer, other := &Transport{}, &Transport{}
	at := func(n int) netip.AddrPort { return netip.AddrPortFrom(netip.AddrFrom4([4]byte{1}), uint16(n)) }
	for n := range 3 * maxTransportAddresses {
		s.setPeer(at(n), peer)
	}
	if len(s.peers) != maxTransportAddresses || s.peers[at(3*maxTransportAddresses-1)] != peer || s.peers[at(0)] != nil {
		t.Errorf("%d addresses are known", len(s.peers))
	}
	s.setPeer(at(3*maxTransportAddresses-1), other) // the address of another now
	s.removeTransport(peer)
	if len(s.peers) != 1 || s.peers[at(3*maxTransportAddresses-1)] != other {
		t.Errorf("after its end %d addresses are known", len(s.peers))
	}
}

func TestShard_APanicEndsItsTransportsAlone(t *testing.T) {
	metrics, log := prometheus.NewRegistry(), &page{}
	panics := inbound.NewPanics(slog.New(slog.DiscardHandler), metrics)
	g := newRig(t, 4, Config{Shards: 2, Panics: panics, Log: slog.New(slog.NewTextHandler(log, nil))}, singleOffer, watchOffer)
	broken := g.publisher.transport.shard.Load()
	publish := func(at *shard) *Publisher { // one that lives there
		p, _, err := g.router.Publish(crlf(singleOffer), PublishConfig{Participant: "other"})
		if err != nil {
			t.Fatal(err)
		}
		p.transport.assignShard(at)
		g.place(p.transport, udp(t))
		return p
	}
	other := publish(g.engine.shards[1-broken.index])

	if !broken.call(func() { panic("a fault") }) {
		t.Error("who asks the shard is not told that it failed")
	}
	broken.call(func() {}) // it has ended its transports
	<-g.publisher.Done()
	for _, v := range g.viewers { // of any shard
		<-v.Done()
	}
	if text := strings.Join(log.lines(), "\n"); !strings.Contains(text, "cause=fault") {
		t.Errorf("the log says %s", text)
	}
	select {
	case <-other.Done():
		t.Error("a publisher of another shard has ended, too")
	default:
	}
	broken.call(func() {})
	broken.call(func() {
		if len(broken.transports)+len(broken.peers)+len(broken.fanOuts)+len(broken.publishers) > 0 {
			t.Error("the shard knows transports that have ended")
		}
	})

	g.publisher, g.source, g.viewers, g.sinks, g.opens = publish(broken), rigContext(t), nil, nil, nil
	g.subscribe(1, watchOffer)
	got := make(chan error, 1)
	go func() {
		_ = g.sinks[0].SetReadDeadline(time.Now().Add(10 * time.Second))
		_, err := g.sinks[0].Read(make([]byte, 1500))
		got <- err
	}()
	packet := g.video(1, 78, idr)
	g.on(func(s *shard) { g.publisher.transport.receive(s, packet) })
	if err := <-got; err != nil {
		t.Errorf("after the fault the shard forwards nothing: %v", err)
	}
	families, err := metrics.Gather()
	if err != nil || len(families) != 1 || families[0].GetMetric()[0].GetCounter().GetValue() != 1 {
		t.Errorf("the metrics count %v, %v", families, err)
	}
}
