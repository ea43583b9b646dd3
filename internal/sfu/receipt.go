package sfu

// A Receipt notes a run of forwarded packets, so that a NACK in the receiver's numbers finds
// the original, and a packet that comes late gets the number that was left for it. All
// packets of a run share one shift of number and time.
type Receipt struct {
	from    uint64 // first outgoing number of the run
	shift   uint64 // outgoing + shift = the layer's own number, modulo 2^64
	stamp   uint32 // outgoing timestamp = the layer's + stamp
	picture uint16 // added to VP8 picture ids
	tl0     uint8  // added to VP8 TL0PICIDX
	layer   int8

	rush   bool   // a replayed past, whose time is pressed together
	anchor uint32 // the layer's timestamp that the past is pressed against
}

// rushFactor is how much faster than it happened a replayed past is told: a group of two
// seconds spans 31 ms, and each picture still has a time of its own.
const rushFactor = 64

func (r *Receipt) timestamp(ts uint32) uint32 {
	if r.rush && int32(r.anchor-ts) > 0 { // one behind the past may come late
		ts = r.anchor - uint32(int32(r.anchor-ts)/rushFactor)
	}
	return ts + r.stamp
}

// receipts remembers the latest runs.
type receipts struct {
	runs [16]Receipt
	n    int // runs ever begun
}

func (r *receipts) add(run Receipt) *Receipt {
	i := r.n % len(r.runs)
	r.runs[i] = run
	r.n++
	return &r.runs[i]
}

func (r *receipts) current() *Receipt { return &r.runs[(r.n-1)%len(r.runs)] }

// find returns the run that an outgoing number belongs to, nil if it's forgotten.
func (r *receipts) find(out uint64) *Receipt {
	for i := r.n - 1; i >= 0 && i >= r.n-len(r.runs); i-- {
		if run := &r.runs[i%len(r.runs)]; run.from <= out {
			return run
		}
	}
	return nil
}

// left returns the run of a layer in which the number was left out for a late packet, nil if none.
func (r *receipts) left(layer int8, sequence uint64) *Receipt {
	var end uint64 // first outgoing number after the run; 0 for the open one
	for i := r.n - 1; i >= 0 && i >= r.n-len(r.runs); i-- {
		run := &r.runs[i%len(r.runs)]
		out := sequence - run.shift
		if run.layer == layer && out >= run.from && (end == 0 || out < end) && out < 1<<63 {
			return run
		}
		end = run.from
	}
	return nil
}
