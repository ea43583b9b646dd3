package sfu

import (
	"time"

	"github.com/pion/rtcp"

	"rostrum/internal/media"
)

const (
	repairBytesPerSecond = 250_000
	repairBurst          = 100_000 // bytes

	// noRepairAfterCongestion is how long after congestion no packets of a former layer are
	// retransmitted: they were lost because there were too many.
	noRepairAfterCongestion = 3 * time.Second
)

// repairState is what a subscription needs for retransmissions.
type repairState struct {
	repairBudget  byteBudget
	recentRepairs repairLog
	twccNumbers   *twccNumberLog // nil if there is an RTX stream, or no transport-wide number
}

// byteBudget limits retransmissions, however many NACKs arrive.
type byteBudget struct {
	bytes     int
	updatedAt time.Duration
}

func (b *byteBudget) spend(bytes int, now time.Duration) bool {
	if b.updatedAt == 0 {
		b.bytes = repairBurst
	}
	b.bytes = min(b.bytes+int((now-b.updatedAt)*repairBytesPerSecond/time.Second), repairBurst)
	b.updatedAt = now
	if b.bytes < bytes {
		return false
	}
	b.bytes -= bytes
	return true
}

// repairLog records when numbers were last retransmitted: a viewer may request a number again
// before the first retransmission can have arrived.
type repairLog [64]struct {
	number uint16
	at     time.Duration
}

func (l *repairLog) sentWithin(number uint16, now, within time.Duration) bool {
	last := l[number%uint16(len(l))]
	return last.at != 0 && last.number == number && now-last.at < within
}

func (l *repairLog) record(number uint16, now time.Duration) {
	last := &l[number%uint16(len(l))]
	last.number, last.at = number, now
}

// twccNumberLog records the transport-wide numbers of the latest packets, for a subscription
// that retransmits without an RTX stream.
type twccNumberLog [64]struct {
	sequence uint64
	number   uint16
}

func (l *twccNumberLog) record(sequence uint64, number uint16) {
	last := &l[sequence%uint64(len(l))]
	last.sequence, last.number = sequence, number
}

func (l *twccNumberLog) lookup(sequence uint64) (number uint16, known bool) {
	last := l[sequence%uint64(len(l))]
	return last.number, last.sequence == sequence
}

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
	layer, sequence, run, ok := u.forwarder.Lookup(number)
	var p *media.Packet
	if ok {
		p = u.ring(layer).get(sequence)
	}
	switch {
	case p == nil,
		u.recentRepairs.sentWithin(number, sh.now, u.subscriber.transport.roundTrip/2), // still in transit
		!u.worthRepairing(sh, p),
		!u.repairBudget.spend(len(p.Payload)+40, sh.now):
		sh.drops[NackUnanswered]++
		return
	}
	h := OutgoingHeader{sequence - run.sequenceOffset, run.timestamp(p.Timestamp), run.pictureOffset, run.tl0Offset}
	u.counts.resent++
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
