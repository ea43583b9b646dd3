package rtmp

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Bounds of what the other side may send. Exceeding one ends the connection.
const (
	maxCommand      = 16 << 10 // bytes, which also bounds the nesting of values
	maxAudio        = 64 << 10 // bytes
	maxVideo        = 4 << 20  // bytes
	maxIncomplete   = 6 << 20  // bytes of all messages that are not complete
	maxChunkStreams = 16
)

// A chunkReader assembles messages from chunks (RTMP 1.0 §5.3), within bounds.
type chunkReader struct {
	r          *bufio.Reader
	size       int // of a chunk's payload
	streams    map[uint32]*chunkStream
	incomplete int  // bytes
	media      bool // audio and video may be longer than commands
}

// A chunkStream assembles the messages of one chunk stream.
type chunkStream struct {
	kind      uint8
	timestamp uint32
	delta     uint32
	length    int
	body      []byte
	extended  bool   // timestamps have 32 bits
	wide      uint32 // the last extended timestamp
	hasHeader bool   // later headers may omit fields
}

func newChunkReader(r io.Reader) *chunkReader {
	return &chunkReader{r: bufio.NewReaderSize(r, 16<<10), size: 128, streams: map[uint32]*chunkStream{}}
}

// next reads chunks until a message is complete.
func (c *chunkReader) next() (message, error) {
	for {
		s, err := c.chunk()
		if err != nil {
			return message{}, err
		}
		if len(s.body) == s.length {
			m := message{s.kind, s.timestamp, s.body}
			c.incomplete -= len(s.body)
			s.body = nil
			return m, nil
		}
	}
}

// chunk reads one chunk.
func (c *chunkReader) chunk() (*chunkStream, error) {
	format, id, err := c.basicHeader()
	if err != nil {
		return nil, err
	}
	s := c.streams[id]
	if s == nil {
		if len(c.streams) == maxChunkStreams {
			return nil, fmt.Errorf("rtmp: more than %d chunk streams", maxChunkStreams)
		}
		s = &chunkStream{}
		c.streams[id] = s
	}
	if err := c.messageHeader(s, format); err != nil {
		return nil, err
	}
	n := min(s.length-len(s.body), c.size)
	if c.incomplete += n; c.incomplete > maxIncomplete {
		return nil, fmt.Errorf("rtmp: more than %d bytes of incomplete messages", maxIncomplete)
	}
	start := len(s.body)
	s.body = append(s.body, make([]byte, n)...)
	_, err = io.ReadFull(c.r, s.body[start:])
	return s, err
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

// messageHeader reads a message header of a format (RTMP 1.0 §5.3.1.2).
func (c *chunkReader) messageHeader(s *chunkStream, format byte) error {
	continues := len(s.body) > 0
	switch {
	case format < 3 && continues:
		return errors.New("rtmp: a message begins before the previous one on its chunk stream is complete")
	case format > 0 && !s.hasHeader:
		return errors.New("rtmp: a chunk omits header fields that never came")
	}
	var h [11]byte
	length := [4]int{11, 7, 3, 0}[format]
	if _, err := io.ReadFull(c.r, h[:length]); err != nil {
		return err
	}
	timestamp := uint32(h[0])<<16 | uint32(h[1])<<8 | uint32(h[2])
	if format < 3 {
		s.extended = timestamp == 0xffffff
	}
	if s.extended {
		var err error
		if timestamp, err = c.extendedTimestamp(s, format); err != nil {
			return err
		}
	}
	switch {
	case format == 0:
		s.timestamp, s.delta = timestamp, 0
	case format < 3:
		s.delta = timestamp
		s.timestamp += timestamp
	case !continues:
		s.timestamp += s.delta
	}
	if format < 2 {
		s.length, s.kind = int(h[3])<<16|int(h[4])<<8|int(h[5]), h[6]
	}
	s.hasHeader = true
	if limit := c.maxLength(s.kind); s.length > limit {
		return fmt.Errorf("rtmp: a message of type %d has %d bytes, at most %d are allowed", s.kind, s.length, limit)
	}
	return nil
}

// extendedTimestamp reads the field of 32 bits. Headers of type 3 repeat it by the
// specification, but those of some encoders don't.
func (c *chunkReader) extendedTimestamp(s *chunkStream, format byte) (uint32, error) {
	if format == 3 {
		next, err := c.r.Peek(4)
		if err != nil && len(next) == 0 {
			return 0, err
		}
		if len(next) < 4 || binary.BigEndian.Uint32(next) != s.wide {
			return s.wide, nil
		}
	}
	var wide [4]byte
	_, err := io.ReadFull(c.r, wide[:])
	s.wide = binary.BigEndian.Uint32(wide[:])
	return s.wide, err
}

func (c *chunkReader) maxLength(kind uint8) int {
	switch {
	case c.media && (kind == videoMessage || kind == aggregate):
		return maxVideo
	case c.media && kind == audioMessage:
		return maxAudio
	default:
		return maxCommand
	}
}

// abort discards an incomplete message (RTMP 1.0 §5.4.2).
func (c *chunkReader) abort(id uint32) {
	if s := c.streams[id]; s != nil {
		c.incomplete -= len(s.body)
		s.body = nil
	}
}
