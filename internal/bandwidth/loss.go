package bandwidth

// A LossLimit bounds what is sent to a receiver that sends nothing better than receiver
// reports. Without loss there is no bound. The zero value is ready.
type LossLimit struct {
	rate    float64
	known   bool
	lost    float64
	changed int64 // when the sample at hand began
	seen    float64
	missing float64
}

// Rate is the bound in bits a second; known is false while there is none.
func (l *LossLimit) Rate() (bps int, known bool) { return int(l.rate), l.known }

const (
	recovery    = 0.08 // a second
	heavy       = 0.25 // share of lost packets that no repair makes good
	leastReport = 100  // packets of which a share of loss is reckoned
)

// Report takes the share that was lost of the packets sent since the last report. sent is
// what the receiver was sent, in bits a second. all tells that there is nothing less to
// send than that: then only heavy loss calls for it to stop, for the rest is repaired.
//
// Single reports cover a few dozen packets, in which chance loses a fifth where a twentieth
// is lost on average. So a share is reckoned over a longer while.
func (l *LossLimit) Report(now int64, share float64, packets, sent int, all bool) {
	if l.changed == 0 {
		l.changed = now
	}
	packets = min(max(packets, 0), 1<<16)
	l.seen += float64(packets)
	l.missing += float64(packets) * share
	elapsed := now - l.changed
	bearable, while := lossy, second
	if all {
		bearable, while = heavy, 2*second
	}
	if l.seen < leastReport || elapsed < while {
		return
	}
	l.lost += (l.missing/l.seen - l.lost) / 2
	l.seen, l.missing, l.changed = 0, 0, now
	switch {
	case l.lost > bearable && sent > 0:
		if !l.known {
			l.known, l.rate = true, float64(sent)
		}
		l.rate = max(min(l.rate, float64(sent))*(1-l.lost/2), leastRate)
	case l.known:
		l.rate = min(l.rate*(1+recovery*float64(min(elapsed, 2*second))/float64(second)), mostRate)
		if l.lost < clean && l.rate > float64(sent)*2 {
			l.known = false // nothing is in the way any more
		}
	}
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
