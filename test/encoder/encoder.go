// Package encoder is an encoder of (Enhanced) RTMP that sends whatever a test makes. It shares
// no code with the server.
package encoder

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net"
	"sync"
	"time"
)

// Types of messages (RTMP 1.0 §5.4, §7.1).
const (
	SetChunkSize = 1
	Audio        = 8
	Video        = 9
	command      = 20
)

const handshakeSize = 1536 // bytes

// An Encoder is a connection that asked to publish.
type Encoder struct {
	conn  net.Conn
	ended chan struct{} // closed when the server has closed the connection

	mu       sync.Mutex
	received bytes.Buffer
}

// Connect performs the handshake.
func Connect(address string) (*Encoder, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	e := &Encoder{conn: conn, ended: make(chan struct{})}
	if err := e.handshake(); err != nil {
		conn.Close()
		return nil, fmt.Errorf("handshake: %w", err)
	}
	go func() {
		defer close(e.ended)
		_, _ = io.Copy(e, conn) // until its end
	}()
	return e, nil
}

// Publish connects and asks to publish with a stream key. Whether that was accepted is in
// Received.
func Publish(address, key string) (*Encoder, error) {
	e, err := Connect(address)
	if err != nil {
		return nil, err
	}
	_ = e.Send(SetChunkSize, 0, []byte{0, 0xff, 0xff, 0xff}) // above all messages
	_ = e.Send(command, 0, amf("connect", 1., map[string]any{"app": "app", "capsEx": 15.}))
	_ = e.Send(command, 0, amf("createStream", 2., nil))
	_ = e.Send(command, 0, amf("publish", 3., nil, key, "live"))
	return e, nil
}

func (e *Encoder) handshake() error {
	if err := e.conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	if _, err := e.conn.Write(append([]byte{3}, make([]byte, handshakeSize)...)); err != nil {
		return err
	}
	answer := make([]byte, 1+2*handshakeSize)
	if _, err := io.ReadFull(e.conn, answer); err != nil {
		return err
	}
	_, err := e.conn.Write(answer[1 : 1+handshakeSize])
	return err
}

// Write takes what the server sent.
func (e *Encoder) Write(b []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.received.Write(b)
}

// Received is all that the server sent: its messages are not split, and have the texts of
// statuses as they are.
func (e *Encoder) Received() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.received.String()
}

// Ended is closed when the server has closed the connection.
func (e *Encoder) Ended() <-chan struct{} { return e.ended }

// Close closes the connection.
func (e *Encoder) Close() {
	e.conn.Close()
	<-e.ended
}

// Send sends a message in one chunk.
func (e *Encoder) Send(kind byte, at time.Duration, body []byte) error {
	return e.SendBytes(append(Header(4, kind, at, len(body)), body...))
}

// SendBytes sends bytes as they are.
func (e *Encoder) SendBytes(b []byte) error {
	_, err := e.conn.Write(b)
	return err
}

// Header is that of the first chunk of a message on a chunk stream below 64.
func Header(chunkStream, kind byte, at time.Duration, size int) []byte {
	ms := uint32(at.Milliseconds())
	return []byte{chunkStream, byte(ms >> 16), byte(ms >> 8), byte(ms), byte(size >> 16), byte(size >> 8), byte(size), kind, 1, 0, 0, 0}
}

// amf encodes values in AMF0.
func amf(values ...any) (b []byte) {
	text := func(s string) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...) }
	for _, v := range values {
		switch v := v.(type) {
		case nil:
			b = append(b, 5)
		case float64:
			b = binary.BigEndian.AppendUint64(append(b, 0), math.Float64bits(v))
		case string:
			b = append(append(b, 2), text(v)...)
		case map[string]any:
			b = append(b, 3)
			for key, member := range v {
				b = append(append(b, text(key)...), amf(member)...)
			}
			b = append(b, 0, 0, 9)
		}
	}
	return b
}

// AVCConfig is an AVCDecoderConfigurationRecord (ISO 14496-15 §5.3.3.1).
func AVCConfig(sps, pps []byte) []byte {
	b := append([]byte{1}, sps[1:4]...)
	b = binary.BigEndian.AppendUint16(append(b, 0xff, 0xe1), uint16(len(sps)))
	b = binary.BigEndian.AppendUint16(append(append(b, sps...), 1), uint16(len(pps)))
	return append(b, pps...)
}

// AVCPicture is a picture with lengths before its NAL units.
func AVCPicture(units [][]byte) (b []byte) {
	for _, u := range units {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(u))), u...)
	}
	return b
}
