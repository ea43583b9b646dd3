package sfu

import (
	"time"

	"github.com/pion/rtcp"

	"rostrum/internal/media"
)

// noRepairAfterCongestion is how long after congestion no packets of a former layer are
// retransmitted: they were lost because there were too many.
const noRepairAfterCongestion = 3 * time.Second

// receiveNACK retransmits what the viewer misses, from the ring.
func (u *Subscription) receiveNACK(sh *shard, pairs []rtcp.NackPair) {
	route := u.subscriber.transport.sendRoute(sh)
	if route == nil || u.subscriber.fanOut == nil {
		return
	}
	sh.out.setRoute(route)
	defer sh.out.flush()
	for _, pair := range pairs {
		u.retransmit(sh, pair.PacketID)
		for bit := range uint16(16) {
			if pair.LostPackets>>bit&1 == 1 {
				u.retransmit(sh, pair.PacketID+bit+1)
			}
		}
	}
}

func (u *Subscription) retransmit(sh *shard, number uint16) {
	u.counts.nacks++
	u.red.countNACK(number)
	sequence, run, sets, ok := u.forwarder.Lookup(number)
	var p *media.Packet
	if ok {
		p = u.ring(run.layer).get(sequence)
	}
	switch {
	case p == nil,
		u.recentRepairs.sentWithin(number, sh.now, u.subscriber.transport.roundTrip/2), // still in transit
		!u.worthRepairing(sh, p),
		!u.repairBudget.spend(len(p.Payload)+40, sh.now):
		sh.drops[NackUnanswered]++
		return
	}
	h := run.header(p)
	if sets {
		first := p.SetsPacket()
		p, h = &first, h.forSets()
	}
	u.counts.resent++
	if u.recentRepairs == nil {
		u.recentRepairs = new(repairLog)
	}
	u.recentRepairs.record(number, sh.now)
	if u.hasRTX {
		u.sendRTX(sh, p, h)
	} else {
		u.resendSame(sh, p, h)
	}
}

// worthRepairing reports whether to retransmit p. A retransmission takes bandwidth from other
// packets: on a congested path a former layer, or one that is about to be left, gets none, and
// all retransmissions are paced.
func (u *Subscription) worthRepairing(sh *shard, p *media.Packet) bool {
	f := &u.forwarder
	if u.congestedWithin(sh, noRepairAfterCongestion) && (p.Layer != f.current || f.NeedsKeyframe()) {
		return false
	}
	return u.paceAllows(sh, p)
}
