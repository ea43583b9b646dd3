package sfu

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"
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
	if took := endAll(40_000); took > time.Second { // 0.05 s; 23 s when each end looked at all addresses
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
