package sfu

import (
	"encoding/binary"

	"rostrum/internal/media"
)

// pass asks the Forwarder and sends what passes.
func (u *Subscription) forwardPacket(sh *shard, p *media.Packet) {
	n, drop := u.forwarder.Forward(p)
	if u.catchingUp && u.forwarder.current != u.catchUpLayer {
		u.catchingUp = false // what is behind belongs to a layer that was left
	}
	if drop != None {
		sh.drops[drop]++
		return
	}
	size := len(u.red.blocksFor(p, n.Sequence)) + len(p.Payload)
	mark := u.nextTWCC(sh, size)
	if u.twccNumbers != nil {
		u.twccNumbers.record(n.Sequence, mark)
	}
	u.sendMedia(sh, p, n, mark)
	u.counts.packetsOut++
	u.counts.octets += uint32(size)
}

// send puts a packet of the medium's own stream into the outbox: of sound with those before
// it, while the subscription takes that cover.
func (u *Subscription) sendMedia(sh *shard, p *media.Packet, n OutgoingHeader, mark uint16) {
	b := u.beginPacket(sh, u.pt, u.track.ssrc, n.Timestamp, mark)
	if p.Marker {
		b[1] |= 0x80
	}
	payload := p.Payload
	if earlier := u.red.blocksFor(p, n.Sequence); len(earlier) > 0 {
		b[1] = b[1]&0x80 | u.red.payloadType
		payload = append(append(b, earlier...), p.Payload...)[len(b):]
		media.SetREDPayloadType(payload, u.pt)
		sh.redundantBytes += uint64(len(earlier))
	} else if p.Codec == media.VP8 {
		payload = appendPayload(b, p, n)[len(b):]
	}
	u.countSent(u.finishPacket(sh, b, payload, n.Sequence))
}

// repeat sends again what went out before, bit for bit: all that is in it follows from the
// receipt, but for the transport-wide number. It sends nothing when that is forgotten.
func (u *Subscription) resendSame(sh *shard, p *media.Packet, n OutgoingHeader) {
	var mark uint16
	if u.extension != 0 {
		known := false
		if mark, known = u.twccNumbers.lookup(n.Sequence); !known {
			sh.drops[NackUnanswered]++
			return
		}
		u.subscriber.sender.markRepeated(mark)
	}
	u.sendMedia(sh, p, n, mark)
}

// resend sends p again in the stream that is for repair, where every packet has a new index
// and begins with the number it had (RFC 4588 §4).
func (u *Subscription) sendRTX(sh *shard, p *media.Packet, n OutgoingHeader) {
	b := u.beginPacket(sh, u.rtxPT, u.track.rtx, n.Timestamp, u.nextTWCC(sh, len(p.Payload)))
	if p.Marker {
		b[1] |= 0x80
	}
	payload := appendPayload(binary.BigEndian.AppendUint16(b, uint16(n.Sequence)), p, n)[len(b):]
	u.rtxIndex++
	u.countSent(u.finishPacket(sh, b, payload, u.rtxIndex))
}

// pad sends one packet of the most padding that fits one, as a repair: receivers take it for
// nothing.
func (u *Subscription) sendPadding(sh *shard) {
	const size = 255
	b := u.beginPacket(sh, u.rtxPT, u.track.rtx, u.forwarder.end.timestamp, u.nextTWCC(sh, size))
	b[0] |= 0x20
	padding := b[len(b) : len(b)+size]
	clear(padding)
	padding[size-1] = size
	u.rtxIndex++
	u.finishPacket(sh, b, padding, u.rtxIndex)
}

// mark gives a packet with so many bytes of payload the next transport-wide number, where
// packets bear one.
func (u *Subscription) nextTWCC(sh *shard, payload int) uint16 {
	if u.extension == 0 {
		return 0
	}
	return u.subscriber.sender.next(sh.now, payload+40)
}

// header begins a packet in the outbox; the sealer writes its number.
func (u *Subscription) beginPacket(sh *shard, pt uint8, ssrc, timestamp uint32, mark uint16) []byte {
	b := sh.out.reserve()[:12]
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
func appendPayload(b []byte, p *media.Packet, n OutgoingHeader) []byte {
	at := len(b)
	b = append(b, p.Payload...)
	if n.PictureOffset|uint16(n.TL0Offset) != 0 && p.Codec == media.VP8 {
		if d, ok := media.ParseVP8(b[at:]); ok {
			d.Renumber(b[at:], n.PictureOffset, n.TL0Offset)
		}
	}
	return b
}

// seal closes the packet that begins with b in the outbox, and returns its size, 0 if there
// is none.
func (u *Subscription) finishPacket(sh *shard, b, payload []byte, index uint64) int {
	t := u.subscriber.transport
	sealed, err := t.encrypter.encryptRTP(b, payload, index)
	if err != nil {
		sh.drops[Malformed]++
		return 0
	}
	sh.out.commit(len(sealed))
	t.bytesOut += uint64(len(sealed))
	return len(sealed)
}

// count notes a packet of media that went out.
func (u *Subscription) countSent(size int) {
	if size == 0 {
		return
	}
	u.counts.packets++
	u.counts.bytes += uint64(size)
	u.rate.add(size, false)
}

// marks remembers the transport-wide numbers of the latest packets of a subscription that
// repeats what is lost instead of repairing it in a stream of its own.
type twccNumberLog [64]struct {
	sequence uint64
	mark     uint16
}

func (m *twccNumberLog) record(sequence uint64, mark uint16) {
	last := &m[sequence%uint64(len(m))]
	last.sequence, last.mark = sequence, mark
}

func (m *twccNumberLog) lookup(sequence uint64) (mark uint16, known bool) {
	last := m[sequence%uint64(len(m))]
	return last.mark, last.sequence == sequence
}
