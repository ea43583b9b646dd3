package sfu

const (
	outboxSize  = 128 << 10
	maxSealed   = maxDatagram + 64 // a packet with its header, extension and seal
	maxTrain    = 60               // datagrams in one send; the kernel takes 64
	maxTrainLen = 64000            // bytes in one send; the kernel takes 65,507
)

// An outbox is a shard's send buffer. Packets are sealed into it one behind the other; a
// train of equal sizes, of which the last may be shorter, leaves with one system call.
type outbox struct {
	shard  *shard
	buffer []byte
	to     *route

	start, end int // the train
	segment    int
	count      int
}

// address sends what is open and turns to another route.
func (o *outbox) address(to *route) {
	o.flush()
	o.to = to
}

// room is where the next packet is to be sealed.
func (o *outbox) room() []byte {
	if o.end+maxSealed > len(o.buffer) {
		o.flush()
	}
	return o.buffer[o.end:o.end:len(o.buffer)]
}

// add takes the packet of n bytes that was sealed at room.
func (o *outbox) add(n int) {
	if o.count > 0 && (n > o.segment || o.count == maxTrain || o.end-o.start+n > maxTrainLen) {
		at := o.end
		o.send()
		o.start, o.end = at, at // the new packet stays where it is
	}
	if o.count == 0 {
		o.segment = n
	}
	o.end += n
	o.count++
	if n < o.segment { // a shorter one ends the train
		at := o.end
		o.send()
		o.start, o.end = at, at
	}
}

func (o *outbox) send() {
	if o.count == 0 {
		return
	}
	refused, why := o.to.transmit(o.shard.socket, o.buffer[o.start:o.end], o.segment)
	o.shard.drops[why] += uint64(refused)
	o.count = 0
}

// flush sends what is open.
func (o *outbox) flush() {
	o.send()
	o.start, o.end, o.count = 0, 0, 0
}
