package rtmp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/bytecounter"
	"github.com/bluenviron/gortmplib/pkg/handshake"
	"github.com/bluenviron/gortmplib/pkg/rawmessage"
)

const (
	peerBandwidth = 6

	introduction = 10 * time.Second // from the connection to the stream key
	silence      = 30 * time.Second // after which a publisher is gone
	maxIntro     = 64               // messages before the stream key
	window       = 1 << 20          // bytes between acknowledgements
)

// An Ingest is a connection that a publisher sends on. Its reads are for one
// goroutine.
type Ingest struct {
	wire *wire

	began bool
	last  uint32        // of the times that came, which wrap
	at    time.Duration // the same since the stream began
}

// Accept shakes hands with a publisher and asks judge about its application and
// stream key. An error of judge is told to the publisher and returned. Who calls
// it closes conn in any case.
func Accept(conn net.Conn, judge func(application, key string) error) (*Ingest, error) {
	if err := conn.SetDeadline(time.Now().Add(introduction)); err != nil {
		return nil, err
	}
	counted := bytecounter.NewReadWriter(conn)
	encrypted, _, err := handshake.DoServer(counted, false)
	if err != nil {
		return nil, fmt.Errorf("handshake: %w", err)
	}
	if encrypted != nil {
		return nil, errors.New("handshake: RTMPE is not spoken here, use RTMPS")
	}
	i := &Ingest{wire: newWire(conn, counted)}
	if err := i.introduce(judge); err != nil {
		return nil, err
	}
	i.wire.chunks.media = true
	return i, conn.SetReadDeadline(time.Now().Add(silence))
}

// introduce answers commands until the publisher has said what it publishes.
func (i *Ingest) introduce(judge func(application, key string) error) error {
	application := ""
	for range maxIntro {
		m, err := i.wire.receive()
		if err != nil {
			return err
		}
		c, ok := m.command()
		if !ok {
			continue
		}
		switch c.name {
		case "connect":
			application = strings.Trim(c.text(0, "app"), "/")
			err = i.welcome(c)
		case "createStream":
			err = i.wire.call(0, "_result", c.id, nil, float64(1))
		case "publish":
			key, _, _ := strings.Cut(c.text(1, ""), "?")
			return i.publish(c, judge(application, key))
		case "play":
			return errors.Join(i.status(c, "error", "NetStream.Play.Failed", "nothing is played here"), errors.New("the client wants to play"))
		}
		if err != nil {
			return err
		}
	}
	return fmt.Errorf("no stream key within %d messages", maxIntro)
}

// publish answers as judged.
func (i *Ingest) publish(c answer, judged error) error {
	if judged != nil {
		return errors.Join(judged, i.status(c, "error", "NetStream.Publish.BadName", judged.Error()))
	}
	return i.status(c, "status", "NetStream.Publish.Start", "publishing")
}

func (i *Ingest) status(c answer, level, code, description string) error {
	return i.wire.call(1, "onStatus", c.id, nil, amf0.Object{
		{Key: "level", Value: level}, {Key: "code", Value: code}, {Key: "description", Value: description},
	})
}

func (i *Ingest) welcome(c answer) error {
	limit := append(binary.BigEndian.AppendUint32(nil, window), 2)
	err := errors.Join(
		i.wire.control(windowSize, window),
		i.wire.send(&rawmessage.Message{ChunkStreamID: 2, Type: peerBandwidth, Body: limit}),
		i.wire.control(setChunkSize, chunkSize),
	)
	if err != nil {
		return err
	}
	i.wire.writer.SetChunkSize(chunkSize)
	return i.wire.call(0, "_result", c.id,
		amf0.Object{{Key: "fmsVer", Value: "FMS/3,0,1,123"}, {Key: "capabilities", Value: float64(31)}},
		amf0.Object{
			{Key: "level", Value: "status"}, {Key: "code", Value: "NetConnection.Connect.Success"},
			{Key: "description", Value: "connected"}, {Key: "objectEncoding", Value: float64(0)},
		})
}

// Next waits for the next frame. The error is io.EOF when the publisher ended the
// stream, and no frame comes after one.
func (i *Ingest) Next() (Frame, error) {
	for {
		m, err := i.wire.receive()
		if err != nil {
			return Frame{}, err
		}
		if c, ok := m.command(); ok && (c.name == "deleteStream" || c.name == "FCUnpublish" || c.name == "closeStream") {
			return Frame{}, io.EOF
		}
		if m.kind != videoMessage && m.kind != audioMessage {
			continue
		}
		if err := i.wire.conn.SetReadDeadline(time.Now().Add(silence)); err != nil {
			return Frame{}, err
		}
		f, shift, ok, err := m.frame()
		if err != nil {
			return Frame{}, err
		}
		if ok {
			f.Decode = i.clock(m.at)
			f.Present = f.Decode + shift
			return f, nil
		}
	}
}

func (m message) frame() (f Frame, shift time.Duration, ok bool, err error) {
	if m.kind == videoMessage {
		return parseVideo(m.body)
	}
	f, ok, err = parseAudio(m.body)
	return f, 0, ok, err
}

// clock turns a time on the wire, which wraps and may begin anywhere, into one
// since the stream began.
func (i *Ingest) clock(at uint32) time.Duration {
	if !i.began {
		i.began, i.last = true, at
	}
	i.at += time.Duration(int32(at-i.last)) * time.Millisecond
	i.last = at
	return i.at
}

// text is a command's argument, or a member of it.
func (a answer) text(argument int, member string) string {
	if argument >= len(a.arguments) {
		return ""
	}
	v := a.arguments[argument]
	switch o := v.(type) {
	case amf0.Object:
		s, _ := o.GetString(member)
		return s
	case amf0.ECMAArray:
		s, _ := amf0.Object(o).GetString(member)
		return s
	}
	s, _ := v.(string)
	return s
}
