package loadtest

import (
	"bytes"
	"encoding/binary"
	"time"

	"rostrum/internal/media"
)

// maxReads bounds how long one Receiver delays the others.
const maxReads = 32

// read reads the datagrams of one Receiver. Remaining ones wake the loop again.
func (r *Receiver) read() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for range maxReads {
		if r.closed {
			return
		}
		datagrams, at, err := r.pool.poller.receive(r.socket)
		if err != nil {
			return // nothing more or, by ICMP, the server is unreachable
		}
		r.arrived(datagrams, at)
	}
}

// arrived handles datagrams from the network.
func (r *Receiver) arrived(datagrams [][]byte, at time.Time) {
	for _, b := range datagrams {
		switch {
		case r.pool.lose():
		case r.pool.config.Delay > 0:
			r.pool.postpone(r, b, at, false)
		default:
			r.demultiplex(b, at)
		}
	}
}

// demultiplex separates STUN, DTLS, RTCP and RTP (RFC 7983 §7).
func (r *Receiver) demultiplex(b []byte, now time.Time) {
	switch {
	case len(b) < 12:
	case b[0] < 4:
		r.handleSTUN(b)
	case b[0] >= 20 && b[0] < 64:
		r.records.deliver(b)
	case b[0]>>6 != 2:
	case b[1] >= 192 && b[1] <= 223:
		r.handleRTCP(b, now)
	default:
		r.handleRTP(b, now)
	}
}

// handleRTCP records sender reports, for the receiver reports (RFC 3550 §6.4.1).
func (r *Receiver) handleRTCP(b []byte, now time.Time) {
	const senderReport = 200
	if r.open == nil || b[1] != senderReport {
		return
	}
	plain, err := r.open.DecryptRTCP(nil, b, nil)
	if err != nil || len(plain) < 20 {
		return
	}
	for i := range r.streams {
		if l := &r.streams[i]; l.ssrc == binary.BigEndian.Uint32(plain[4:]) {
			l.report, l.reported = binary.BigEndian.Uint32(plain[10:]), now
		}
	}
}

// handleRTP counts an SRTP packet. Its header is not encrypted; the payload is decrypted only
// before the first keyframe is complete, at the beginning of a picture whose latency is
// measured, and for a retransmission.
func (r *Receiver) handleRTP(b []byte, now time.Time) {
	t := &r.stats
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
		r.handleRetransmission(b, now)
		return
	}
	l := r.streams.of(kind)
	fresh := l.take(ssrc, sequence, now)
	if kind != media.Video {
		r.listen(len(b), fresh, now)
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
	case r.open != nil && (r.began.IsZero() || begins && r.measuresLatency(now)):
		r.inspectPacket(b, now)
	}
}

// numbered returns the transport-wide number of a packet. Header extensions are not
// encrypted (RFC 3711 §3.1, RFC 8285 §4.2).
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

// maxEarly bounds the packets that are kept until the handshake is complete: more than a
// keyframe has.
const maxEarly = 256

// handleRetransmission counts a retransmission. The original sequence number is before its
// payload (RFC 4588 §4). One without payload is padding.
func (r *Receiver) handleRetransmission(b []byte, now time.Time) {
	payload, ok := r.decrypt(b)
	if !ok || len(payload) <= 2 {
		return
	}
	r.stats.Retransmitted++
	l := r.streams.of(media.Video)
	l.fill(l.highest + uint64(int64(int16(binary.BigEndian.Uint16(payload)-uint16(l.highest)))))
}

// decrypt returns a packet's payload, valid until the next call.
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

// inspectPacket decrypts and inspects a video packet.
func (r *Receiver) inspectPacket(b []byte, now time.Time) {
	if payload, ok := r.decrypt(b); ok {
		r.inspect(payload, b[1]&0x80 != 0, now)
	}
}

// measuresLatency reports whether latency is measured now.
func (r *Receiver) measuresLatency(now time.Time) bool {
	return r.sampled && r.source != nil && now.Sub(r.began) >= settle && len(r.stats.Latencies) < maxLatencies
}

// inspect records the first picture, or a latency.
func (r *Receiver) inspect(payload []byte, last bool, now time.Time) {
	if r.began.IsZero() {
		r.entering = r.entering || beginsKeyframe(payload)
		if r.entering && last {
			r.began = now
			r.stats.FirstPicture = now.Sub(r.offered)
		}
		return
	}
	if sent, ok := r.source.sentAt(payload); ok {
		r.stats.Latencies = append(r.stats.Latencies, now.Sub(sent))
	}
}
