package rtmp

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Bounds of what a stranger may send. A message that is longer, or more that is
// begun and not ended, ends the connection.
const (
	maxCommand     = 16 << 10 // bytes of a command: nesting is bounded by it, too
	maxSound       = 64 << 10
	maxPicture     = 4 << 20
	maxBegun       = 6 << 20 // bytes of all messages that are begun
	maxChunkStream = 16
)

// A message is one message of RTMP, put together from its chunks.
type message struct {
	kind uint8
	at   uint32 // milliseconds, wrapping
	body []byte
}

// A chunkReader puts messages together (RTMP 1.0 §5.3), within bounds.
type chunkReader struct {
	r       *bufio.Reader
	size    int // of a chunk's part of the body
	streams map[uint32]*assembly
	begun   int  // bytes
	media   bool // pictures and sound are taken, longer than commands
}

// An assembly is the state of one chunk stream.
type assembly struct {
	kind      uint8
	at, delta uint32
	length    int
	body      []byte
	extended  bool // the times are written in 32 bits
	known     bool // a header came that later ones may leave out
}

func newChunkReader(r io.Reader) *chunkReader {
	return &chunkReader{r: bufio.NewReaderSize(r, 16<<10), size: 128, streams: map[uint32]*assembly{}}
}

// next reads chunks until a message is complete.
func (c *chunkReader) next() (message, error) {
	for {
		a, err := c.chunk()
		if err != nil {
			return message{}, err
		}
		if len(a.body) == a.length {
			m := message{a.kind, a.at, a.body}
			c.begun -= len(a.body)
			a.body = nil
			return m, nil
		}
	}
}

// chunk reads one chunk into its assembly.
func (c *chunkReader) chunk() (*assembly, error) {
	format, id, err := c.basicHeader()
	if err != nil {
		return nil, err
	}
	a := c.streams[id]
	if a == nil {
		if len(c.streams) == maxChunkStream {
			return nil, fmt.Errorf("rtmp: more than %d chunk streams", maxChunkStream)
		}
		a = &assembly{}
		c.streams[id] = a
	}
	if err := c.messageHeader(a, format); err != nil {
		return nil, err
	}
	n := min(a.length-len(a.body), c.size)
	if c.begun += n; c.begun > maxBegun {
		return nil, fmt.Errorf("rtmp: messages of more than %d bytes are begun and not ended", maxBegun)
	}
	start := len(a.body)
	a.body = append(a.body, make([]byte, n)...)
	_, err = io.ReadFull(c.r, a.body[start:])
	return a, err
}

func (c *chunkReader) basicHeader() (format byte, id uint32, err error) {
	b, err := c.r.ReadByte()
	if err != nil {
		return 0, 0, err
	}
	format, id = b>>6, uint32(b&0x3f)
	if id > 1 {
		return format, id, nil
	}
	var more [2]byte
	if _, err := io.ReadFull(c.r, more[:1+id]); err != nil {
		return 0, 0, err
	}
	return format, 64 + uint32(more[0]) + uint32(more[1])<<8, nil
}

// messageHeader reads what a chunk says of its message, by format (§5.3.1.2).
func (c *chunkReader) messageHeader(a *assembly, format byte) error {
	continues := len(a.body) > 0
	switch {
	case format < 3 && continues:
		return errors.New("rtmp: a message begins before the one on its chunk stream has ended")
	case format > 0 && !a.known:
		return errors.New("rtmp: a chunk leaves out what was never said")
	}
	var h [11]byte
	given := [4]int{11, 7, 3, 0}[format]
	if _, err := io.ReadFull(c.r, h[:given]); err != nil {
		return err
	}
	stamp := uint32(h[0])<<16 | uint32(h[1])<<8 | uint32(h[2])
	if format < 3 {
		a.extended = stamp == 0xffffff
	}
	if a.extended {
		var wide [4]byte
		if _, err := io.ReadFull(c.r, wide[:]); err != nil {
			return err
		}
		stamp = binary.BigEndian.Uint32(wide[:])
	}
	switch {
	case format == 0:
		a.at, a.delta = stamp, 0
	case format < 3:
		a.delta = stamp
		a.at += stamp
	case !continues:
		a.at += a.delta
	}
	if format < 2 {
		a.length, a.kind = int(h[3])<<16|int(h[4])<<8|int(h[5]), h[6]
	}
	a.known = true
	if most := c.maxLength(a.kind); a.length > most {
		return fmt.Errorf("rtmp: a message of type %d has %d bytes, at most %d are taken", a.kind, a.length, most)
	}
	return nil
}

func (c *chunkReader) maxLength(kind uint8) int {
	switch {
	case c.media && kind == videoMessage:
		return maxPicture
	case c.media && kind == audioMessage:
		return maxSound
	default:
		return maxCommand
	}
}

// abort forgets a message that is begun (§5.4.2).
func (c *chunkReader) abort(id uint32) {
	if a := c.streams[id]; a != nil {
		c.begun -= len(a.body)
		a.body = nil
	}
}
