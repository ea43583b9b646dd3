package sfu

import "rostrum/internal/media"

const (
	slabBytes   = 64 << 10
	slabPackets = 128
)

// A slab hands out memory that is written once and then only read, by whom and for how long
// doesn't matter: the garbage collector takes a slab when its last packet is forgotten.
// So payloads cost one allocation for about fifty of them, and no counting.
type slab struct {
	bytes   []byte
	packets []media.Packet // open run at the end, capacity of the rest
}

// room returns n bytes of unused memory.
func (s *slab) reserve(n int) []byte {
	if n > len(s.bytes) {
		s.bytes = make([]byte, max(slabBytes, n))
	}
	return s.bytes[:n:n]
}

// keep makes the first n bytes of the last room used.
func (s *slab) commit(n int) { s.bytes = s.bytes[n:] }

// add appends to the open run of packets.
func (s *slab) addPacket(p media.Packet) {
	if len(s.packets) == cap(s.packets) {
		grown := make([]media.Packet, len(s.packets), max(slabPackets, 2*len(s.packets)))
		copy(grown, s.packets)
		s.packets = grown
	}
	s.packets = append(s.packets, p)
}

// cut closes the run and returns it; the slab goes on behind it.
func (s *slab) takePackets() []media.Packet {
	run := s.packets[:len(s.packets):len(s.packets)]
	s.packets = s.packets[len(s.packets):]
	return run
}
