package ingest_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"net"
	"strings"
	"testing"
	"time"
)

// A rawEncoder publishes whatever bodies of messages a test makes. It shares no code with the
// server.
type rawEncoder struct {
	conn     net.Conn
	received logBuffer     // all bytes of the server: its messages are not split
	ended    chan struct{} // closed when the server has closed the connection
}

// Types of messages.
const (
	rawAudio   = 8
	rawVideo   = 9
	rawCommand = 20
)

// connectRaw connects and asks to publish.
func (s *fixture) connectRaw(t *testing.T, key string) *rawEncoder {
	t.Helper()
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	e := &rawEncoder{conn: conn, ended: make(chan struct{})}
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	hello := append([]byte{3}, make([]byte, 1536)...)
	answer := make([]byte, 1+2*1536)
	if _, err := conn.Write(hello); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, answer); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(answer[1:1537]); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(e.ended)
		_, _ = io.Copy(&e.received, conn) // until its end
	}()
	t.Cleanup(func() {
		conn.Close()
		<-e.ended
	})
	_ = e.send(1, 0, []byte{0, 0xff, 0xff, 0xff}) // a chunk size above all messages
	_ = e.send(rawCommand, 0, amf("connect", 1., map[string]any{"app": "app", "capsEx": 15.}))
	_ = e.send(rawCommand, 0, amf("createStream", 2., nil))
	_ = e.send(rawCommand, 0, amf("publish", 3., nil, key, "live"))
	return e
}

// publishRaw is connectRaw that is accepted.
func (s *fixture) publishRaw(t *testing.T) *rawEncoder {
	t.Helper()
	e := s.connectRaw(t, s.key)
	e.awaitStatus(t, "NetStream.Publish.Start")
	return e
}

func (e *rawEncoder) awaitStatus(t *testing.T, code string) {
	t.Helper()
	await(t, code, func() bool { return strings.Contains(e.received.String(), code) })
}

// send sends one message, in one chunk.
func (e *rawEncoder) send(kind byte, at time.Duration, body []byte) error {
	ms, size := uint32(at.Milliseconds()), len(body)
	b := []byte{4, byte(ms >> 16), byte(ms >> 8), byte(ms), byte(size >> 16), byte(size >> 8), byte(size), kind, 1, 0, 0, 0}
	_, err := e.conn.Write(append(b, body...))
	return err
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

// avcConfig is an AVCDecoderConfigurationRecord.
func avcConfig(sps, pps []byte) []byte {
	b := append([]byte{1}, sps[1:4]...)
	b = binary.BigEndian.AppendUint16(append(b, 0xff, 0xe1), uint16(len(sps)))
	b = binary.BigEndian.AppendUint16(append(append(b, sps...), 1), uint16(len(pps)))
	return append(b, pps...)
}

// avcPicture is a picture with lengths before its NAL units.
func avcPicture(units [][]byte) (b []byte) {
	for _, u := range units {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(u))), u...)
	}
	return b
}

// join concatenates.
func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
