package bandwidth

// A LossLimit bounds what is sent to a receiver that sends nothing better than receiver
// reports. Without loss there is no bound. The zero value is ready.
type LossLimit struct {
	rate    float64
	known   bool
	lost    float64
	changed int64
}

// Rate is the bound in bits a second; known is false while there is none.
func (l *LossLimit) Rate() (bps int, known bool) { return int(l.rate), l.known }

const recovery = 0.08 // a second

// Report takes the share of packets lost since the last report. sent is what the receiver
// was sent, in bits a second.
func (l *LossLimit) Report(now int64, share float64, sent int) {
	l.lost += (share - l.lost) / 2
	switch {
	case l.lost > lossy && sent > 0:
		if !l.known {
			l.known, l.rate = true, float64(sent)
		}
		l.rate = max(min(l.rate, float64(sent))*(1-l.lost/2), leastRate)
	case l.known:
		elapsed := min(now-l.changed, 2*second)
		l.rate = min(l.rate*(1+recovery*float64(elapsed)/float64(second)), mostRate)
		if l.lost < clean && l.rate > float64(sent)*2 {
			l.known = false // nothing is in the way any more
		}
	}
	l.changed = now
}

// Remb takes the receiver's own estimate (draft-alvestrand-rmcat-remb). Browsers report low
// values while they still learn, so alone it proves nothing: it bounds what loss has shown.
func (l *LossLimit) Remb(bps float64) {
	if !(bps > 0) || bps > mostRate { // also NaN; a lie, or no limit
		return
	}
	if l.known && l.lost > clean && l.rate > bps {
		l.rate = max(bps, leastRate)
	}
}
