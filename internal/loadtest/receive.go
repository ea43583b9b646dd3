package loadtest

import (
	"bytes"
	"encoding/binary"
	"time"

	"rostrum/internal/media"
)

// mostReads bounds how long one Receiver holds up the others.
const mostReads = 32

// read takes what the kernel has for one Receiver. More of it wakes the loop again.
func (r *Receiver) read() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for range mostReads {
		if r.closed {
			return
		}
		datagrams, at, err := r.crowd.poller.receive(r.socket)
		if err != nil {
			return // nothing more; or, told by ICMP, the server is gone or not there yet
		}
		r.arrived(datagrams, at)
	}
}

// arrived takes datagrams from the network.
func (r *Receiver) arrived(datagrams [][]byte, at time.Time) {
	for _, b := range datagrams {
		switch {
		case r.crowd.lose():
		case r.crowd.config.Delay > 0:
			r.crowd.postpone(r, b, at, false)
		default:
			r.sort(b, at)
		}
	}
}

// sort tells apart what shares the port (RFC 7983 §7).
func (r *Receiver) sort(b []byte, now time.Time) {
	switch {
	case len(b) < 12:
	case b[0] < 4:
		r.checks(b)
	case b[0] >= 20 && b[0] < 64:
		r.records.deliver(b)
	case b[0]>>6 != 2:
	case b[1] >= 192 && b[1] <= 223:
		r.hear(b, now)
	default:
		r.take(b, now)
	}
}

// hear notes the server's sender reports, which ours refer to (RFC 3550 §6.4.1).
func (r *Receiver) hear(b []byte, now time.Time) {
	const senderReport = 200
	if r.open == nil || b[1] != senderReport {
		return
	}
	plain, err := r.open.DecryptRTCP(nil, b, nil)
	if err != nil || len(plain) < 20 {
		return
	}
	for i := range r.lines {
		if l := &r.lines[i]; l.ssrc == binary.BigEndian.Uint32(plain[4:]) {
			l.report, l.reported = binary.BigEndian.Uint32(plain[10:]), now
		}
	}
}

// take counts an SRTP packet. Its header is in the clear; it is opened only where the
// first keyframe is sought, where a picture begins whose latency is looked at, and where
// it comes again.
func (r *Receiver) take(b []byte, now time.Time) {
	t := &r.tally
	if t.FirstPacket == 0 {
		t.FirstPacket = now.Sub(r.offered)
	}
	t.Packets++
	t.Bytes += uint64(len(b))
	r.bytes += uint64(len(b))
	ssrc, sequence := binary.BigEndian.Uint32(b[8:]), binary.BigEndian.Uint16(b[2:])
	if number, ok := r.numbered(b); ok {
		r.arrivals.Record(ssrc, number, now.UnixMicro())
	}
	kind, ok := kindOf(b[1] & 0x7f)
	if !ok {
		r.again(b, now)
		return
	}
	l := r.lines.of(kind)
	fresh := l.take(ssrc, sequence, now)
	if kind != media.Video {
		return
	}
	begins := fresh && binary.BigEndian.Uint32(b[4:]) != l.stamp
	if fresh {
		l.stamp = binary.BigEndian.Uint32(b[4:])
	}
	if b[1]&0x80 != 0 {
		t.Frames++
	}
	switch {
	case r.open == nil && len(r.early) < maxEarly:
		r.early = append(r.early, bytes.Clone(b))
	case r.open != nil && (r.began.IsZero() || begins && r.looks(now)):
		r.unseal(b, now)
	}
}

// numbered returns the transport-wide number of a packet, of which header extensions
// are in the clear (RFC 3711 §3.1, RFC 8285 §4.2).
func (r *Receiver) numbered(b []byte) (number uint16, ok bool) {
	if r.arrivals == nil || b[0]&0x10 == 0 || b[0]&0x0f != 0 || len(b) < 16 || b[12] != 0xbe || b[13] != 0xde {
		return 0, false
	}
	end := 16 + 4*int(binary.BigEndian.Uint16(b[14:]))
	for at := 16; at < min(end, len(b)-2); {
		id, size := b[at]>>4, int(b[at]&15)+1
		if id == r.server.transport && size >= 2 {
			return binary.BigEndian.Uint16(b[at+1:]), true
		}
		if at++; id != 0 {
			at += size
		}
	}
	return 0, false
}

// maxEarly is how many packets are kept until the handshake is over: more than a
// keyframe has.
const maxEarly = 256

// again takes a retransmission: the number it had at first stands before its payload
// (RFC 4588 §4). One without payload only fills the path.
func (r *Receiver) again(b []byte, now time.Time) {
	payload, ok := r.decrypt(b)
	if !ok || len(payload) <= 2 {
		return
	}
	r.tally.Again++
	l := r.lines.of(media.Video)
	l.fill(l.highest + uint64(int64(int16(binary.BigEndian.Uint16(payload)-uint16(l.highest)))))
}

// decrypt returns a packet's payload, good until the next.
func (r *Receiver) decrypt(b []byte) (payload []byte, ok bool) {
	if r.open == nil {
		return nil, false
	}
	plain, err := r.open.DecryptRTP(r.scratch[:0], b, nil)
	if err != nil {
		return nil, false
	}
	r.scratch = plain
	n, err := r.header.Unmarshal(plain)
	if err != nil {
		return nil, false
	}
	payload = plain[n:]
	if r.header.Padding && len(payload) > 0 {
		payload = payload[:len(payload)-min(len(payload), int(payload[len(payload)-1]))]
	}
	return payload, true
}

// unseal looks into a video packet.
func (r *Receiver) unseal(b []byte, now time.Time) {
	if payload, ok := r.decrypt(b); ok {
		r.look(payload, b[1]&0x80 != 0, now)
	}
}

// looks tells whether latency is measured now.
func (r *Receiver) looks(now time.Time) bool {
	return r.sampled && r.source != nil && now.Sub(r.began) >= settle && len(r.tally.Latencies) < maxLatencies
}

// look reads the payload of a packet.
func (r *Receiver) look(payload []byte, whole bool, now time.Time) {
	if r.began.IsZero() {
		r.entering = r.entering || beginsKeyframe(payload)
		if r.entering && whole {
			r.began = now
			r.tally.FirstPicture = now.Sub(r.offered)
		}
		return
	}
	if sent, ok := r.source.sentAt(payload); ok {
		r.tally.Latencies = append(r.tally.Latencies, now.Sub(sent))
	}
}
