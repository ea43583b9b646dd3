package sfu

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
	"sync"
	"sync/atomic"
)

// DTLS in STUN (SPED, draft-hancke-webrtc-sped): checks carry the peer's DTLS datagrams, and
// the responses the server's, so that ICE and DTLS take the same round trips. Both carry the
// CRC-32 of the datagrams that arrived. A response has the attributes only if its check has
// them; without, a peer falls back to plain DTLS. The server sends its datagrams also as
// such, for a handshake must not wait for the next check.
const (
	maxDTLSAcks       = 4    // CRCs in a message
	maxFlight         = 4    // datagrams of a flight that are kept
	maxEmbedded       = 1100 // bytes of a datagram in a response, which must fit into the packets of a network
	maxEmbedResponses = 32   // with a datagram in them: whoever replays checks must not get one for each
)

// embeddedDTLS is the DTLS in a check or in a response.
type embeddedDTLS struct {
	used    bool   // the message has one of the attributes
	hasData bool   // it has the one for a datagram, which may be empty
	data    []byte // a datagram
	acks    []byte // 4 bytes for each datagram that arrived
}

// read reads an attribute. Values that the draft does not allow are read as empty ones.
func (e *embeddedDTLS) read(kind uint16, value []byte) {
	e.used = true
	switch {
	case kind == attrDTLS && !e.hasData:
		e.hasData = true
		if len(value) >= 13 && value[0] >= 20 && value[0] < 64 { // RFC 7983 §7
			e.data = value
		}
	case kind == attrDTLSAck && e.acks == nil && len(value)%4 == 0 && len(value) <= 4*maxDTLSAcks:
		e.acks = value
	}
}

func (e *embeddedDTLS) append(b []byte) []byte {
	if e.hasData {
		b = appendAttribute(b, attrDTLS, e.data)
	}
	if e.used {
		b = appendAttribute(b, attrDTLSAck, e.acks)
	}
	return b
}

// embedState is the state of a transport whose peer may embed DTLS in its checks.
type embedState struct {
	inUse    atomic.Bool // a valid check had one of the attributes
	received []uint32    // CRCs of the latest embedded datagrams; the shard's

	mu        sync.Mutex // guards what follows
	flight    [][]byte   // the server's latest datagrams, until the handshake is complete
	reads     uint64     // how many datagrams were read before the first of them
	next      int        // index of the one for the next response
	responses int        // that had one
}

// receive handles what a valid check carries. It reports whether the datagram is to be
// delivered: it has not been yet.
func (s *embedState) receive(e *embeddedDTLS) bool {
	if !e.used {
		return false
	}
	s.inUse.Store(true)
	s.removeAcknowledged(e.acks)
	if len(e.data) == 0 {
		return false
	}
	crc := crc32.ChecksumIEEE(e.data)
	if slices.Contains(s.received, crc) {
		return false
	}
	if len(s.received) == maxDTLSAcks {
		s.received = slices.Delete(s.received, 0, 1)
	}
	s.received = append(s.received, crc)
	return true
}

// respond returns what the response to a check carries. After the handshake it is only the
// acknowledgement, which ends the embedding.
func (s *embedState) respond(e *embeddedDTLS, complete bool) embeddedDTLS {
	if !e.used {
		return embeddedDTLS{}
	}
	response := embeddedDTLS{used: true, hasData: !complete}
	for _, crc := range s.received {
		response.acks = binary.BigEndian.AppendUint32(response.acks, crc)
	}
	if !complete {
		response.data = s.nextDatagram()
	}
	return response
}

// nextDatagram returns the flight's datagrams in turn, nil if there is none to embed.
func (s *embedState) nextDatagram() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.flight) == 0 || s.responses == maxEmbedResponses {
		return nil
	}
	s.responses++
	s.next++
	return s.flight[s.next%len(s.flight)]
}

// addFlight keeps a datagram that was sent after the given number of reads. The first one
// after a read begins a new flight.
func (s *embedState) addFlight(b []byte, reads uint64) {
	if !s.inUse.Load() || len(b) > maxEmbedded {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if reads != s.reads {
		s.flight, s.reads = nil, reads
	}
	if len(s.flight) == maxFlight {
		s.flight = slices.Delete(s.flight, 0, 1)
	}
	s.flight = append(s.flight, slices.Clone(b))
}

func (s *embedState) removeAcknowledged(acks []byte) {
	if len(acks) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flight = slices.DeleteFunc(s.flight, func(b []byte) bool {
		crc := crc32.ChecksumIEEE(b)
		for ack := range slices.Chunk(acks, 4) {
			if binary.BigEndian.Uint32(ack) == crc {
				return true
			}
		}
		return false
	})
}

// end frees the flight.
func (s *embedState) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flight = nil
}
