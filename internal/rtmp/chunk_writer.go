package rtmp

import (
	"bufio"
	"encoding/binary"
	"io"
)

// maxTimestamp is the least timestamp, or difference of two, that is written in an extended
// field (RTMP 1.0 §5.3.1.3).
const maxTimestamp = 0xffffff

// A chunkWriter writes messages as chunks.
type chunkWriter struct {
	w    *bufio.Writer
	size int // of a chunk's payload
	sent map[byte]sentHeader
}

// A sentHeader is that of the last message of a chunk stream.
type sentHeader struct{ stream, timestamp uint32 }

func newChunkWriter(w io.Writer) *chunkWriter {
	return &chunkWriter{w: bufio.NewWriter(w), size: 128, sent: map[byte]sentHeader{}}
}

// write writes a message of a message stream on a chunk stream below 64. Timestamps are
// differences where they can be: those stay short in a stream of hours.
func (c *chunkWriter) write(chunkStream byte, stream uint32, m message) error {
	format, timestamp := byte(0), m.timestamp
	if last, ok := c.sent[chunkStream]; ok && last.stream == stream && int32(m.timestamp-last.timestamp) >= 0 {
		format, timestamp = 1, m.timestamp-last.timestamp
	}
	c.sent[chunkStream] = sentHeader{stream, m.timestamp}
	var extended []byte
	if timestamp >= maxTimestamp {
		extended = binary.BigEndian.AppendUint32(nil, timestamp)
	}
	h := append([]byte{format<<6 | chunkStream}, uint24(min(timestamp, maxTimestamp))...)
	h = append(append(h, uint24(uint32(len(m.body)))...), m.kind)
	if format == 0 {
		h = binary.LittleEndian.AppendUint32(h, stream)
	}
	for body := m.body; ; {
		n := min(len(body), c.size)
		for _, b := range [][]byte{h, extended, body[:n]} {
			if _, err := c.w.Write(b); err != nil {
				return err
			}
		}
		if body = body[n:]; len(body) == 0 {
			return c.w.Flush()
		}
		h = []byte{3<<6 | chunkStream} // continues, with the extended timestamp again
	}
}

func uint24(v uint32) []byte { return []byte{byte(v >> 16), byte(v >> 8), byte(v)} }
