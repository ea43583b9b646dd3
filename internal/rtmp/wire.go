package rtmp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"net"
	"sync"
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/bytecounter"
	"github.com/bluenviron/gortmplib/pkg/handshake"
	"github.com/bluenviron/gortmplib/pkg/rawmessage"
)

// Types of messages (RTMP 1.0 §5.4, §6.2, §7.1).
const (
	setChunkSize = 1
	abort        = 2
	acknowledge  = 3
	userControl  = 4
	windowSize   = 5
	audioMessage = 8
	videoMessage = 9
	dataAMF0     = 18
	commandAMF3  = 17
	commandAMF0  = 20

	pingRequest  = 6
	pingResponse = 7
)

const chunkSize = 65536

// A wire is either side of a connection: chunks, and commands as AMF0. The
// library's own client insists on answers that not every server gives, and its
// reader takes whatever the other side sends. Reads are for one goroutine.
type wire struct {
	conn    net.Conn
	chunks  *chunkReader
	counted *bytecounter.ReadWriter
	told    uint32 // bytes acknowledged

	mu     sync.Mutex // guards what follows
	writer *rawmessage.Writer
}

// newWire is for a connection on which hands were shaken.
func newWire(conn net.Conn, counted *bytecounter.ReadWriter) *wire {
	return &wire{conn: conn, chunks: newChunkReader(counted.Reader), counted: counted, writer: rawmessage.NewWriter(counted, counted.Writer, false)}
}

// shakeHands makes the client's side of a connection.
func shakeHands(conn net.Conn) (*wire, error) {
	counted := bytecounter.NewReadWriter(conn)
	if _, _, err := handshake.DoClient(counted, false, false); err != nil {
		return nil, fmt.Errorf("handshake: %w", err)
	}
	w := newWire(conn, counted)
	if err := w.control(setChunkSize, chunkSize); err != nil {
		return nil, err
	}
	w.writer.SetChunkSize(chunkSize)
	return w, nil
}

// control sends one number about the connection itself.
func (w *wire) control(kind uint8, value uint32) error {
	return w.send(&rawmessage.Message{ChunkStreamID: 2, Type: kind, Body: binary.BigEndian.AppendUint32(nil, value)})
}

func (w *wire) send(m *rawmessage.Message) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.conn.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	return w.writer.Write(m)
}

// onStream is a stream's number as messages carry it: in the other byte order
// (RTMP 1.0 §5.3.1.2.1).
func onStream(id uint32) uint32 { return bits.ReverseBytes32(id) }

// call sends a command.
func (w *wire) call(stream uint32, name string, id int, arguments ...any) error {
	body, err := append(amf0.Data{name, float64(id)}, arguments...).Marshal()
	if err != nil {
		return err
	}
	return w.send(&rawmessage.Message{ChunkStreamID: 3, Type: commandAMF0, MessageStreamID: onStream(stream), Body: body})
}

// receive reads a message, and does what it says of the connection.
func (w *wire) receive() (message, error) {
	for {
		m, err := w.chunks.next()
		if err != nil {
			return m, err
		}
		if n := uint32(w.counted.Reader.Count()); n-w.told >= window/2 {
			w.told = n
			if err := w.control(acknowledge, n); err != nil {
				return m, err
			}
		}
		switch {
		case m.kind == setChunkSize && len(m.body) == 4:
			size := binary.BigEndian.Uint32(m.body)
			if size == 0 || size > 1<<24 {
				return m, fmt.Errorf("rtmp: a chunk size of %d", size)
			}
			w.chunks.size = int(size)
		case m.kind == abort && len(m.body) == 4:
			w.chunks.abort(binary.BigEndian.Uint32(m.body))
		case m.kind == userControl && len(m.body) == 6 && binary.BigEndian.Uint16(m.body) == pingRequest:
			pong := binary.BigEndian.AppendUint16(nil, pingResponse)
			if err := w.send(&rawmessage.Message{ChunkStreamID: 2, Type: userControl, Body: append(pong, m.body[2:]...)}); err != nil {
				return m, err
			}
		default:
			return m, nil
		}
	}
}

// An answer is a command.
type answer struct {
	name      string
	id        int
	arguments []any
}

// next waits for the other side's next command.
func (w *wire) next() (answer, error) {
	for {
		m, err := w.receive()
		if err != nil {
			return answer{}, err
		}
		if a, ok := m.command(); ok {
			return a, nil
		}
	}
}

// command reads a message as a command, as far as it is one.
func (m message) command() (a answer, ok bool) {
	body := m.body
	switch {
	case m.kind == commandAMF3 && len(body) > 0:
		body = body[1:] // AMF0 after a byte, in practice
	case m.kind != commandAMF0:
		return answer{}, false
	}
	data, err := amf0.Unmarshal(body)
	if err != nil || len(data) < 2 {
		return answer{}, false
	}
	name, isName := data[0].(string)
	id, isID := data[1].(float64)
	return answer{name, int(id), data[2:]}, isName && isID
}

// result waits for the answer to a call.
func (w *wire) result(id int) (answer, error) {
	for {
		a, err := w.next()
		if err != nil {
			return answer{}, err
		}
		switch {
		case a.name == "_error" && (a.id == id || a.id == 0):
			return answer{}, fmt.Errorf("%w: %s", ErrRefused, a.says())
		case a.name == "_result" && a.id == id:
			return a, nil
		case a.name == "onStatus" && a.level() == "error":
			return answer{}, fmt.Errorf("%w: %s", ErrRefused, a.says())
		}
	}
}

// information is the object in which a status stands.
func (a answer) information() amf0.Object {
	for _, v := range a.arguments {
		switch o := v.(type) {
		case amf0.Object:
			if _, is := o.Get("level"); is {
				return o
			}
		case amf0.ECMAArray:
			return amf0.Object(o)
		}
	}
	return nil
}

func (a answer) level() string {
	s, _ := a.information().GetString("level")
	return s
}

func (a answer) says() string {
	code, _ := a.information().GetString("code")
	description, _ := a.information().GetString("description")
	switch {
	case code == "" && description == "":
		return "it doesn't say why"
	case description == "":
		return code
	}
	return code + ": " + description
}

// publish asks for a stream and to publish on it; it returns the stream's number.
func (w *wire) publish(application, url, key string) (stream uint32, err error) {
	err = w.call(0, "connect", 1, amf0.Object{
		{Key: "app", Value: application}, {Key: "type", Value: "nonprivate"},
		{Key: "flashVer", Value: "FMLE/3.0 (compatible; rostrum)"}, {Key: "tcUrl", Value: url},
	})
	if err != nil {
		return 0, err
	}
	if _, err := w.result(1); err != nil {
		return 0, fmt.Errorf("connect: %w", err)
	}
	err = errors.Join(w.call(0, "releaseStream", 2, nil, key), w.call(0, "FCPublish", 3, nil, key), w.call(0, "createStream", 4, nil))
	if err != nil {
		return 0, err
	}
	made, err := w.result(4)
	if err != nil {
		return 0, fmt.Errorf("create stream: %w", err)
	}
	number, ok := 0., false
	if len(made.arguments) > 1 {
		number, ok = made.arguments[1].(float64)
	}
	if !ok {
		return 0, fmt.Errorf("%w: it made no stream", ErrRefused)
	}
	stream = uint32(number)
	if err := w.call(stream, "publish", 5, nil, key, "live"); err != nil {
		return 0, err
	}
	for {
		a, err := w.next()
		if err != nil {
			return 0, fmt.Errorf("publish: %w", err)
		}
		if a.name == "_error" || a.name == "onStatus" && a.level() == "error" {
			return 0, fmt.Errorf("publish: %w: %s", ErrRefused, a.says())
		}
		if a.name == "onStatus" {
			return stream, nil
		}
	}
}

// within ends what is read and written on conn when ctx ends; release it after.
func within(ctx context.Context, conn net.Conn) (release func()) {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	return func() { stop() }
}
