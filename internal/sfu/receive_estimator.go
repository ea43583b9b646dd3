package sfu

import (
	"time"

	"github.com/pion/rtcp"

	"rostrum/internal/bandwidth"
	"rostrum/internal/media"
)

const (
	maxEstimatorAcks = 512   // packets judged at a time
	rembHold         = 1e9   // ns that a bound lasts after the queue has gone
	rembInterval     = 200e6 // ns between two repetitions: each may get lost
	rembLiftRepeats  = 3     // times that its end is told
	rembUnlimited    = 100e6 // bits a second: more than anybody sends

	sendClock = 1 << 18 // ticks a second of the abs-send-time extension
)

// An uplink is the path from a publisher, judged by when its packets left (the abs-send-time
// extension of WebRTC) and when they came. Senders find out by themselves what their path
// carries, but browsers take a second or two to believe that it has become far narrower, and
// meanwhile fill it with pictures that nobody will see. We see it as soon as it happens, and
// tell the sender's bound (REMB, draft-alvestrand-rmcat-remb-03) until the queue has gone. The
// zero value is ready.
type receiveEstimator struct {
	delays    bandwidth.DelayTracker
	estimator bandwidth.Estimator
	acks      []bandwidth.Ack
	ticks     uint32        // latest of the sender's clock
	sent      time.Duration // the same in nanoseconds, without wrapping
	started   bool

	limit      int           // bits a second, 0 for none
	limitUntil time.Duration // when it ends unless it is renewed
	nextAt     time.Duration
	liftsLeft  int // how often its end is still to be told
}

// note takes the extension of one packet, nil if it had none.
func (u *receiveEstimator) record(extension []byte, size int, now time.Duration) {
	if len(extension) < 3 || len(u.acks) >= maxEstimatorAcks {
		return
	}
	ticks := uint32(extension[0])<<16 | uint32(extension[1])<<8 | uint32(extension[2])
	if !u.started {
		u.started, u.ticks, u.sent = true, ticks, now
	}
	// The clock wraps after 64 s; a packet may be older than one before it.
	sent := u.sent + time.Duration(int32((ticks-u.ticks)<<8)>>8)*time.Second/sendClock
	if sent > u.sent {
		u.ticks, u.sent = ticks, sent
	}
	u.acks = append(u.acks, bandwidth.Ack{Sent: sent, Arrived: now, Size: size})
}

// judge looks at what came since the last time. It reports whether the path has become too
// narrow for what is sent, at which moment the bound is new or another one.
func (u *receiveEstimator) update(now time.Duration) (narrowed bool) {
	received := len(u.acks) > 0
	u.estimator.AddFeedback(now, &u.delays, u.acks)
	u.acks = u.acks[:0]
	if !received || !u.estimator.BackedOff() {
		return false
	}
	rate, _ := u.estimator.Bitrate()
	narrowed = u.limit == 0 || rate < u.limit*9/10
	if narrowed {
		u.limit, u.nextAt = rate, now
	}
	u.limitUntil, u.liftsLeft = now+rembHold, rembLiftRepeats
	return narrowed
}

// due returns the bound that the publisher is to be told now, in bits a second.
func (u *receiveEstimator) nextREMB(now time.Duration) (bps float32, ok bool) {
	if u.liftsLeft == 0 || now < u.nextAt {
		return 0, false
	}
	u.nextAt = now + rembInterval
	if u.limit != 0 && now < u.limitUntil {
		return float32(u.limit), true
	}
	u.limit = 0
	u.liftsLeft--
	return rembUnlimited, true
}

// follow judges the publisher's path, tells it the bound, and leaves out the layers that it
// will leave out then. It reports whether there are such.
func (p *Publisher) updateReceiveEstimate(s *shard) (fell bool) {
	video := p.track(media.Video)
	if video == nil || !video.payload.Supports("goog-remb") {
		return false
	}
	if p.receiveEstimate.update(s.now) {
		fell = video.stopUnaffordable(s.now, p.receiveEstimate.limit)
	}
	if bps, ok := p.receiveEstimate.nextREMB(s.now); ok {
		bound := &rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: p.transport.localSSRC(), Bitrate: bps}
		for i := range p.sources {
			if p.sources[i].active {
				bound.SSRCs = append(bound.SSRCs, p.sources[i].ssrc)
			}
		}
		p.sendRTCP(s, p.transport.compound(s, bound))
	}
	return fell
}

// squeeze takes the layers for left out of which not even half fits into a bound, beside the
// smaller ones.
func (t *Track) stopUnaffordable(now time.Duration, bound int) (fell bool) {
	for i, v := range t.view.Load().layers {
		l := t.layers[v.index]
		if i > 0 && v.active && bound < v.smoothed/2 {
			l.stopped, fell = stoppedState{now, l.frames.mean()}, true
		}
		if v.active {
			bound -= v.smoothed
		}
	}
	return fell
}
