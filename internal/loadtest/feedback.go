package loadtest

import (
	"time"

	"github.com/pion/rtcp"
)

// report sends what is due of what a browser sends while it watches: at every turn what
// it asks for again, then transport-wide feedback, receiver reports, checks of consent.
func (r *Receiver) report(now time.Time, feedback, reports, check bool) {
	if check {
		_, _ = r.Write(r.check) // a path that fails shows in what comes
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.seal == nil {
		return
	}
	r.askAgain(now)
	if feedback && r.arrivals != nil {
		for _, p := range r.arrivals.BuildFeedbackPacket() {
			r.send(p)
		}
	}
	if reports {
		r.sendReports(now)
	}
}

// askAgain asks for the packets of the picture that are missing (RFC 4585 §6.2.1).
func (r *Receiver) askAgain(now time.Time) {
	l := &r.lines[1]
	if len(l.missing) == 0 {
		return
	}
	if r.numbers = l.due(r.numbers[:0], now); len(r.numbers) > 0 {
		r.send(&rtcp.TransportLayerNack{SenderSSRC: r.ssrc, MediaSSRC: l.ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(r.numbers)})
	}
}

// rembFactor is how much more than what came a receiver believes in that lost nothing.
const rembFactor = 1.5

// sendReports tells what came, and, where packets aren't numbered for feedback of their
// own, what the path seems to carry.
func (r *Receiver) sendReports(now time.Time) {
	report := &rtcp.ReceiverReport{SSRC: r.ssrc}
	var ssrcs []uint32
	for i := range r.lines {
		if l := &r.lines[i]; l.started {
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

// block is the report on one line (RFC 3550 §6.4.1).
func (l *line) block(now time.Time) rtcp.ReceptionReport {
	expected := l.highest + 1 - l.base
	b := rtcp.ReceptionReport{
		SSRC: l.ssrc, LastSequenceNumber: uint32(l.highest), TotalLost: uint32(min(expected-min(expected, l.receivedEver), 1<<23-1)),
		LastSenderReport: l.report,
	}
	news, came := expected-l.expectedThen, l.receivedEver-l.receivedThen
	if news > came && news > 0 {
		b.FractionLost = uint8(min((news-came)*256/news, 255))
	}
	if l.report != 0 {
		b.Delay = uint32(now.Sub(l.reported).Seconds() * 65536)
	}
	l.expectedThen, l.receivedThen = expected, l.receivedEver
	return b
}

// send seals and sends a compound packet.
func (r *Receiver) send(packets ...rtcp.Packet) {
	plain, err := rtcp.Marshal(packets)
	if err != nil {
		return
	}
	if sealed, err := r.seal.EncryptRTCP(nil, plain, nil); err == nil {
		_, _ = r.Write(sealed) // a path that fails shows in what comes
	}
}
