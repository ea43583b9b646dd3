package recorder

import (
	"sync/atomic"
	"testing"

	"rostrum/internal/media"
)

func TestTapQueue_NeedsMemoryForWhatWaitsOnly(t *testing.T) {
	var dropped atomic.Uint64
	q := newTapQueue(&dropped)
	for n := range maxPackets + 2 {
		q.add(tapped{packet: media.Packet{Sequence: uint64(n)}})
	}
	if n := dropped.Load(); n != 2 || q.len() != maxPackets || len(q.arrived) != 1 {
		t.Errorf("%d packets are dropped, and %d wait", n, q.len())
	}
	all := q.take(nil)
	if len(all) != maxPackets || all[maxPackets-1].packet.Sequence != maxPackets-1 || q.len() != 0 {
		t.Errorf("%d packets are taken, and %d wait", len(all), q.len())
	}
	for range 3 { // one slice is read while the other is written
		q.add(tapped{})
		if all = q.take(all); len(all) != 1 || cap(q.packets) > keptPackets {
			t.Errorf("%d packets are taken; there is memory for %d", len(all), cap(q.packets))
		}
	}
}

func TestTapQueue_WakesItsReaderForManyPackets(t *testing.T) {
	q := newTapQueue(new(atomic.Uint64))
	for n := range fewPackets {
		if len(q.arrived) != 0 {
			t.Fatalf("the reader is woken for %d packets", n)
		}
		q.add(tapped{})
	}
	if len(q.arrived) != 1 {
		t.Errorf("the reader is not woken for %d packets", fewPackets)
	}
}
