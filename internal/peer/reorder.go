package peer

import (
	"time"

	"github.com/pion/rtp"
)

const (
	reorderWait = 250 * time.Millisecond // for a packet that is late or being sent again, by default
	reorderHeld = 1024                   // packets; more are not waited with
)

// arrival is a packet in its place: how many before it were given up.
type arrival struct {
	packet *rtp.Packet
	at     time.Time
	lost   int
}

// reorder puts packets back into the order of their numbers. It waits for a
// missing one for a while, then gives it up. It is for one goroutine.
type reorder struct {
	wait    time.Duration // 0 for reorderWait
	started bool
	next    uint16
	reached uint32 // timestamp of the one before next
	held    map[uint16]arrival
	late    uint64 // came after they were given up, or twice
}

// push takes a packet and returns those whose turn it is.
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
	for len(r.held) > 0 && (len(r.held) > reorderHeld || now.Sub(r.oldest()) >= wait) {
		lost := 0
		for _, here := r.held[r.next]; !here; _, here = r.held[r.next] {
			r.next++
			lost++
		}
		out = r.run(out, lost)
	}
	return out
}

// run appends the packets that follow each other from next on.
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
