package bandwidth

const (
	startRate = 500_000 // bits a second, before anything is known
	leastRate = 50_000
	mostRate  = 100_000_000

	backOff     = 0.85       // of what the path carries, so that the queue drains
	cautious    = 0.95       // of what a train showed that met the path's end
	growth      = 0.16       // a second, where trains can't tell
	answerAfter = second     // a queue has that long to give way to an answer, or isn't ours
	yield       = 20         // it must shrink by a 20th of the time
	lossy       = 0.10       // share of lost packets that calls for less
	clean       = 0.02       // share below which loss says nothing
	lossSample  = 40         // packets over which a share of loss means something
	lossAnswer  = second / 2 // between two answers to loss
	compliant   = 1.05
	collapsed   = 0.7 // of the estimate: less than that behind a long queue is believed sooner
	relief      = 0.7 // of what a collapsed path carries, until the queue and the next keyframe are through
)

// An Ack is the fate of one packet as the receiver reported it. A packet is reported as
// lost once it is no longer waited for.
type Ack struct {
	Sent    int64 // our clock
	Arrived int64 // the receiver's clock; meaningless when Lost
	Size    int   // bytes on the wire
	Lost    bool
	Train   uint32 // the train it belongs to, 0 for none
}

// An Estimator reckons how much a viewer's path carries, from delay and loss of what was
// sent over it by all transports together. The zero value is ready.
type Estimator struct {
	rate      float64
	known     bool
	blind     bool
	congested bool
	past      arrivals
	source    *Delays // whose report came last
	mixed     int64   // when reports of several transports last alternated
	full      *Delays // which saw the queue that stands, and
	seen      int64   // when it last said so
	since     int64   // when the queue began to stand
	jammed    int64   // when the path was last seen to have become far narrower
	room      float64 // bits a second at which bursts come out
	answered  answer
	grown     int64
	loss      lossShare
}

// answer remembers what was done about a standing queue.
type answer struct {
	at, queue int64
}

// Rate is the estimate in bits a second; known is false before any evidence.
func (e *Estimator) Rate() (bps int, known bool) { return int(e.rate), e.known }

// Congested tells that a queue stands on the path.
func (e *Estimator) Congested() bool { return e.congested }

// Answered tells that Rate was lowered for a queue that stands.
func (e *Estimator) Answered() bool { return e.congested && e.answered.at != 0 }

// Room is the bits a second at which the latest bursts came out of the path; 0 if unknown.
func (e *Estimator) Room() int { return int(e.room) }

// Blind tells whether the receiver takes no notice of trains. Then the estimate grows by
// itself until delay or loss object.
func (e *Estimator) Blind(blind bool) { e.blind = blind }

// Missed tells that a report was lost before the one whose packets Feedback is given next:
// on a path that is full in both directions many are. at is when the first of these came.
func (e *Estimator) Missed(d *Delays, first Ack) {
	if e.known && d.begun {
		e.past.miss(first.Arrived - d.least())
	}
}

// Feedback takes what one transport-wide report says, in the order of sending. d is of the
// transport that it is about.
func (e *Estimator) Feedback(now int64, d *Delays, acks []Ack) {
	if len(acks) == 0 {
		return
	}
	if !e.known {
		e.known, e.rate, e.grown = true, startRate, now
	}
	if e.source != nil && e.source != d {
		e.mixed = now
	}
	e.source = d
	var b burst
	for _, a := range acks {
		if measured, ended := d.train.ended(a); ended {
			e.raise(measured + max(e.past.rate(rateBins, true)-d.rate(), 0)) // beside what the others sent
		}
		if a.Lost {
			if a.Train == 0 { // some receivers never count padding: its loss says nothing
				e.loss.count(true)
			}
			continue
		}
		e.loss.count(false)
		queue := d.take(a.Sent, a.Arrived, a.Size)
		e.past.add(a.Sent+queue, a.Size)
		d.train.add(a)
		if measured, ok := b.add(a); ok {
			e.seeRoom(measured)
		}
	}
	e.adjust(now, d)
	e.rate = min(max(e.rate, leastRate), mostRate)
}

func (e *Estimator) seeRoom(measured float64) {
	if e.room == 0 {
		e.room = measured
	}
	e.room += (measured - e.room) / 2
}

// raise takes over what a train showed the path to carry.
func (e *Estimator) raise(measured float64) {
	if !e.congested && e.loss.share < lossy {
		e.rate = min(max(e.rate, measured), mostRate)
	}
}

// adjust moves the estimate by the queue and by loss.
func (e *Estimator) adjust(now int64, d *Delays) {
	mixed := now-e.mixed < second
	arrived := e.past.rate(rateBins, mixed)
	elapsed := float64(min(now-e.grown, second)) / float64(second)
	e.grown = now
	queue, drains := d.queue()
	jam, squeezed := d.jam(), e.past.rate(jamBins, mixed)
	switch {
	case e.jammed != 0 && now-e.jammed < lookSpan*lookSpans:
		return // what came before the path was jammed says nothing any more
	case jam > 0 && squeezed > 0 && squeezed < e.rate*collapsed:
		e.congested, e.full, e.seen, e.since, e.jammed = true, d, now, now, now
		e.drain(now, d, jam, squeezed*relief)
		return
	case queue > standing:
		if !e.congested {
			e.since = now
		}
		e.congested, e.full, e.seen = true, d, now
		if !drains && (queue > long || now-e.since > patient) {
			e.drain(now, d, queue, arrived)
		}
		return
	case e.congested && e.full != d && now-e.seen < second/2:
		return // a transport that began on a full path doesn't know better
	}
	e.congested, e.full = false, nil
	e.answered = answer{}
	switch {
	case e.loss.answer(now, e.rate, arrived):
		// What arrives is what the path carries: less would answer more than was asked.
		e.rate = max(e.rate*(1-e.loss.share/2), min(e.rate, arrived*backOff))
	case e.loss.share > lossy:
	default:
		e.rate = max(e.rate, arrived)
		if e.blind {
			e.rate *= 1 + growth*elapsed
		}
	}
}

// drain answers a queue that stands: the link never rests, so what arrives is all it
// carries. If after an answer far less arrives and much is lost, the path has become narrower
// once more. A queue that stays although less is sent is somebody else's, or the path has
// become a longer one.
func (e *Estimator) drain(now int64, d *Delays, queue int64, arrived float64) {
	again := now-e.answered.at > lookSpan*lookSpans && e.loss.share > lossy && arrived < e.rate*collapsed
	switch {
	case arrived == 0:
		return // the reports on it were lost
	case e.answered.at == 0 || arrived > e.rate*compliant || again:
		e.rate = min(e.rate, arrived*backOff)
		e.answered, e.room = answer{now, queue}, 0
	case now-e.answered.at > answerAfter && e.loss.share < clean && e.answered.queue-queue < (now-e.answered.at)/yield:
		d.settle()
		e.answered, e.congested = answer{}, false
	}
}

// lossShare follows the share of packets that get lost, and tells loss that answers to us
// from loss that is the path's own, as radio has it.
type lossShare struct {
	seen, missing int
	share         float64
	answered      int64
	before        float64 // share when last answered
	inherent      float64 // share that no answer has changed
}

func (l *lossShare) count(lost bool) {
	l.seen++
	if lost {
		l.missing++
	}
	if l.seen >= lossSample {
		l.share += (float64(l.missing)/float64(l.seen) - l.share) / 2
		l.seen, l.missing = 0, 0
	}
}

// answer reports whether so much is lost that less should be sent.
func (l *lossShare) answer(now int64, rate, arrived float64) bool {
	if l.share <= max(lossy, l.inherent*1.3) {
		if l.share < l.inherent/2 {
			l.inherent = 0
		}
		if now-l.answered > 10*second {
			l.answered = 0
		}
		return false
	}
	if now-l.answered < lossAnswer {
		return false
	}
	if l.answered != 0 && now-l.answered > 2*second && arrived < rate*compliant && l.share > l.before*0.7 {
		l.inherent, l.answered = l.share, 0
		return false
	}
	if l.answered == 0 || arrived > rate {
		l.answered, l.before = now, l.share
		return true
	}
	return false
}
