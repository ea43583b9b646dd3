package sfu

import "rostrum/internal/media"

const (
	slabBytes   = 64 << 10
	slabPackets = 128
)

// slab hands out memory that is written once and then only read. The garbage collector frees
// a slab after its last packet is dropped, so payloads need no reference counts and cost one
// allocation for about fifty of them.
type slab struct {
	bytes   []byte
	packets []media.Packet // open run at the end, capacity for more behind it
}

// reserve returns n bytes of unused memory.
func (s *slab) reserve(n int) []byte {
	if n > len(s.bytes) {
		s.bytes = make([]byte, max(slabBytes, n))
	}
	return s.bytes[:n:n]
}

// commit marks the first n reserved bytes as used.
func (s *slab) commit(n int) { s.bytes = s.bytes[n:] }

// addPacket appends to the open run of packets.
func (s *slab) addPacket(p media.Packet) {
	if len(s.packets) == cap(s.packets) {
		grown := make([]media.Packet, len(s.packets), max(slabPackets, 2*len(s.packets)))
		copy(grown, s.packets)
		s.packets = grown
	}
	s.packets = append(s.packets, p)
}

// takePackets returns the run and starts a new one behind it.
func (s *slab) takePackets() []media.Packet {
	run := s.packets[:len(s.packets):len(s.packets)]
	s.packets = s.packets[len(s.packets):]
	return run
}
