package sfu

import (
	"time"

	"rostrum/internal/media"
)

// redSwitch decides for one audio subscription whether its packets are sent as redundant audio
// (RFC 2198), which triples the bitrate. They are where packets are lost, and are not
// retransmitted or arrive too late.
type redSwitch struct {
	payloadType uint8 // of redundant audio, 0 if the offer has none
	nacks       bool  // the subscriber requests missing packets

	enabled     bool
	changedAt   uint64 // the outgoing number from which on enabled holds; before it, the opposite
	lossShare   float64
	windowStart uint64 // the outgoing number at which the current count starts
	nacked      int    // missing numbers in the current count
	lastNacked  uint16
}

const (
	redWindow         = 50                    // packets: one second, at the rate of browsers
	redEnableLoss     = 0.02                  // share of lost packets from which on it is enabled
	redDisableLoss    = 0.005                 // share below which it is disabled
	redMinRoundTrip   = 60 * time.Millisecond // from which on browsers play before a retransmission arrives
	redCongestionHold = 10 * time.Second      // after congestion: more data does not help against congestion
)

// blocksFor returns the redundant blocks that precede the payload of p when it is sent under
// a number, nil if it is sent without.
func (r *redSwitch) blocksFor(p *media.Packet, number uint64) []byte {
	if r.payloadType == 0 || r.enabled != (number >= r.changedAt) {
		return nil
	}
	return p.REDPrefix
}

// countNACK counts a number that the subscriber requests.
func (r *redSwitch) countNACK(number uint16) {
	if r.payloadType != 0 && int16(number-r.lastNacked) > 0 {
		r.nacked++
		r.lastNacked = number
	}
}

// update decides anew. next is the next outgoing number, reported the share of loss that the
// subscriber reports. Retransmitted packets do not count as lost there, but were requested.
func (r *redSwitch) update(next uint64, reported float64, roundTrip time.Duration) {
	if r.payloadType == 0 {
		return
	}
	if n := next - r.windowStart; n >= redWindow {
		if n < 10*redWindow { // the first window has no start
			r.lossShare += (min(float64(r.nacked)/float64(n), 1) - r.lossShare) / 8
		}
		r.windowStart, r.nacked = next, 0
	}
	lost := max(r.lossShare, reported)
	switch {
	case lost < redDisableLoss || r.nacks && roundTrip < redMinRoundTrip:
		r.disable(next)
	case lost >= redEnableLoss && !r.enabled:
		r.toggle(next)
	}
}

func (r *redSwitch) disable(next uint64) {
	if r.enabled {
		r.toggle(next)
	}
}

// toggle does nothing while packets from before the latest change may still be requested.
func (r *redSwitch) toggle(next uint64) {
	if next-r.changedAt > audioRingSize {
		r.enabled, r.changedAt = !r.enabled, next
	}
}
