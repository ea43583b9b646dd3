package loadtest

import (
	"time"

	"github.com/pion/rtcp"
)

// report sends the feedback of a browser that is due: NACKs at every tick, transport-wide
// feedback, receiver reports, consent checks.
func (r *Receiver) report(now time.Time, feedback, reports, check bool) {
	if check {
		_, _ = r.Write(r.check) // a failed path shows in the statistics
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.seal == nil {
		return
	}
	r.sendNACK(now)
	if feedback && r.arrivals != nil {
		for _, p := range r.arrivals.BuildFeedbackPacket() {
			r.send(p)
		}
	}
	if reports {
		r.sendReports(now)
	}
}

// sendNACK requests the missing packets of video (RFC 4585 §6.2.1).
func (r *Receiver) sendNACK(now time.Time) {
	l := &r.streams[1]
	if len(l.missing) == 0 {
		return
	}
	if r.numbers = l.due(r.numbers[:0], now); len(r.numbers) > 0 {
		r.send(&rtcp.TransportLayerNack{SenderSSRC: r.ssrc, MediaSSRC: l.ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(r.numbers)})
	}
}

// rembFactor is the REMB estimate relative to the received bit rate.
const rembFactor = 1.5

// sendReports sends receiver reports and, without transport-wide numbers, REMB.
func (r *Receiver) sendReports(now time.Time) {
	report := &rtcp.ReceiverReport{SSRC: r.ssrc}
	var ssrcs []uint32
	for i := range r.streams {
		if l := &r.streams[i]; l.started {
			report.Reports = append(report.Reports, l.block(now))
			ssrcs = append(ssrcs, l.ssrc)
		}
	}
	if len(ssrcs) == 0 {
		return
	}
	packets := []rtcp.Packet{report}
	if r.server.remb && r.arrivals == nil && !r.bytesAt.IsZero() {
		rate := rembFactor * 8 * float64(r.bytes) / now.Sub(r.bytesAt).Seconds()
		packets = append(packets, &rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: r.ssrc, Bitrate: float32(rate + 1e6), SSRCs: ssrcs})
	}
	r.bytes, r.bytesAt = 0, now
	r.send(packets...)
}

// block is the report block of one stream (RFC 3550 §6.4.1).
func (l *stream) block(now time.Time) rtcp.ReceptionReport {
	expected := l.highest + 1 - l.base
	b := rtcp.ReceptionReport{
		SSRC: l.ssrc, LastSequenceNumber: uint32(l.highest), TotalLost: uint32(min(expected-min(expected, l.totalReceived), 1<<23-1)),
		LastSenderReport: l.report,
	}
	expectedNow, receivedNow := expected-l.lastExpected, l.totalReceived-l.lastReceived
	if expectedNow > receivedNow && expectedNow > 0 {
		b.FractionLost = uint8(min((expectedNow-receivedNow)*256/expectedNow, 255))
	}
	if l.report != 0 {
		b.Delay = uint32(now.Sub(l.reported).Seconds() * 65536)
	}
	l.lastExpected, l.lastReceived = expected, l.totalReceived
	return b
}

// send encrypts and sends a compound packet.
func (r *Receiver) send(packets ...rtcp.Packet) {
	plain, err := rtcp.Marshal(packets)
	if err != nil {
		return
	}
	if sealed, err := r.seal.EncryptRTCP(nil, plain, nil); err == nil {
		_, _ = r.Write(sealed) // a failed path shows in the statistics
	}
}
