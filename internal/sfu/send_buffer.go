package sfu

const (
	sendBufferSize   = 128 << 10
	maxEncryptedSize = maxDatagram + 64 // a packet with header, extension and authentication tag
	maxGSODatagrams  = 60               // in one send; the kernel takes 64
	maxGSOBytes      = 64000            // in one send; the kernel takes 65,507
)

// sendBuffer is a shard's buffer for outgoing packets. They are encrypted into it one behind
// the other. A GSO batch of packets of equal size, of which the last may be shorter, is sent
// with one system call.
type sendBuffer struct {
	socket socket
	drops  *dropCounts
	buffer []byte
	route  *route

	// The current batch.
	start, end int
	segment    int
	count      int
}

func newSendBuffer(s socket, drops *dropCounts) sendBuffer {
	return sendBuffer{socket: s, drops: drops, buffer: make([]byte, sendBufferSize)}
}

// setRoute sends the current batch and starts one for another route.
func (b *sendBuffer) setRoute(to *route) {
	b.flush()
	b.route = to
}

// reserve returns the space for the next packet.
func (b *sendBuffer) reserve() []byte {
	if b.end+maxEncryptedSize > len(b.buffer) {
		b.flush()
	}
	return b.buffer[b.end:b.end:len(b.buffer)]
}

// commit adds the packet of n bytes that was written to the reserved space.
func (b *sendBuffer) commit(n int) {
	if b.count > 0 && (n > b.segment || b.count == maxGSODatagrams || b.end-b.start+n > maxGSOBytes) {
		at := b.end
		b.sendBatch()
		b.start, b.end = at, at // the new packet stays where it is
	}
	if b.count == 0 {
		b.segment = n
	}
	b.end += n
	b.count++
	if n < b.segment { // a shorter packet ends the batch
		at := b.end
		b.sendBatch()
		b.start, b.end = at, at
	}
}

func (b *sendBuffer) sendBatch() {
	if b.count == 0 {
		return
	}
	refused, why := b.route.send(b.socket, b.buffer[b.start:b.end], b.segment)
	b.drops[why] += uint64(refused)
	b.count = 0
}

// flush sends the current batch.
func (b *sendBuffer) flush() {
	b.sendBatch()
	b.start, b.end, b.count = 0, 0, 0
}
