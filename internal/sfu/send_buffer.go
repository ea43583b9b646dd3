package sfu

const (
	sendBufferSize   = 128 << 10
	maxEncryptedSize = maxDatagram + 64 // a packet with its header, extension and seal
	maxGSODatagrams  = 60               // datagrams in one send; the kernel takes 64
	maxGSOBytes      = 64000            // bytes in one send; the kernel takes 65,507
)

// An outbox is a shard's send buffer. Packets are sealed into it one behind the other; a
// train of equal sizes, of which the last may be shorter, leaves with one system call.
type sendBuffer struct {
	shard  *shard
	buffer []byte
	route  *route

	start, end int // the train
	segment    int
	count      int
}

// address sends what is open and turns to another route.
func (o *sendBuffer) setRoute(to *route) {
	o.flush()
	o.route = to
}

// room is where the next packet is to be sealed.
func (o *sendBuffer) reserve() []byte {
	if o.end+maxEncryptedSize > len(o.buffer) {
		o.flush()
	}
	return o.buffer[o.end:o.end:len(o.buffer)]
}

// add takes the packet of n bytes that was sealed at room.
func (o *sendBuffer) commit(n int) {
	if o.count > 0 && (n > o.segment || o.count == maxGSODatagrams || o.end-o.start+n > maxGSOBytes) {
		at := o.end
		o.sendBatch()
		o.start, o.end = at, at // the new packet stays where it is
	}
	if o.count == 0 {
		o.segment = n
	}
	o.end += n
	o.count++
	if n < o.segment { // a shorter one ends the train
		at := o.end
		o.sendBatch()
		o.start, o.end = at, at
	}
}

func (o *sendBuffer) sendBatch() {
	if o.count == 0 {
		return
	}
	refused, why := o.route.send(o.shard.socket, o.buffer[o.start:o.end], o.segment)
	o.shard.drops[why] += uint64(refused)
	o.count = 0
}

// flush sends what is open.
func (o *sendBuffer) flush() {
	o.sendBatch()
	o.start, o.end, o.count = 0, 0, 0
}
