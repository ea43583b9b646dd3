package sfu

import (
	"encoding/binary"

	"rostrum/internal/media"
)

// packetOverhead is the approximate size of the headers and the authentication tag of a packet.
const packetOverhead = 40

// forwardPacket passes a packet through the forwarder and sends it.
func (u *Subscription) forwardPacket(sh *shard, p *media.Packet) {
	h, drop := u.forwarder.Forward(p)
	if u.catchingUp && u.forwarder.current != u.catchUpLayer {
		u.catchingUp = false // the layer was left
	}
	if drop != None {
		sh.drops[drop]++
		return
	}
	if h.SetsFirst {
		sets := p.SetsPacket()
		u.sendNew(sh, &sets, h.forSets())
	}
	u.sendNew(sh, p, h)
}

// sendNew sends a packet for the first time.
func (u *Subscription) sendNew(sh *shard, p *media.Packet, h OutgoingHeader) {
	size := len(u.red.blocksFor(p, h.Sequence)) + len(p.Payload)
	number := u.nextTWCC(sh, size)
	if u.twccNumbers != nil {
		u.twccNumbers.record(h.Sequence, number)
	}
	u.sendMedia(sh, p, h, number)
	u.counts.senderPackets++
	u.counts.senderOctets += uint32(size)
}

// sendMedia sends a packet of the media stream. Audio has redundant blocks where red enables
// them.
func (u *Subscription) sendMedia(sh *shard, p *media.Packet, h OutgoingHeader, twcc uint16) {
	b := u.beginPacket(sh, u.payloadType, u.track.ssrc, h.Timestamp, twcc)
	if p.Marker {
		b[1] |= 0x80
	}
	payload := p.Payload
	if blocks := u.red.blocksFor(p, h.Sequence); len(blocks) > 0 {
		b[1] = b[1]&0x80 | u.red.payloadType
		payload = append(append(b, blocks...), p.Payload...)[len(b):]
		media.SetREDPayloadType(payload, u.payloadType)
		sh.redundantBytes += uint64(len(blocks))
	} else if p.Codec == media.VP8 {
		payload = appendPayload(b, p, h)[len(b):]
	}
	u.countSent(u.finishPacket(sh, b, payload, h.Sequence))
}

// resendSame sends a packet again, bit for bit. All its contents follow from the mapping,
// except the transport-wide number. If that is no longer stored, nothing is sent.
func (u *Subscription) resendSame(sh *shard, p *media.Packet, h OutgoingHeader) {
	var twcc uint16
	if u.twccExtension != 0 {
		known := false
		if twcc, known = u.twccNumbers.lookup(h.Sequence); !known {
			sh.drops[NackUnanswered]++
			return
		}
		u.subscriber.sender.markRepeated(twcc)
	}
	u.sendMedia(sh, p, h, twcc)
}

// sendRTX sends a packet again in the RTX stream, where every packet has a new index and starts
// with the original sequence number (RFC 4588 §4).
func (u *Subscription) sendRTX(sh *shard, p *media.Packet, h OutgoingHeader) {
	b := u.beginPacket(sh, u.rtxPayloadType, u.track.rtxSSRC, h.Timestamp, u.nextTWCC(sh, len(p.Payload)))
	if p.Marker {
		b[1] |= 0x80
	}
	payload := appendPayload(binary.BigEndian.AppendUint16(b, uint16(h.Sequence)), p, h)[len(b):]
	u.rtxIndex++
	u.countSent(u.finishPacket(sh, b, payload, u.rtxIndex))
}

// sendPadding sends a packet with as much padding as fits, in the RTX stream: receivers ignore
// it.
func (u *Subscription) sendPadding(sh *shard) {
	const size = 255
	b := u.beginPacket(sh, u.rtxPayloadType, u.track.rtxSSRC, u.forwarder.end.timestamp, u.nextTWCC(sh, size))
	b[0] |= 0x20
	padding := b[len(b) : len(b)+size]
	clear(padding)
	padding[size-1] = size
	u.rtxIndex++
	u.finishPacket(sh, b, padding, u.rtxIndex)
}

// nextTWCC returns the next transport-wide number, if packets have one.
func (u *Subscription) nextTWCC(sh *shard, payload int) uint16 {
	if u.twccExtension == 0 {
		return 0
	}
	return u.subscriber.sender.next(sh.now, payload+packetOverhead)
}

// beginPacket writes the header of a packet into the send buffer. The encrypter writes its
// sequence number.
func (u *Subscription) beginPacket(sh *shard, pt uint8, ssrc, timestamp uint32, twcc uint16) []byte {
	b := sh.out.reserve()[:12]
	b[0], b[1] = 0x80, pt
	binary.BigEndian.PutUint32(b[4:], timestamp)
	binary.BigEndian.PutUint32(b[8:], ssrc)
	if u.twccExtension != 0 {
		b[0] |= 0x10
		b = append(b, oneByteProfile>>8, oneByteProfile&0xff, 0, 1, u.twccExtension<<4|1, byte(twcc>>8), byte(twcc), 0)
	}
	return b
}

// appendPayload appends p's payload to b. For VP8 it rewrites the numbers in the payload.
func appendPayload(b []byte, p *media.Packet, h OutgoingHeader) []byte {
	at := len(b)
	b = append(b, p.Payload...)
	if h.PictureOffset|uint16(h.TL0Offset) != 0 && p.Codec == media.VP8 {
		if d, ok := media.ParseVP8(b[at:]); ok {
			d.Renumber(b[at:], h.PictureOffset, h.TL0Offset)
		}
	}
	return b
}

// finishPacket encrypts the packet that starts with b in the send buffer. It returns its size,
// 0 if it failed.
func (u *Subscription) finishPacket(sh *shard, b, payload []byte, index uint64) int {
	t := u.subscriber.transport
	encrypted, err := t.encrypter.encryptRTP(b, payload, index)
	if err != nil {
		sh.drops[Malformed]++
		return 0
	}
	sh.out.commit(len(encrypted))
	t.bytesOut += uint64(len(encrypted))
	return len(encrypted)
}

func (u *Subscription) countSent(size int) {
	if size == 0 {
		return
	}
	u.counts.packets++
	u.counts.bytes += uint64(size)
	u.rate.add(size, false)
}
