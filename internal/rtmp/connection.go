package rtmp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/bytecounter"
	"github.com/bluenviron/gortmplib/pkg/handshake"
)

const (
	chunkSize         = 65536
	acknowledgeWindow = 1 << 20 // bytes
	maxChunkSize      = 1 << 24 // that the other side may set
)

// Chunk streams of what is sent.
const (
	controlChunks = 2
	commandChunks = 3
	audioChunks   = 4
	videoChunks   = 6
)

// IDs of the commands of a client.
const (
	connectID = iota + 1
	releaseStreamID
	fcPublishID
	createStreamID
	publishID
	deleteStreamID
)

// A connection is either side of RTMP after the handshake: messages, and commands in AMF0.
// The library's client needs answers that not every server gives, and its reader has no
// bounds. Reads are for one goroutine.
type connection struct {
	conn         net.Conn
	chunks       *chunkReader
	counted      *bytecounter.ReadWriter
	acknowledged uint32 // bytes

	pending []message // of an aggregate

	mu     sync.Mutex // guards what follows
	writer *chunkWriter
}

func newConnection(conn net.Conn, counted *bytecounter.ReadWriter) *connection {
	return &connection{conn: conn, chunks: newChunkReader(counted.Reader), counted: counted, writer: newChunkWriter(conn)}
}

// newClient performs a client's handshake.
func newClient(conn net.Conn) (*connection, error) {
	counted := bytecounter.NewReadWriter(conn)
	if _, _, err := handshake.DoClient(counted, false, false); err != nil {
		return nil, fmt.Errorf("handshake: %w", err)
	}
	c := newConnection(conn, counted)
	return c, c.setChunkSize()
}

// setChunkSize announces and uses chunkSize.
func (c *connection) setChunkSize() error {
	if err := c.control(setChunkSize, chunkSize); err != nil {
		return err
	}
	c.mu.Lock()
	c.writer.size = chunkSize
	c.mu.Unlock()
	return nil
}

// control sends a protocol control message with one number.
func (c *connection) control(kind uint8, value uint32) error {
	return c.send(controlChunks, 0, message{kind: kind, body: binary.BigEndian.AppendUint32(nil, value)})
}

func (c *connection) send(chunkStream byte, stream uint32, m message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	return c.writer.write(chunkStream, stream, m)
}

// call sends a command.
func (c *connection) call(stream uint32, name string, id int, arguments ...any) error {
	body, err := append(amf0.Data{name, float64(id)}, arguments...).Marshal()
	if err != nil {
		return err
	}
	return c.send(commandChunks, stream, message{kind: commandAMF0, body: body})
}

// receive returns the next message. It handles those of the protocol itself.
func (c *connection) receive() (message, error) {
	for {
		if len(c.pending) > 0 {
			m := c.pending[0]
			c.pending = c.pending[1:]
			return m, nil
		}
		m, err := c.chunks.next()
		if err != nil {
			return m, err
		}
		if n := uint32(c.counted.Reader.Count()); n-c.acknowledged >= acknowledgeWindow/2 {
			c.acknowledged = n
			if err := c.control(acknowledge, n); err != nil {
				return m, err
			}
		}
		switch {
		case m.kind == setChunkSize && len(m.body) == 4:
			size := binary.BigEndian.Uint32(m.body)
			if size == 0 || size > maxChunkSize {
				return m, fmt.Errorf("rtmp: invalid chunk size %d", size)
			}
			c.chunks.size = int(size)
		case m.kind == abort && len(m.body) == 4:
			c.chunks.abort(binary.BigEndian.Uint32(m.body))
		case m.kind == userControl && len(m.body) == 6 && binary.BigEndian.Uint16(m.body) == pingRequest:
			pong := binary.BigEndian.AppendUint16(nil, pingResponse)
			if err := c.send(controlChunks, 0, message{kind: userControl, body: append(pong, m.body[2:]...)}); err != nil {
				return m, err
			}
		case m.kind == aggregate:
			c.pending = m.split()
		default:
			return m, nil
		}
	}
}

// nextCommand waits for the next command.
func (c *connection) nextCommand() (command, error) {
	for {
		m, err := c.receive()
		if err != nil {
			return command{}, err
		}
		if next, ok := m.command(); ok {
			return next, nil
		}
	}
}

// result waits for the answer to a call.
func (c *connection) result(id int) (command, error) {
	for {
		answer, err := c.nextCommand()
		if err != nil {
			return command{}, err
		}
		switch {
		case answer.name == "_error" && (answer.id == id || answer.id == 0), answer.isError():
			return command{}, fmt.Errorf("%w: %s", ErrRefused, answer.reason())
		case answer.name == "_result" && answer.id == id:
			return answer, nil
		}
	}
}

// publish creates a stream and publishes on it. It returns the stream's id.
func (c *connection) publish(application, url, key string) (stream uint32, err error) {
	err = c.call(0, "connect", connectID, amf0.Object{
		{Key: "app", Value: application}, {Key: "type", Value: "nonprivate"},
		{Key: "flashVer", Value: "FMLE/3.0 (compatible; rostrum)"}, {Key: "tcUrl", Value: url},
	})
	if err != nil {
		return 0, err
	}
	if _, err := c.result(connectID); err != nil {
		return 0, fmt.Errorf("connect: %w", err)
	}
	if stream, err = c.createStream(key); err != nil {
		return 0, err
	}
	if err := c.call(stream, "publish", publishID, nil, key, "live"); err != nil {
		return 0, err
	}
	for {
		answer, err := c.nextCommand()
		if err != nil {
			return 0, fmt.Errorf("publish: %w", err)
		}
		if answer.name == "_error" || answer.isError() {
			return 0, fmt.Errorf("publish: %w: %s", ErrRefused, answer.reason())
		}
		if answer.name == "onStatus" {
			return stream, nil
		}
	}
}

// createStream returns the id of a new stream. The commands before it are those of common
// encoders.
func (c *connection) createStream(key string) (stream uint32, err error) {
	err = errors.Join(
		c.call(0, "releaseStream", releaseStreamID, nil, key),
		c.call(0, "FCPublish", fcPublishID, nil, key),
		c.call(0, "createStream", createStreamID, nil),
	)
	if err != nil {
		return 0, err
	}
	answer, err := c.result(createStreamID)
	if err != nil {
		return 0, fmt.Errorf("create stream: %w", err)
	}
	if len(answer.arguments) > 1 {
		if number, ok := answer.arguments[1].(float64); ok {
			return uint32(number), nil
		}
	}
	return 0, fmt.Errorf("create stream: %w: the answer has no stream id", ErrRefused)
}
