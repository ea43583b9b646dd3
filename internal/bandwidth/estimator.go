package bandwidth

const (
	second = int64(1e9)

	startRate = 500_000 // bits a second, before anything is known
	leastRate = 50_000
	mostRate  = 100_000_000

	backOff      = 0.85 // of what arrived, after the queue on the path grew
	growth       = 0.08 // a second, while the path keeps up
	headroom     = 1.5  // over what arrived: an estimate can't outrun its evidence by more
	lossy        = 0.10 // share of lost packets that calls for less
	clean        = 0.02 // share below which loss says nothing
	ackWindow    = second / 2
	maxAckPieces = 64
	lossSample   = 20 // packets over which a share of loss means something
)

// An Ack is the fate of one packet as the receiver reported it.
type Ack struct {
	Sent    int64 // our clock
	Arrived int64 // the receiver's clock; meaningless when Lost
	Size    int   // bytes on the wire
	Lost    bool
	Probe   bool // part of a train sent to measure the path
}

// An Estimator reckons how much a path carries, from delay and loss of what was sent over
// it. The zero value is ready.
type Estimator struct {
	rate              float64
	known             bool
	trend             trend
	changed           int64 // when rate last grew
	acked             window
	probe             train
	ceiling           int64 // time until which growth is slow: we know where the path ended
	lost              float64
	reported, missing int // packets since lost was last reckoned
	blind             bool
	remb              float64
	rembAt            int64
}

// Rate is the estimate in bits a second; known is false before any evidence.
func (e *Estimator) Rate() (bps int, known bool) { return int(e.rate), e.known }

// Feedback takes what one transport-wide report says, in the order of sending.
func (e *Estimator) Feedback(now int64, acks []Ack) {
	lost := 0
	for _, a := range acks {
		if a.Lost {
			if !a.Probe {
				lost++
			}
			continue // some receivers never count padding: its loss says nothing
		}
		e.acked.add(a.Arrived, a.Size)
		e.trend.add(a.Sent, a.Arrived)
		if a.Probe {
			e.probe.add(a)
		}
	}
	if len(acks) == 0 {
		return
	}
	if !e.known {
		e.known, e.rate, e.changed = true, startRate, now
	}
	e.reported, e.missing = e.reported+len(acks), e.missing+lost
	if e.reported >= lossSample {
		e.lost += (float64(e.missing)/float64(e.reported) - e.lost) / 2
		e.reported, e.missing = 0, 0
	}
	if measured, ok := e.probe.measure(); ok {
		e.raise(measured)
	}
	e.adjust(now)
}

// Blind tells whether the receiver takes no notice of trains. Then the estimate may grow
// beyond what arrives, at twice the pace, until delay or loss object.
func (e *Estimator) Blind(blind bool) { e.blind = blind }

// raise takes over what a train of packets showed the path to carry.
func (e *Estimator) raise(measured float64) {
	if e.trend.state != overuse && e.lost < lossy {
		e.rate = min(max(e.rate, measured*0.9), mostRate)
	}
}

// adjust moves the estimate by the state of the queue and by loss.
func (e *Estimator) adjust(now int64) {
	arrived := e.acked.rate()
	elapsed := min(now-e.changed, second)
	switch {
	case e.trend.state == overuse:
		if arrived > 0 && arrived*backOff < e.rate {
			e.rate = arrived * backOff
			e.ceiling = now + 5*second
		}
		e.trend.calm()
	case e.lost > lossy:
		if elapsed >= second/5 {
			// What arrives is what the path carries: less would answer more than was asked.
			e.rate = max(e.rate*(1-e.lost/2), min(e.rate, arrived*backOff))
			e.lost /= 2 // what was answered counts no more
		} else {
			return
		}
	case e.trend.state == underuse: // the queue drains: let it
	case e.lost < clean || e.trend.state == normal && e.lost < lossy/2:
		g := growth
		if now < e.ceiling {
			g /= 4
		}
		if e.blind {
			g *= 2
		}
		grown := e.rate * (1 + g*float64(elapsed)/float64(second))
		if e.blind || arrived == 0 || grown < arrived*headroom+10_000 {
			e.rate = grown
		}
	}
	e.changed = now
	e.rate = min(max(e.rate, leastRate), mostRate)
}

// Loss takes the share of packets lost by a receiver that sends no transport-wide
// reports. sent is what it was sent, in bits a second.
func (e *Estimator) Loss(now int64, share float64, sent int) {
	e.lost += (share - e.lost) / 2
	switch {
	case e.lost > lossy && sent > 0:
		if !e.known {
			e.known, e.rate = true, float64(sent)
		}
		e.rate = max(min(e.rate, float64(sent))*(1-e.lost/2), leastRate)
	case e.known:
		elapsed := min(now-e.changed, 2*second)
		e.rate = min(e.rate*(1+growth*float64(elapsed)/float64(second)), mostRate)
		if e.lost < clean && e.rate > float64(sent)*2 {
			e.known = false // nothing is in the way any more
		}
	}
	e.changed = now
}

// Remb takes the receiver's own estimate (draft-alvestrand-rmcat-remb). Browsers report low
// values while they still learn, so alone it proves nothing: it bounds what loss has shown.
func (e *Estimator) Remb(now int64, bps float64) {
	if !(bps > 0) || bps > mostRate { // also NaN; a lie, or no limit
		return
	}
	e.remb, e.rembAt = bps, now
	if e.known && e.lost > clean && e.rate > bps {
		e.rate = max(bps, leastRate)
	}
}

// window measures the rate of what arrived, on the receiver's clock.
type window struct {
	pieces [maxAckPieces]piece
	n      int
}

type piece struct {
	at    int64
	bytes int
}

// add joins what arrived within ten milliseconds.
func (w *window) add(at int64, bytes int) {
	if w.n > 0 {
		if last := &w.pieces[(w.n-1)%maxAckPieces]; at-last.at < 10e6 {
			last.bytes += bytes
			return
		}
	}
	w.pieces[w.n%maxAckPieces] = piece{at, bytes}
	w.n++
}

func (w *window) rate() float64 {
	if w.n < 2 {
		return 0
	}
	end := w.pieces[(w.n-1)%maxAckPieces].at
	total, start := 0, end
	for i := w.n - 1; i >= 0 && i > w.n-maxAckPieces; i-- {
		p := w.pieces[i%maxAckPieces]
		if end-p.at > ackWindow {
			break
		}
		total, start = total+p.bytes, p.at
	}
	if end-start < ackWindow/4 {
		return 0
	}
	return float64(total) * 8 * 1e9 / float64(end-start+10e6)
}

// train measures a path by the spreading of packets that were sent at once.
type train struct {
	sent        int64 // of its first packet
	first, last int64
	bytes, n    int
}

const (
	trainGap   = 30e6 // ns between sendings that belong to one train
	trainLeast = 6    // packets
)

func (t *train) add(a Ack) {
	if t.n == 0 || a.Sent-t.sent > trainGap {
		*t = train{sent: a.Sent, first: a.Arrived, last: a.Arrived, n: 1}
		return // the first packet only starts the clock
	}
	t.last, t.bytes, t.n = max(t.last, a.Arrived), t.bytes+a.Size, t.n+1
}

// measure returns the rate at which the train came out, once it's long enough.
func (t *train) measure() (float64, bool) {
	if t.n < trainLeast {
		return 0, false
	}
	spread := max(t.last-t.first, 1e6) // receivers count in quarters of a millisecond
	bps := float64(t.bytes) * 8 * 1e9 / float64(spread)
	t.n = 0
	return bps, true
}
