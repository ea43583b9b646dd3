package bandwidth

import "time"

const (
	startBitrate = 500_000 // before anything is known
	minBitrate   = 50_000
	maxBitrate   = 100_000_000

	backoffFactor    = 0.85        // of what the path carries, so that the queue drains
	growthPerSecond  = 0.16        // where probe clusters measure nothing
	backoffTimeout   = time.Second // in which a queue must shrink after a backoff, or other traffic made it
	drainDivisor     = 20          // the queue must shrink by 1/20 of the elapsed time
	complianceFactor = 1.05        // up to which the sender is taken to follow the estimate
	collapseRatio    = 0.7         // of the estimate: less than that behind a long queue is overuse
	drainFactor      = 0.7         // of what a collapsed path carries, until the queue and the next keyframe are through

	overuseHold = windowDuration * windowCount
)

// Ack is the fate of one packet as the receiver reported it. A packet is lost once no report
// on it is expected any more.
type Ack struct {
	Sent    time.Duration // sender's clock
	Arrived time.Duration // receiver's clock; meaningless when Lost
	Size    int           // bytes on the wire
	Lost    bool
	Cluster uint32 // the probe cluster that it belongs to, 0 for none
}

// Estimator estimates how much a viewer's path carries, from the delay and loss of what all
// transports together sent over it. The zero value is ready to use.
type Estimator struct {
	bitrate      float64
	known        bool
	adjustedAt   time.Duration
	burstBitrate float64 // at which the latest bursts arrived

	arrivals      arrivalRate
	source        *DelayTracker // transport that reported last
	alternatedAt  time.Duration // when the reporting transport last changed
	probesIgnored bool

	congestion
	backoff backoffState
	loss    lossTracker
}

// congestion is a standing queue on the path.
type congestion struct {
	congested  bool
	path       *DelayTracker // transport that saw the queue
	seenAt     time.Duration
	since      time.Duration
	overusedAt time.Duration // when the path was last seen to have become far narrower
}

// backoffState is the reaction to a standing queue; the zero value means none.
type backoffState struct {
	startedAt time.Duration
	queue     time.Duration // at that moment
}

// Bitrate returns the estimate; known is false before there is any evidence.
func (e *Estimator) Bitrate() (bitrate int, known bool) { return int(e.bitrate), e.known }

// Congested reports whether there is a standing queue on the path.
func (e *Estimator) Congested() bool { return e.congested }

// BackedOff reports whether the estimate was lowered for the standing queue.
func (e *Estimator) BackedOff() bool { return e.congested && e.backoff.startedAt != 0 }

// BurstBitrate returns the bitrate at which the latest bursts left the path, 0 if unknown.
func (e *Estimator) BurstBitrate() int { return int(e.burstBitrate) }

// SetProbesIgnored says whether the receiver reports nothing on probe clusters. The estimate
// of such a receiver grows by itself until delay or loss stops it.
func (e *Estimator) SetProbesIgnored(ignored bool) { e.probesIgnored = ignored }

// ReportLost says that a report was lost before the one whose packets are passed to
// AddFeedback next. first is the first packet of that report. On a path that is full in both
// directions many reports are lost.
func (e *Estimator) ReportLost(d *DelayTracker, first Ack) {
	if e.known && d.started {
		e.arrivals.markUnknown(first.Arrived - d.minDelay())
	}
}

// AddFeedback adds one transport-wide report, with its packets in the order of sending. d
// belongs to the transport that the report is about.
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
	var burst burstFit
	for _, a := range acks {
		if measured, ok := d.probe.result(a); ok {
			e.applyProbe(measured + max(e.arrivals.bitrate(rateBins, true)-d.bitrate(), 0)) // what other transports sent is not in the cluster
		}
		if a.Lost {
			if a.Cluster == 0 { // some receivers never report padding
				e.loss.add(true)
			}
			continue
		}
		e.loss.add(false)
		queue := d.add(a.Sent, a.Arrived, a.Size)
		e.arrivals.add(a.Sent+queue, a.Size)
		d.probe.add(a)
		if measured, ok := burst.add(a); ok {
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

// applyProbe raises the estimate to what a probe cluster measured.
func (e *Estimator) applyProbe(measured float64) {
	if !e.congested && e.loss.share < highLoss {
		e.bitrate = min(max(e.bitrate, measured), maxBitrate)
	}
}

// adjust moves the estimate by the queue and by loss.
func (e *Estimator) adjust(now time.Duration, d *DelayTracker) {
	alternating := now-e.alternatedAt < time.Second
	elapsed := min(now-e.adjustedAt, time.Second).Seconds()
	e.adjustedAt = now
	if e.adjustToQueue(now, d, alternating) {
		return
	}
	e.congested, e.path = false, nil
	e.backoff = backoffState{}
	arrived := e.arrivals.bitrate(rateBins, alternating)
	switch {
	case e.loss.shouldBackOff(now, e.bitrate, arrived):
		// What arrives is what the path carries: a lower estimate would be too low.
		e.bitrate = max(e.bitrate*(1-e.loss.share/2), min(e.bitrate, arrived*backoffFactor))
	case e.loss.share > highLoss:
	default:
		e.bitrate = max(e.bitrate, arrived)
		if e.probesIgnored {
			e.bitrate *= 1 + growthPerSecond*elapsed
		}
	}
}

// adjustToQueue reacts to a standing queue. It reports whether there is one.
func (e *Estimator) adjustToQueue(now time.Duration, d *DelayTracker, alternating bool) bool {
	queue, draining := d.standingQueue()
	overuse, collapsed := d.overuse(), e.arrivals.bitrate(overuseBins, alternating)
	switch {
	case e.overusedAt != 0 && now-e.overusedAt < overuseHold:
		// What arrived before the overuse says nothing about the path as it is now.
	case overuse > 0 && collapsed > 0 && collapsed < e.bitrate*collapseRatio:
		e.congestion = congestion{congested: true, path: d, seenAt: now, since: now, overusedAt: now}
		e.backOff(now, d, overuse, collapsed*drainFactor)
	case queue > standingThreshold:
		if !e.congested {
			e.since = now
		}
		e.congested, e.path, e.seenAt = true, d, now
		if !draining && (queue > longQueue || now-e.since > standingTime) {
			e.backOff(now, d, queue, e.arrivals.bitrate(rateBins, alternating))
		}
	case e.congested && e.path != d && now-e.seenAt < time.Second/2:
		// A transport that started on a congested path has no smaller delay to compare with.
	default:
		return false
	}
	return true
}

// backOff lowers the estimate for a standing queue to what arrives, because the link is never
// idle. It does so again when far less arrives after that and much is lost: then the path has
// become narrower once more. A queue that stays although less is sent belongs to other
// traffic, or the path has become longer.
func (e *Estimator) backOff(now time.Duration, d *DelayTracker, queue time.Duration, arrived float64) {
	since := now - e.backoff.startedAt
	again := since > overuseHold && e.loss.share > highLoss && arrived < e.bitrate*collapseRatio
	switch {
	case arrived == 0:
		// The reports on what arrived were lost.
	case e.backoff.startedAt == 0 || arrived > e.bitrate*complianceFactor || again:
		e.bitrate = min(e.bitrate, arrived*backoffFactor)
		e.backoff, e.burstBitrate = backoffState{now, queue}, 0
	case since > backoffTimeout && e.loss.share < lowLoss && e.backoff.queue-queue < since/drainDivisor:
		d.rebase()
		e.backoff, e.congested = backoffState{}, false
	}
}
