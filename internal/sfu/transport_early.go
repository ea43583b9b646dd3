package sfu

import (
	"net/netip"
	"time"
)

// What is kept until the keys are known: for each transport enough for the first keyframe,
// which nothing repeats, and for all transports of a shard together.
const (
	maxEarlyPackets    = 512
	maxEarlyBytes      = 512 << 10
	maxShardEarlyBytes = 32 << 20
)

// earlyPackets are the packets that arrived before the keys. The first ones are kept, because
// a new source starts with a keyframe.
type earlyPackets struct {
	all   []earlyPacket
	bytes int
}

// earlyPacket has the time and the route of arrival: the feedback on a publisher's first
// packets measures the path, and an authentic packet may switch the route.
type earlyPacket struct {
	at   time.Duration
	data []byte
	via  *route         // as in shard.currentRoute
	from netip.AddrPort // as in shard.lastFrom
}

// add reports false when a bound is reached.
func (e *earlyPackets) add(s *shard, b []byte) bool {
	if len(e.all) == maxEarlyPackets || e.bytes+len(b) > maxEarlyBytes || s.earlyBytes+len(b) > maxShardEarlyBytes {
		return false
	}
	e.all = append(e.all, earlyPacket{s.now, append([]byte(nil), b...), s.currentRoute, s.lastFrom})
	e.bytes += len(b)
	s.earlyBytes += len(b)
	return true
}

// take returns the packets and keeps none.
func (e *earlyPackets) take(s *shard) []earlyPacket {
	all := e.all
	s.earlyBytes -= e.bytes
	*e = earlyPackets{}
	return all
}

// receiveEarly receives the packets that arrived before the keys, at the time of their arrival.
func (t *Transport) receiveEarly(s *shard) {
	now, via := s.now, s.currentRoute
	s.lastPeer = nil // it does not match lastFrom any more
	for _, p := range t.early.take(s) {
		s.now, s.currentRoute, s.lastFrom = p.at, p.via, p.from
		t.receive(s, p.data)
	}
	s.now, s.currentRoute = now, via
}
