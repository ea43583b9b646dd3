package bandwidth

import "time"

const (
	startBitrate = 500_000 // bits a second, before anything is known
	minBitrate   = 50_000
	maxBitrate   = 100_000_000

	backoffFactor       = 0.85       // of what the path carries, so that the queue drains
	probeMargin         = 0.95       // of what a train showed that met the path's end
	growthPerSecond     = 0.16       // a second, where trains can't tell
	backoffTimeout      = second     // a queue has that long to give way to an answer, or isn't ours
	drainDivisor        = 20         // it must shrink by a 20th of the time
	highLoss            = 0.10       // share of lost packets that calls for less
	lowLoss             = 0.02       // share below which loss says nothing
	lossSamplePackets   = 40         // packets over which a share of loss means something
	lossBackoffInterval = second / 2 // between two answers to loss
	complianceFactor    = 1.05
	collapseRatio       = 0.7 // of the estimate: less than that behind a long queue is believed sooner
	drainFactor         = 0.7 // of what a collapsed path carries, until the queue and the next keyframe are through
)

// An Ack is the fate of one packet as the receiver reported it. A packet is reported as
// lost once it is no longer waited for.
type Ack struct {
	Sent    time.Duration // our clock
	Arrived time.Duration // the receiver's clock; meaningless when Lost
	Size    int           // bytes on the wire
	Lost    bool
	Cluster uint32 // the train it belongs to, 0 for none
}

// An Estimator reckons how much a viewer's path carries, from delay and loss of what was
// sent over it by all transports together. The zero value is ready.
type Estimator struct {
	bitrate          float64
	known            bool
	probesIgnored    bool
	congested        bool
	arrivals         arrivalRate
	source           *DelayTracker // whose report came last
	alternatedAt     time.Duration // when reports of several transports last alternated
	congestedPath    *DelayTracker // which saw the queue that stands, and
	congestionSeenAt time.Duration // when it last said so
	congestedSince   time.Duration // when the queue began to stand
	overusedAt       time.Duration // when the path was last seen to have become far narrower
	burstBitrate     float64       // bits a second at which bursts come out
	backoff          backoffState
	adjustedAt       time.Duration
	loss             lossTracker
}

// answer remembers what was done about a standing queue.
type backoffState struct {
	startedAt, queue time.Duration
}

// Rate is the estimate in bits a second; known is false before any evidence.
func (e *Estimator) Bitrate() (bps int, known bool) { return int(e.bitrate), e.known }

// Congested tells that a queue stands on the path.
func (e *Estimator) Congested() bool { return e.congested }

// Answered tells that Rate was lowered for a queue that stands.
func (e *Estimator) BackedOff() bool { return e.congested && e.backoff.startedAt != 0 }

// Room is the bits a second at which the latest bursts came out of the path; 0 if unknown.
func (e *Estimator) BurstBitrate() int { return int(e.burstBitrate) }

// Blind tells whether the receiver takes no notice of trains. Then the estimate grows by
// itself until delay or loss object.
func (e *Estimator) SetProbesIgnored(blind bool) { e.probesIgnored = blind }

// Missed tells that a report was lost before the one whose packets Feedback is given next:
// on a path that is full in both directions many are. at is when the first of these came.
func (e *Estimator) ReportLost(d *DelayTracker, first Ack) {
	if e.known && d.started {
		e.arrivals.markUnknown(first.Arrived - d.minDelay())
	}
}

// Feedback takes what one transport-wide report says, in the order of sending. d is of the
// transport that it is about.
func (e *Estimator) AddFeedback(now time.Duration, d *DelayTracker, acks []Ack) {
	if len(acks) == 0 {
		return
	}
	if !e.known {
		e.known, e.bitrate, e.adjustedAt = true, startBitrate, now
	}
	if e.source != nil && e.source != d {
		e.alternatedAt = now
	}
	e.source = d
	var b burstFit
	for _, a := range acks {
		if measured, ended := d.probe.result(a); ended {
			e.applyProbe(measured + max(e.arrivals.bitrate(rateBins, true)-d.bitrate(), 0)) // beside what the others sent
		}
		if a.Lost {
			if a.Cluster == 0 { // some receivers never count padding: its loss says nothing
				e.loss.add(true)
			}
			continue
		}
		e.loss.add(false)
		queue := d.add(a.Sent, a.Arrived, a.Size)
		e.arrivals.add(a.Sent+queue, a.Size)
		d.probe.add(a)
		if measured, ok := b.add(a); ok {
			e.updateBurstBitrate(measured)
		}
	}
	e.adjust(now, d)
	e.bitrate = min(max(e.bitrate, minBitrate), maxBitrate)
}

func (e *Estimator) updateBurstBitrate(measured float64) {
	if e.burstBitrate == 0 {
		e.burstBitrate = measured
	}
	e.burstBitrate += (measured - e.burstBitrate) / 2
}

// raise takes over what a train showed the path to carry.
func (e *Estimator) applyProbe(measured float64) {
	if !e.congested && e.loss.share < highLoss {
		e.bitrate = min(max(e.bitrate, measured), maxBitrate)
	}
}

// adjust moves the estimate by the queue and by loss.
func (e *Estimator) adjust(now time.Duration, d *DelayTracker) {
	mixed := now-e.alternatedAt < second
	arrived := e.arrivals.bitrate(rateBins, mixed)
	elapsed := float64(min(now-e.adjustedAt, second)) / float64(second)
	e.adjustedAt = now
	queue, drains := d.standingQueue()
	jam, squeezed := d.overuse(), e.arrivals.bitrate(overuseBins, mixed)
	switch {
	case e.overusedAt != 0 && now-e.overusedAt < windowDuration*windowCount:
		return // what came before the path was jammed says nothing any more
	case jam > 0 && squeezed > 0 && squeezed < e.bitrate*collapseRatio:
		e.congested, e.congestedPath, e.congestionSeenAt, e.congestedSince, e.overusedAt = true, d, now, now, now
		e.backOff(now, d, jam, squeezed*drainFactor)
		return
	case queue > standingThreshold:
		if !e.congested {
			e.congestedSince = now
		}
		e.congested, e.congestedPath, e.congestionSeenAt = true, d, now
		if !drains && (queue > longQueue || now-e.congestedSince > standingTime) {
			e.backOff(now, d, queue, arrived)
		}
		return
	case e.congested && e.congestedPath != d && now-e.congestionSeenAt < second/2:
		return // a transport that began on a full path doesn't know better
	}
	e.congested, e.congestedPath = false, nil
	e.backoff = backoffState{}
	switch {
	case e.loss.shouldBackOff(now, e.bitrate, arrived):
		// What arrives is what the path carries: less would answer more than was asked.
		e.bitrate = max(e.bitrate*(1-e.loss.share/2), min(e.bitrate, arrived*backoffFactor))
	case e.loss.share > highLoss:
	default:
		e.bitrate = max(e.bitrate, arrived)
		if e.probesIgnored {
			e.bitrate *= 1 + growthPerSecond*elapsed
		}
	}
}

// drain answers a queue that stands: the link never rests, so what arrives is all it
// carries. If after an answer far less arrives and much is lost, the path has become narrower
// once more. A queue that stays although less is sent is somebody else's, or the path has
// become a longer one.
func (e *Estimator) backOff(now time.Duration, d *DelayTracker, queue time.Duration, arrived float64) {
	again := now-e.backoff.startedAt > windowDuration*windowCount && e.loss.share > highLoss && arrived < e.bitrate*collapseRatio
	switch {
	case arrived == 0:
		return // the reports on it were lost
	case e.backoff.startedAt == 0 || arrived > e.bitrate*complianceFactor || again:
		e.bitrate = min(e.bitrate, arrived*backoffFactor)
		e.backoff, e.burstBitrate = backoffState{now, queue}, 0
	case now-e.backoff.startedAt > backoffTimeout && e.loss.share < lowLoss && e.backoff.queue-queue < (now-e.backoff.startedAt)/drainDivisor:
		d.rebase()
		e.backoff, e.congested = backoffState{}, false
	}
}

// lossShare follows the share of packets that get lost, and tells loss that answers to us
// from loss that is the path's own, as radio has it.
type lossTracker struct {
	packets, lost  int
	share          float64
	backedOffAt    time.Duration
	shareAtBackoff float64 // share when last answered
	inherentShare  float64 // share that no answer has changed
}

func (l *lossTracker) add(lost bool) {
	l.packets++
	if lost {
		l.lost++
	}
	if l.packets >= lossSamplePackets {
		l.share += (float64(l.lost)/float64(l.packets) - l.share) / 2
		l.packets, l.lost = 0, 0
	}
}

// answer reports whether so much is lost that less should be sent.
func (l *lossTracker) shouldBackOff(now time.Duration, rate, arrived float64) bool {
	if l.share <= max(highLoss, l.inherentShare*1.3) {
		if l.share < l.inherentShare/2 {
			l.inherentShare = 0
		}
		if now-l.backedOffAt > 10*second {
			l.backedOffAt = 0
		}
		return false
	}
	if now-l.backedOffAt < lossBackoffInterval {
		return false
	}
	if l.backedOffAt != 0 && now-l.backedOffAt > 2*second && arrived < rate*complianceFactor && l.share > l.shareAtBackoff*0.7 {
		l.inherentShare, l.backedOffAt = l.share, 0
		return false
	}
	if l.backedOffAt == 0 || arrived > rate {
		l.backedOffAt, l.shareAtBackoff = now, l.share
		return true
	}
	return false
}
