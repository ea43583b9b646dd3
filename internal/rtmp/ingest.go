package rtmp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/bytecounter"
	"github.com/bluenviron/gortmplib/pkg/handshake"

	"rostrum/internal/media"
)

const (
	publishTimeout = 10 * time.Second // from the connection to the stream key
	idleTimeout    = 30 * time.Second // between frames
	maxMessages    = 64               // before the stream key
	dynamicLimit   = 2                // of set peer bandwidth (RTMP 1.0 §5.4.5)
)

// An Ingest is a publisher's connection. Its reads are for one goroutine.
type Ingest struct {
	connection *connection
	deadline   time.Time     // of Next; zero for none
	codecs     []media.Codec // of video, beside H.264

	packets    []packet // of the last message
	hasAudio   bool
	audioTrack int // that is used: the first

	begun bool
	last  uint32        // timestamp, which wraps
	time  time.Duration // of last, since the stream began
}

// Accept performs the handshake with a publisher and authorizes its application and stream
// key. An error of authorize is sent to the publisher and returned. codecs are those of video that
// it may send beside H.264. The caller closes conn in any case.
func Accept(conn net.Conn, authorize func(application, key string) error, codecs ...media.Codec) (*Ingest, error) {
	if err := conn.SetDeadline(time.Now().Add(publishTimeout)); err != nil {
		return nil, err
	}
	counted := bytecounter.NewReadWriter(conn)
	encrypted, _, err := handshake.DoServer(counted, false)
	if err != nil {
		return nil, fmt.Errorf("handshake: %w", err)
	}
	if encrypted != nil {
		return nil, errors.New("handshake: RTMPE is not supported, use RTMPS")
	}
	i := &Ingest{connection: newConnection(conn, counted), codecs: codecs}
	if err := i.awaitPublish(authorize); err != nil {
		return nil, err
	}
	i.connection.chunks.media = true
	return i, i.extendRead()
}

// SetDeadline is when Next fails with a timeout although messages come; zero for never.
func (i *Ingest) SetDeadline(at time.Time) error {
	i.deadline = at
	return i.extendRead()
}

// extendRead lets the publisher be silent for a while from now on.
func (i *Ingest) extendRead() error {
	at := time.Now().Add(idleTimeout)
	if !i.deadline.IsZero() && i.deadline.Before(at) {
		at = i.deadline
	}
	return i.connection.conn.SetReadDeadline(at)
}

// awaitPublish answers commands until the publisher publishes.
func (i *Ingest) awaitPublish(authorize func(application, key string) error) error {
	application := ""
	for range maxMessages {
		m, err := i.connection.receive()
		if err != nil {
			return err
		}
		c, ok := m.command()
		if !ok {
			continue
		}
		switch c.name {
		case "connect":
			application = c.text(0, "app")
			err = i.answerConnect(c)
		case "createStream":
			err = i.connection.call(0, "_result", c.id, nil, float64(1))
		case "publish":
			return i.answerPublish(c, authorize(splitName(application, c.text(1, ""))))
		case "play":
			return errors.Join(i.status(c, "error", "NetStream.Play.Failed", "playback over RTMP is not supported"), errors.New("the client asked to play"))
		}
		if err != nil {
			return err
		}
	}
	return fmt.Errorf("no stream key within %d messages", maxMessages)
}

// splitName returns the application and the stream key of what connect and publish name.
// Encoders divide the path of their address differently, and add queries to either part.
// Where it has one segment only that is the key.
func splitName(application, stream string) (app, key string) {
	application, _, _ = strings.Cut(application, "?")
	stream, _, _ = strings.Cut(stream, "?")
	segments := strings.FieldsFunc(application+"/"+stream, func(r rune) bool { return r == '/' })
	if len(segments) > 1 {
		app, segments = segments[0], segments[1:]
	}
	return app, strings.Join(segments, "/")
}

// answerPublish accepts the stream, or refuses it.
func (i *Ingest) answerPublish(c command, refusal error) error {
	if refusal != nil {
		return errors.Join(refusal, i.status(c, "error", "NetStream.Publish.BadName", refusal.Error()))
	}
	return i.status(c, "status", "NetStream.Publish.Start", "publishing")
}

// Reject tells the publisher why its stream is ended. The caller lets it be read by Drain,
// and closes the connection.
func (i *Ingest) Reject(reason string) error {
	return i.status(command{}, "error", "NetStream.Publish.Rejected", reason)
}

// Bounds of what Drain reads.
const (
	drainTime  = 2 * time.Second
	drainBytes = 16 << 20
)

// Drain reads and ignores what the publisher still sends, for a while: a connection that is
// closed with something unread is reset, and what was sent last may not be received.
func (i *Ingest) Drain() {
	if i.connection.conn.SetReadDeadline(time.Now().Add(drainTime)) == nil {
		_, _ = io.CopyN(io.Discard, i.connection.conn, drainBytes) // until its end, or ours
	}
}

func (i *Ingest) status(c command, level, code, description string) error {
	return i.connection.call(1, "onStatus", c.id, nil, amf0.Object{
		{Key: "level", Value: level}, {Key: "code", Value: code}, {Key: "description", Value: description},
	})
}

func (i *Ingest) answerConnect(c command) error {
	limit := append(binary.BigEndian.AppendUint32(nil, acknowledgeWindow), dynamicLimit)
	err := errors.Join(
		i.connection.control(windowSize, acknowledgeWindow),
		i.connection.send(controlChunks, 0, message{kind: bandwidth, body: limit}),
		i.connection.setChunkSize(),
	)
	if err != nil {
		return err
	}
	// Enhanced RTMP leaves open in which of the objects a client looks for these.
	list, video := amf0.StrictArray{avc, aac, opus}, amf0.Object{{Key: avc, Value: float64(canForward)}}
	for _, name := range []string{vp9, av1} {
		if slices.Contains(i.codecs, videoCodecs[name]) {
			list, video = append(list, name), append(video, amf0.ObjectEntry{Key: name, Value: float64(canForward)})
		}
	}
	enhanced := amf0.Object{
		{Key: "capsEx", Value: float64(canMultitrack | canModifiers)},
		{Key: "fourCcList", Value: list},
		{Key: "videoFourCcInfoMap", Value: video},
		{Key: "audioFourCcInfoMap", Value: amf0.Object{{Key: aac, Value: float64(canDecode)}, {Key: opus, Value: float64(canForward)}}},
	}
	return i.connection.call(0, "_result", c.id,
		append(amf0.Object{{Key: "fmsVer", Value: "FMS/3,0,1,123"}, {Key: "capabilities", Value: float64(31)}}, enhanced...),
		append(amf0.Object{
			{Key: "level", Value: "status"}, {Key: "code", Value: "NetConnection.Connect.Success"},
			{Key: "description", Value: "connected"}, {Key: "objectEncoding", Value: float64(0)},
		}, enhanced...))
}

// Next waits for the next frame. The error is io.EOF when the publisher ended the stream.
// No frame follows an error. Of several tracks of audio it returns the first.
func (i *Ingest) Next() (Frame, error) {
	for {
		if len(i.packets) > 0 {
			p := i.packets[0]
			i.packets = i.packets[1:]
			return p.Frame, p.err
		}
		m, err := i.connection.receive()
		if err != nil {
			return Frame{}, err
		}
		if c, ok := m.command(); ok && (c.name == "deleteStream" || c.name == "FCUnpublish" || c.name == "closeStream") {
			return Frame{}, io.EOF
		}
		if m.kind != videoMessage && m.kind != audioMessage {
			continue
		}
		if err := i.extendRead(); err != nil {
			return Frame{}, err
		}
		i.queue(m)
	}
}

// queue parses a message.
func (i *Ingest) queue(m message) {
	for _, p := range m.packets() {
		if m.kind == audioMessage {
			if !i.hasAudio {
				i.hasAudio, i.audioTrack = true, p.Track
			}
			if p.Track != i.audioTrack {
				continue
			}
		}
		if p.Codec != media.NoCodec && !slices.Contains(i.codecs, p.Codec) {
			p.err = fmt.Errorf("%w, not %q", ErrVideoCodec, fourCC(p.Codec))
		}
		p.Decode = i.unwrap(m.timestamp)
		p.Present = p.Decode + p.shift
		i.packets = append(i.packets, p)
	}
}

// unwrap turns a timestamp, which wraps and may begin anywhere, into a time since the
// stream began.
func (i *Ingest) unwrap(timestamp uint32) time.Duration {
	if !i.begun {
		i.begun, i.last = true, timestamp
	}
	i.time += time.Duration(int32(timestamp-i.last)) * time.Millisecond
	i.last = timestamp
	return i.time
}
