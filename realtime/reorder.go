package realtime

import (
	"time"

	"github.com/pion/rtp"
)

const (
	reorderWait  = 250 * time.Millisecond // for a late or retransmitted packet, by default
	maxReordered = 1024                   // packets that may wait
)

// An arrival is a packet in order, with the number of lost ones before it.
type arrival struct {
	packet *rtp.Packet
	at     time.Time
	lost   int
}

// A reorder puts packets into the order of their sequence numbers. It waits for a missing
// one for a while, then counts it as lost. It is for one goroutine.
type reorder struct {
	wait    time.Duration // 0 for reorderWait
	started bool
	next    uint16
	reached uint32 // timestamp of the one before next
	held    map[uint16]arrival
	late    uint64 // after they were counted as lost, or duplicates
}

// push takes a packet and returns those that are in order now.
func (r *reorder) push(p *rtp.Packet, now time.Time) []arrival {
	if !r.started {
		r.started, r.next, r.held = true, p.SequenceNumber, map[uint16]arrival{}
	}
	if int16(p.SequenceNumber-r.next) < 0 {
		r.late++
		return nil
	}
	if _, twice := r.held[p.SequenceNumber]; twice {
		r.late++
		return nil
	}
	r.held[p.SequenceNumber] = arrival{packet: p, at: now}
	out := r.run(nil, 0)
	wait := r.wait
	if wait == 0 {
		wait = reorderWait
	}
	for len(r.held) > 0 && (len(r.held) > maxReordered || now.Sub(r.oldest()) >= wait) {
		lost := 0
		for _, here := r.held[r.next]; !here; _, here = r.held[r.next] {
			r.next++
			lost++
		}
		out = r.run(out, lost)
	}
	return out
}

// run appends the consecutive packets from next on.
func (r *reorder) run(out []arrival, lost int) []arrival {
	for {
		a, here := r.held[r.next]
		if !here {
			return out
		}
		delete(r.held, r.next)
		r.next++
		r.reached = a.packet.Timestamp
		a.lost, lost = lost, 0
		out = append(out, a)
	}
}

func (r *reorder) oldest() time.Time {
	var oldest time.Time
	for _, a := range r.held {
		if oldest.IsZero() || a.at.Before(oldest) {
			oldest = a.at
		}
	}
	return oldest
}

// recover inserts a packet from redundant audio where it is missing, and reports whether it
// was. Its timestamp is known; its sequence number is the given one or, since padding has
// numbers too, one before that.
func (r *reorder) recover(p *rtp.Packet, now time.Time) bool {
	if !r.started || int32(p.Timestamp-r.reached) <= 0 {
		return false
	}
	for _, a := range r.held {
		if a.packet.Timestamp == p.Timestamp && len(a.packet.Payload) > 0 {
			return false
		}
	}
	for ; int16(p.SequenceNumber-r.next) >= 0; p.SequenceNumber-- {
		switch existing, found := r.held[p.SequenceNumber]; {
		case !found:
			r.held[p.SequenceNumber] = arrival{packet: p, at: now}
			return true
		case len(existing.packet.Payload) > 0:
			return false
		}
	}
	return false
}
