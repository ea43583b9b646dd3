package sfu

import (
	"time"

	"rostrum/internal/bandwidth"
)

const (
	maxEstimatorAcks = 512 // packets in one update
	rembHold         = time.Second
	rembInterval     = 200 * time.Millisecond // between repetitions: each may be lost
	rembLiftRepeats  = 3                      // times that the end of a limit is sent
	rembUnlimited    = 100e6                  // bitrate that says that there is no limit

	sendClock = 1 << 18 // units per second of the abs-send-time extension
)

// receiveEstimator estimates the path from a publisher, from when its packets were sent (the
// abs-send-time extension of WebRTC) and when they arrived. Senders find out by themselves
// what their path carries, but browsers take a second or two to notice that it has become far
// narrower, and meanwhile fill it with frames that nobody will see. The receiver sees it at
// once. It sends the publisher a limit (REMB, draft-alvestrand-rmcat-remb-03) until the queue
// has gone. The zero value is ready to use.
type receiveEstimator struct {
	delays    bandwidth.DelayTracker
	estimator bandwidth.Estimator
	acks      []bandwidth.Ack
	started   bool
	ticks     uint32        // latest time of the sender's clock
	sent      time.Duration // the same, without wrapping

	limit      int           // bitrate, 0 for none
	limitUntil time.Duration // when it ends unless it is renewed
	nextAt     time.Duration // of the next REMB
	liftsLeft  int           // how often the end of the limit is still to be sent
}

// limited reports whether the publisher's path is congested.
func (e *receiveEstimator) limited() bool { return e.limit != 0 }

// record takes the header extension of one packet, nil if it had none.
func (e *receiveEstimator) record(extension []byte, size int, now time.Duration) {
	if len(extension) < 3 || len(e.acks) >= maxEstimatorAcks {
		return
	}
	ticks := uint32(extension[0])<<16 | uint32(extension[1])<<8 | uint32(extension[2])
	if !e.started {
		e.started, e.ticks, e.sent = true, ticks, now
	}
	// The clock wraps after 64 s; a reordered packet is older than the one before it.
	sent := e.sent + time.Duration(int32((ticks-e.ticks)<<8)>>8)*time.Second/sendClock
	if sent > e.sent {
		e.ticks, e.sent = ticks, sent
	}
	e.acks = append(e.acks, bandwidth.Ack{Sent: sent, Arrived: now, Size: size})
}

// update evaluates what arrived since the last call. It reports whether the path has become
// too narrow for what is sent, so that there is a new or a much lower limit.
func (e *receiveEstimator) update(now time.Duration) (narrowed bool) {
	received := len(e.acks) > 0
	e.estimator.AddFeedback(now, &e.delays, e.acks)
	e.acks = e.acks[:0]
	if !received || !e.estimator.BackedOff() {
		return false
	}
	estimate, _ := e.estimator.Bitrate()
	narrowed = e.limit == 0 || estimate < e.limit*9/10
	if narrowed {
		e.limit, e.nextAt = estimate, now
	}
	e.limitUntil, e.liftsLeft = now+rembHold, rembLiftRepeats
	return narrowed
}

// nextREMB returns the bitrate for a REMB that is due now.
func (e *receiveEstimator) nextREMB(now time.Duration) (bitrate float32, ok bool) {
	if e.liftsLeft == 0 || now < e.nextAt {
		return 0, false
	}
	e.nextAt = now + rembInterval
	if e.limit != 0 && now < e.limitUntil {
		return float32(e.limit), true
	}
	e.limit = 0
	e.liftsLeft--
	return rembUnlimited, true
}
