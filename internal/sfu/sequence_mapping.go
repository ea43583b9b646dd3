package sfu

// A Receipt notes a run of forwarded packets, so that a NACK in the receiver's numbers finds
// the original, and a packet that comes late gets the number that was left for it. All
// packets of a run share one shift of number and time.
type mapping struct {
	first           uint64 // first outgoing number of the run
	sequenceOffset  uint64 // outgoing + shift = the layer's own number, modulo 2^64
	timestampOffset uint32 // outgoing timestamp = the layer's + stamp
	pictureOffset   uint16 // added to VP8 picture ids
	tl0Offset       uint8  // added to VP8 TL0PICIDX
	layer           int8

	compressed bool   // a replayed past, whose time is pressed together
	anchor     uint32 // the layer's timestamp that the past is pressed against
}

// rushFactor is how much faster than it happened a replayed past is told: a group of two
// seconds spans 31 ms, and each picture still has a time of its own.
const replaySpeedup = 64

func (r *mapping) timestamp(ts uint32) uint32 {
	if r.compressed && int32(r.anchor-ts) > 0 { // one behind the past may come late
		ts = r.anchor - uint32(int32(r.anchor-ts)/replaySpeedup)
	}
	return ts + r.timestampOffset
}

// receipts remembers the latest runs.
type mappings struct {
	runs  [16]mapping
	count int // runs ever begun
}

func (r *mappings) add(run mapping) *mapping {
	i := r.count % len(r.runs)
	r.runs[i] = run
	r.count++
	return &r.runs[i]
}

func (r *mappings) current() *mapping { return &r.runs[(r.count-1)%len(r.runs)] }

// find returns the run that an outgoing number belongs to, nil if it's forgotten.
func (r *mappings) find(out uint64) *mapping {
	for i := r.count - 1; i >= 0 && i >= r.count-len(r.runs); i-- {
		if run := &r.runs[i%len(r.runs)]; run.first <= out {
			return run
		}
	}
	return nil
}

// left returns the run of a layer in which the number was left out for a late packet, nil if none.
func (r *mappings) findLate(layer int8, sequence uint64) *mapping {
	var end uint64 // first outgoing number after the run; 0 for the open one
	for i := r.count - 1; i >= 0 && i >= r.count-len(r.runs); i-- {
		run := &r.runs[i%len(r.runs)]
		out := sequence - run.sequenceOffset
		if run.layer == layer && out >= run.first && (end == 0 || out < end) && out < 1<<63 {
			return run
		}
		end = run.first
	}
	return nil
}
