package relay

import (
	"encoding/binary"
	"errors"

	"rostrum/internal/media"
	"rostrum/internal/sfu"
)

// frameKind says what a frame has, and who sends it.
type frameKind uint8

const (
	framePacket   frameKind = 1 + iota // source: a packet of a layer
	frameSets                          // source: parameter sets of a layer
	frameClock                         // source: the clock of a layer
	frameEnd                           // source: it has no such stream, or no longer
	frameMissing                       // receiver: packets that it misses
	frameKeyframe                      // receiver: it needs a keyframe of a layer
	frameWish                          // receiver: it needs the stream, but for some layers
	frameStop                          // receiver: it needs the stream no longer
	framePing                          // either: answer with a pong
	framePong                          // either: the text of a ping
)

// A frame is what a datagram has any number of. Which fields count depends on the kind.
type frame struct {
	kind      frameKind
	stream    uint32
	track     media.Kind
	layer     int8
	marker    bool
	again     bool // the packet was asked for again
	level     uint8
	sequence  uint64
	timestamp uint32
	moment    int64 // of a clock, in Unix nanoseconds; of a ping, on its sender's clock
	layers    uint32
	payload   []byte
	missing   []uint64
}

const (
	packetOverhead = 1 + 4 + 1 + 1 + 1 + 8 + 4 + 2 // bytes of a packet without its payload
	maxPerRequest  = 100                           // numbers of a frameMissing
	maxLayer       = 15
	videoBit       = 0x80 // of the byte with the layer
)

// Flags of a packet.
const (
	flagMarker = 1 << iota
	flagAgain
)

var errFrame = errors.New("the frame is malformed")

// size is at least as many bytes as the frame takes.
func (f *frame) size() int { return packetOverhead + len(f.payload) + 8*len(f.missing) }

func (f *frame) place() byte {
	if f.track == media.Video {
		return videoBit | byte(f.layer)
	}
	return byte(f.layer)
}

// appendTo appends the frame in network byte order.
func (f *frame) appendTo(b []byte) []byte {
	b = append(b, byte(f.kind))
	if f.kind == framePing || f.kind == framePong {
		return binary.BigEndian.AppendUint64(b, uint64(f.moment))
	}
	b = binary.BigEndian.AppendUint32(b, f.stream)
	switch f.kind {
	case framePacket:
		flags := byte(0)
		if f.marker {
			flags |= flagMarker
		}
		if f.again {
			flags |= flagAgain
		}
		b = append(b, f.place(), flags, f.level)
		b = binary.BigEndian.AppendUint64(b, f.sequence)
		b = binary.BigEndian.AppendUint32(b, f.timestamp)
		b = binary.BigEndian.AppendUint16(b, uint16(len(f.payload)))
		b = append(b, f.payload...)
	case frameSets:
		b = binary.BigEndian.AppendUint16(append(b, f.place()), uint16(len(f.payload)))
		b = append(b, f.payload...)
	case frameClock:
		b = binary.BigEndian.AppendUint64(append(b, f.place()), uint64(f.moment))
		b = binary.BigEndian.AppendUint32(b, f.timestamp)
	case frameMissing:
		b = append(b, f.place(), byte(len(f.missing)))
		for _, n := range f.missing {
			b = binary.BigEndian.AppendUint64(b, n)
		}
	case frameKeyframe:
		b = append(b, f.place())
	case frameWish:
		b = binary.BigEndian.AppendUint32(b, f.layers)
	}
	return b
}

// A reader takes numbers from the begin of a datagram. Once one is missing, all further are zero.
type reader struct {
	b     []byte
	short bool
}

func (r *reader) bytes(n int) []byte {
	if n > len(r.b) {
		r.short, r.b = true, nil
		return nil
	}
	taken := r.b[:n:n]
	r.b = r.b[n:]
	return taken
}

func (r *reader) number(bytes int) (n uint64) {
	for _, b := range r.bytes(bytes) {
		n = n<<8 | uint64(b)
	}
	return n
}

func (r *reader) place(f *frame) {
	place := byte(r.number(1))
	if f.layer = int8(place &^ videoBit); place&videoBit != 0 {
		f.track = media.Video
	}
	r.short = r.short || f.layer < 0 || f.layer > maxLayer
}

// parseFrames calls each with the frames of a decrypted datagram until one is malformed. Their
// payloads are parts of b.
func parseFrames(b []byte, each func(*frame)) error {
	for r := (reader{b: b}); len(r.b) > 0; {
		f := frame{kind: frameKind(r.number(1))}
		if f.kind == framePing || f.kind == framePong {
			f.moment = int64(r.number(8))
		} else {
			f.stream = uint32(r.number(4))
			if err := r.body(&f); err != nil {
				return err
			}
		}
		if r.short {
			return errFrame
		}
		each(&f)
	}
	return nil
}

// body reads what comes after the stream.
func (r *reader) body(f *frame) error {
	switch f.kind {
	case framePacket:
		r.place(f)
		flags := r.number(1)
		f.marker, f.again = flags&flagMarker != 0, flags&flagAgain != 0
		f.level, f.sequence, f.timestamp = uint8(r.number(1)), r.number(8), uint32(r.number(4))
		f.payload = r.bytes(int(r.number(2)))
		r.short = r.short || f.sequence >= sfu.MaxRelayedSequence
	case frameSets:
		r.place(f)
		f.payload = r.bytes(int(r.number(2)))
	case frameClock:
		r.place(f)
		f.moment, f.timestamp = int64(r.number(8)), uint32(r.number(4))
	case frameMissing:
		r.place(f)
		n := int(r.number(1))
		if n > maxPerRequest || 8*n > len(r.b) {
			return errFrame
		}
		for range n {
			f.missing = append(f.missing, r.number(8))
		}
	case frameKeyframe:
		r.place(f)
	case frameWish:
		f.layers = uint32(r.number(4))
	case frameEnd, frameStop:
	default:
		return errFrame
	}
	return nil
}
