package sfu

import (
	"encoding/binary"

	"rostrum/internal/media"
)

// pass asks the Forwarder and sends what passes.
func (u *Subscription) pass(sh *shard, p *media.Packet) {
	n, drop := u.forwarder.Forward(p)
	if u.chasing && u.forwarder.current != u.chased {
		u.chasing = false // what is behind belongs to a layer that was left
	}
	if drop != None {
		sh.drops[drop]++
		return
	}
	size := len(u.cover.earlier(p, n.Sequence)) + len(p.Payload)
	mark := u.mark(sh, size)
	if u.marks != nil {
		u.marks.note(n.Sequence, mark)
	}
	u.send(sh, p, n, mark)
	u.counts.packetsOut++
	u.counts.octets += uint32(size)
}

// send puts a packet of the medium's own stream into the outbox: of sound with those before
// it, while the subscription takes that cover.
func (u *Subscription) send(sh *shard, p *media.Packet, n Numbers, mark uint16) {
	b := u.header(sh, u.pt, u.track.ssrc, n.Timestamp, mark)
	if p.Marker {
		b[1] |= 0x80
	}
	payload := p.Payload
	if earlier := u.cover.earlier(p, n.Sequence); len(earlier) > 0 {
		b[1] = b[1]&0x80 | u.cover.format
		payload = append(append(b, earlier...), p.Payload...)[len(b):]
		media.SetFormat(payload, u.pt)
		sh.redundant += uint64(len(earlier))
	} else if p.Codec == media.VP8 {
		payload = appendNumbered(b, p, n)[len(b):]
	}
	u.count(u.seal(sh, b, payload, n.Sequence))
}

// repeat sends again what went out before, bit for bit: all that is in it follows from the
// receipt, but for the transport-wide number. It sends nothing when that is forgotten.
func (u *Subscription) repeat(sh *shard, p *media.Packet, n Numbers) {
	var mark uint16
	if u.extension != 0 {
		known := false
		if mark, known = u.marks.of(n.Sequence); !known {
			sh.drops[NackUnanswered]++
			return
		}
		u.subscriber.sender.repeated(mark)
	}
	u.send(sh, p, n, mark)
}

// resend sends p again in the stream that is for repair, where every packet has a new index
// and begins with the number it had (RFC 4588 §4).
func (u *Subscription) resend(sh *shard, p *media.Packet, n Numbers) {
	b := u.header(sh, u.rtxPT, u.track.rtx, n.Timestamp, u.mark(sh, len(p.Payload)))
	if p.Marker {
		b[1] |= 0x80
	}
	payload := appendNumbered(binary.BigEndian.AppendUint16(b, uint16(n.Sequence)), p, n)[len(b):]
	u.repairIndex++
	u.count(u.seal(sh, b, payload, u.repairIndex))
}

// pad sends one packet of the most padding that fits one, as a repair: receivers take it for
// nothing.
func (u *Subscription) pad(sh *shard) {
	const most = 255
	b := u.header(sh, u.rtxPT, u.track.rtx, u.forwarder.edge.timestamp, u.mark(sh, most))
	b[0] |= 0x20
	padding := b[len(b) : len(b)+most]
	clear(padding)
	padding[most-1] = most
	u.repairIndex++
	u.seal(sh, b, padding, u.repairIndex)
}

// mark gives a packet with so many bytes of payload the next transport-wide number, where
// packets bear one.
func (u *Subscription) mark(sh *shard, payload int) uint16 {
	if u.extension == 0 {
		return 0
	}
	return u.subscriber.sender.next(sh.now, payload+40)
}

// header begins a packet in the outbox; the sealer writes its number.
func (u *Subscription) header(sh *shard, pt uint8, ssrc, timestamp uint32, mark uint16) []byte {
	b := sh.out.room()[:12]
	b[0], b[1] = 0x80, pt
	binary.BigEndian.PutUint32(b[4:], timestamp)
	binary.BigEndian.PutUint32(b[8:], ssrc)
	if u.extension != 0 {
		b[0] |= 0x10
		b = append(b, oneByteProfile>>8, oneByteProfile&0xff, 0, 1, u.extension<<4|1, byte(mark>>8), byte(mark), 0)
	}
	return b
}

// appendNumbered appends p's payload to b, of VP8 with the numbers that the viewer knows.
func appendNumbered(b []byte, p *media.Packet, n Numbers) []byte {
	at := len(b)
	b = append(b, p.Payload...)
	if n.Picture|uint16(n.TL0) != 0 && p.Codec == media.VP8 {
		if d, ok := media.ParseVP8(b[at:]); ok {
			d.Renumber(b[at:], n.Picture, n.TL0)
		}
	}
	return b
}

// seal closes the packet that begins with b in the outbox, and returns its size, 0 if there
// is none.
func (u *Subscription) seal(sh *shard, b, payload []byte, index uint64) int {
	t := u.subscriber.transport
	sealed, err := t.seal.seal(b, payload, index)
	if err != nil {
		sh.drops[Malformed]++
		return 0
	}
	sh.out.add(len(sealed))
	t.bytesOut += uint64(len(sealed))
	return len(sealed)
}

// count notes a packet of media that went out.
func (u *Subscription) count(size int) {
	if size == 0 {
		return
	}
	u.counts.packets++
	u.counts.bytes += uint64(size)
	u.rate.add(size, false)
}

// marks remembers the transport-wide numbers of the latest packets of a subscription that
// repeats what is lost instead of repairing it in a stream of its own.
type marks [64]struct {
	sequence uint64
	mark     uint16
}

func (m *marks) note(sequence uint64, mark uint16) {
	last := &m[sequence%uint64(len(m))]
	last.sequence, last.mark = sequence, mark
}

func (m *marks) of(sequence uint64) (mark uint16, known bool) {
	last := m[sequence%uint64(len(m))]
	return last.mark, last.sequence == sequence
}
