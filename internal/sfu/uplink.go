package sfu

import (
	"github.com/pion/rtcp"

	"rostrum/internal/bandwidth"
	"rostrum/internal/media"
)

const (
	uplinkAcks  = 512   // packets judged at a time
	boundFor    = 1e9   // ns that a bound lasts after the queue has gone
	boundEvery  = 200e6 // ns between two repetitions: each may get lost
	boundLifted = 3     // times that its end is told
	unbounded   = 100e6 // bits a second: more than anybody sends

	sendClock = 1 << 18 // ticks a second of the abs-send-time extension
)

// An uplink is the path from a publisher, judged by when its packets left (the abs-send-time
// extension of WebRTC) and when they came. Senders find out by themselves what their path
// carries, but browsers take a second or two to believe that it has become far narrower, and
// meanwhile fill it with pictures that nobody will see. We see it as soon as it happens, and
// tell the sender's bound (REMB, draft-alvestrand-rmcat-remb-03) until the queue has gone. The
// zero value is ready.
type uplink struct {
	delays    bandwidth.Delays
	estimator bandwidth.Estimator
	acks      []bandwidth.Ack
	ticks     uint32 // latest of the sender's clock
	sent      int64  // the same in nanoseconds, without wrapping
	begun     bool

	bound  int   // bits a second, 0 for none
	until  int64 // when it ends unless it is renewed
	tellAt int64
	lifted int // how often its end is still to be told
}

// note takes the extension of one packet, nil if it had none.
func (u *uplink) note(extension []byte, size int, now int64) {
	if len(extension) < 3 || len(u.acks) >= uplinkAcks {
		return
	}
	ticks := uint32(extension[0])<<16 | uint32(extension[1])<<8 | uint32(extension[2])
	if !u.begun {
		u.begun, u.ticks, u.sent = true, ticks, now
	}
	// The clock wraps after 64 s; a packet may be older than one before it.
	sent := u.sent + int64(int32((ticks-u.ticks)<<8)>>8)*1e9/sendClock
	if sent > u.sent {
		u.ticks, u.sent = ticks, sent
	}
	u.acks = append(u.acks, bandwidth.Ack{Sent: sent, Arrived: now, Size: size})
}

// judge looks at what came since the last time. It reports whether the path has become too
// narrow for what is sent, at which moment the bound is new or another one.
func (u *uplink) judge(now int64) (narrowed bool) {
	heard := len(u.acks) > 0
	u.estimator.Feedback(now, &u.delays, u.acks)
	u.acks = u.acks[:0]
	if !heard || !u.estimator.Answered() {
		return false
	}
	rate, _ := u.estimator.Rate()
	narrowed = u.bound == 0 || rate < u.bound*9/10
	if narrowed {
		u.bound, u.tellAt = rate, now
	}
	u.until, u.lifted = now+boundFor, boundLifted
	return narrowed
}

// due returns the bound that the publisher is to be told now, in bits a second.
func (u *uplink) due(now int64) (bps float32, ok bool) {
	if u.lifted == 0 || now < u.tellAt {
		return 0, false
	}
	u.tellAt = now + boundEvery
	if u.bound != 0 && now < u.until {
		return float32(u.bound), true
	}
	u.bound = 0
	u.lifted--
	return unbounded, true
}

// follow judges the publisher's path, tells it the bound, and leaves out the layers that it
// will leave out then. It reports whether there are such.
func (p *Publisher) follow(s *shard) (fell bool) {
	video := p.track(media.Video)
	if video == nil || !video.payload.Supports("goog-remb") {
		return false
	}
	if p.uplink.judge(s.now) {
		fell = video.squeeze(s.now, p.uplink.bound)
	}
	if bps, ok := p.uplink.due(s.now); ok {
		bound := &rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: p.transport.ownSSRC(), Bitrate: bps}
		for i := range p.sources {
			if p.sources[i].heard {
				bound.SSRCs = append(bound.SSRCs, p.sources[i].ssrc)
			}
		}
		p.send(s, p.transport.compound(s, bound))
	}
	return fell
}

// squeeze takes the layers for left out of which not even half fits into a bound, beside the
// smaller ones.
func (t *Track) squeeze(now int64, bound int) (fell bool) {
	for i, v := range t.view.Load().layers {
		l := t.layers[v.index]
		if i > 0 && v.active && bound < v.steady/2 {
			l.hush, fell = hush{now, l.pulse.gap()}, true
		}
		if v.active {
			bound -= v.steady
		}
	}
	return fell
}
