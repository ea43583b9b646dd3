package bandwidth

import "time"

const (
	recoveryPerSecond = 0.08
	heavyLoss         = 0.25 // share of lost packets that no retransmission repairs
	minReportPackets  = 100  // of fewer packets, a share of loss says nothing
)

// LossLimit limits what is sent to a receiver that sends no transport-wide feedback, only
// receiver reports. Without loss there is no limit. The zero value is ready to use.
type LossLimit struct {
	bitrate   float64
	known     bool
	lossShare float64

	// The current sample.
	sampleStart   time.Duration
	packets, lost float64
}

// Bitrate returns the limit; known is false while there is none.
func (l *LossLimit) Bitrate() (bitrate int, known bool) { return int(l.bitrate), l.known }

// AddReport adds the share of lost packets among those sent since the last report. sent is
// the bitrate that the receiver was sent. smallest says that nothing smaller can be sent; then
// only heavy loss sets a limit, because retransmissions repair the rest.
//
// One report covers a few dozen packets, in which a fifth may be lost by chance where a
// twentieth is on average. The share is therefore taken over a longer time.
func (l *LossLimit) AddReport(now time.Duration, share float64, packets, sent int, smallest bool) {
	if l.sampleStart == 0 {
		l.sampleStart = now
	}
	packets = min(max(packets, 0), 1<<16)
	l.packets += float64(packets)
	l.lost += float64(packets) * share
	elapsed := now - l.sampleStart
	bearable, sampleTime := highLoss, time.Second
	if smallest {
		bearable, sampleTime = heavyLoss, 2*time.Second
	}
	if l.packets < minReportPackets || elapsed < sampleTime {
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
		l.bitrate = min(l.bitrate*(1+recoveryPerSecond*min(elapsed, 2*time.Second).Seconds()), maxBitrate)
		if l.lossShare < lowLoss && l.bitrate > float64(sent)*2 {
			l.known = false // the limit no longer limits anything
		}
	}
}

// AddREMB adds the receiver's own estimate (draft-alvestrand-rmcat-remb-03). Browsers report
// low values while they start, so it sets no limit by itself; it lowers one that loss set.
func (l *LossLimit) AddREMB(bitrate float64) {
	if !(bitrate > 0) || bitrate > maxBitrate { // also NaN
		return
	}
	if l.known && l.lossShare > lowLoss {
		l.bitrate = min(l.bitrate, max(bitrate, minBitrate))
	}
}
