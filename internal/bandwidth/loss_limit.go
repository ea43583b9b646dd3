package bandwidth

import "time"

// A LossLimit bounds what is sent to a receiver that sends nothing better than receiver
// reports. Without loss there is no bound. The zero value is ready.
type LossLimit struct {
	bitrate     float64
	known       bool
	lossShare   float64
	sampleStart time.Duration // when the sample at hand began
	packets     float64
	lost        float64
}

// Rate is the bound in bits a second; known is false while there is none.
func (l *LossLimit) Bitrate() (bps int, known bool) { return int(l.bitrate), l.known }

const (
	recoveryPerSecond = 0.08 // a second
	heavyLoss         = 0.25 // share of lost packets that no repair makes good
	minReportPackets  = 100  // packets of which a share of loss is reckoned
)

// Report takes the share that was lost of the packets sent since the last report. sent is
// what the receiver was sent, in bits a second. all tells that there is nothing less to
// send than that: then only heavy loss calls for it to stop, for the rest is repaired.
//
// Single reports cover a few dozen packets, in which chance loses a fifth where a twentieth
// is lost on average. So a share is reckoned over a longer while.
func (l *LossLimit) AddReport(now time.Duration, share float64, packets, sent int, all bool) {
	if l.sampleStart == 0 {
		l.sampleStart = now
	}
	packets = min(max(packets, 0), 1<<16)
	l.packets += float64(packets)
	l.lost += float64(packets) * share
	elapsed := now - l.sampleStart
	bearable, while := highLoss, second
	if all {
		bearable, while = heavyLoss, 2*second
	}
	if l.packets < minReportPackets || elapsed < while {
		return
	}
	l.lossShare += (l.lost/l.packets - l.lossShare) / 2
	l.packets, l.lost, l.sampleStart = 0, 0, now
	switch {
	case l.lossShare > bearable && sent > 0:
		if !l.known {
			l.known, l.bitrate = true, float64(sent)
		}
		l.bitrate = max(min(l.bitrate, float64(sent))*(1-l.lossShare/2), minBitrate)
	case l.known:
		l.bitrate = min(l.bitrate*(1+recoveryPerSecond*float64(min(elapsed, 2*second))/float64(second)), maxBitrate)
		if l.lossShare < lowLoss && l.bitrate > float64(sent)*2 {
			l.known = false // nothing is in the way any more
		}
	}
}

// Remb takes the receiver's own estimate (draft-alvestrand-rmcat-remb). Browsers report low
// values while they still learn, so alone it proves nothing: it bounds what loss has shown.
func (l *LossLimit) AddREMB(bps float64) {
	if !(bps > 0) || bps > maxBitrate { // also NaN; a lie, or no limit
		return
	}
	if l.known && l.lossShare > lowLoss && l.bitrate > bps {
		l.bitrate = max(bps, minBitrate)
	}
}
