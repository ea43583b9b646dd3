// Package rtmp implements RTMP and RTMPS for H.264 and AAC: a Push sends a stream to a
// server, an Ingest receives one from a publisher.
package rtmp

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
)

// ErrRefused says that the server answered and did not accept the stream, such as for an
// unknown key, or one in use.
var ErrRefused = errors.New("the server refused the stream")

const (
	dialTimeout  = 10 * time.Second
	writeTimeout = 10 * time.Second // of one message
)

// A Stream describes what a Push sends.
type Stream struct {
	Sets          [][]byte // of H.264: an SPS, and one PPS or more
	Audio         []byte   // AudioSpecificConfig (ISO 14496-3); nil without audio
	Width, Height int      // pixels
	FrameRate     float64
	TLS           *tls.Config // of rtmps; nil for the system's roots

	// Guard may refuse the address that is connected to (the Control of a net.Dialer).
	// May be nil.
	Guard func(network, address string, c syscall.RawConn) error
}

// A Push is a connection that publishes. Its writes are for one goroutine.
type Push struct {
	connection *connection
	stream     uint32
	done       chan struct{} // closed when the connection ended
	err        error         // why it ended; read after done
}

// Dial connects and publishes to an address like rtmp://host/app/key. The last element of
// the path, with the query if there is one, is the stream key. The error wraps ErrRefused
// where the server answered.
func Dial(ctx context.Context, address string, s Stream) (*Push, error) {
	if len(s.Sets) < 2 || len(s.Sets[0]) < 4 {
		return nil, errors.New("push: parameter sets are missing")
	}
	u, key, err := splitAddress(address)
	if err != nil {
		return nil, fmt.Errorf("push: invalid address: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	p, err := dial(ctx, u, key, s)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("push to %s: %w", u.Host, err) // without the key
	}
	return p, nil
}

func dial(ctx context.Context, u *url.URL, key string, s Stream) (*Push, error) {
	conn, err := connect(ctx, u, s)
	if err != nil {
		return nil, err
	}
	p := &Push{done: make(chan struct{})}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if p.connection, err = newClient(conn); err == nil {
		p.stream, err = p.connection.publish(strings.Trim(u.Path, "/"), u.String(), key)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	go p.read()
	if err := p.sendHeader(s); err != nil {
		conn.Close()
		<-p.done
		return nil, err
	}
	return p, nil
}

func connect(ctx context.Context, u *url.URL, s Stream) (net.Conn, error) {
	dialer := &net.Dialer{Control: s.Guard}
	port := u.Port()
	if u.Scheme == "rtmps" {
		if port == "" {
			port = "443"
		}
		return (&tls.Dialer{NetDialer: dialer, Config: s.TLS}).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	}
	if port == "" {
		port = "1935"
	}
	return dialer.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
}

// Check returns what is invalid in an address to push to. The error does not contain the
// key.
func Check(address string) error {
	u, err := url.Parse(address)
	if err == nil && u.User != nil {
		return errors.New("it has a user name; only a stream key is allowed")
	}
	_, _, err = splitAddress(address)
	return err
}

// splitAddress separates the stream key from an address.
func splitAddress(address string) (u *url.URL, key string, err error) {
	u, err = url.Parse(address)
	if err != nil {
		return nil, "", errors.New("it is no URL") // err contains the key
	}
	if u.Scheme != "rtmp" && u.Scheme != "rtmps" || u.Host == "" {
		return nil, "", errors.New("it does not begin with rtmp:// or rtmps:// and a host")
	}
	i := strings.LastIndexByte(u.Path, '/')
	if i <= 0 || i == len(u.Path)-1 {
		return nil, "", errors.New("its path is not an application and a stream key")
	}
	key = u.Path[i+1:]
	if u.RawQuery != "" {
		key += "?" + u.RawQuery
	}
	u.Path, u.RawPath, u.RawQuery, u.User = u.Path[:i], "", "", nil
	return u, key, nil
}

// sendHeader sends the metadata and codec configurations (FLV: onMetaData).
func (p *Push) sendHeader(s Stream) error {
	metadata := amf0.Object{
		{Key: "width", Value: float64(s.Width)}, {Key: "height", Value: float64(s.Height)}, {Key: "framerate", Value: s.FrameRate},
		{Key: "videocodecid", Value: float64(7)},
	}
	var audio mpeg4audio.AudioSpecificConfig
	if s.Audio != nil {
		if err := audio.Unmarshal(s.Audio); err != nil {
			return fmt.Errorf("push: AAC configuration: %w", err)
		}
		metadata = append(metadata, amf0.ObjectEntry{Key: "audiocodecid", Value: float64(10)},
			amf0.ObjectEntry{Key: "audiosamplerate", Value: float64(audio.SampleRate)}, amf0.ObjectEntry{Key: "stereo", Value: audio.ChannelConfig != 1})
	}
	body, err := amf0.Data{"@setDataFrame", "onMetaData", metadata}.Marshal()
	if err != nil {
		return err
	}
	err = errors.Join(p.write(dataAMF0, 0, body), p.Send(Frame{Kind: VideoConfig, Units: s.Sets}))
	if s.Audio != nil {
		err = errors.Join(err, p.Send(Frame{Kind: AudioConfig, Units: [][]byte{s.Audio}}))
	}
	return err
}

func (p *Push) write(kind uint8, at time.Duration, body []byte) error {
	chunkStream := byte(audioChunks)
	if kind == videoMessage {
		chunkStream = videoChunks
	}
	err := p.connection.send(chunkStream, p.stream, message{kind, uint32(at.Milliseconds()), body})
	if errors.Is(err, net.ErrClosed) { // by read, which has the reason
		<-p.done
		err = p.err
	}
	if err != nil {
		return fmt.Errorf("push: %w", err)
	}
	return nil
}

// read handles the server's commands until the stream or the connection ends.
func (p *Push) read() {
	defer close(p.done)
	for {
		c, err := p.connection.nextCommand()
		if err == nil && c.isError() {
			err = fmt.Errorf("%w: %s", ErrRefused, c.reason())
		}
		if err != nil {
			p.err = err
			p.connection.conn.Close() // which unblocks a write
			return
		}
	}
}

// Send sends a frame as an [Ingest] returns it. Times begin at 0.
func (p *Push) Send(f Frame) error {
	switch f.Kind {
	case VideoConfig:
		// AVCDecoderConfigurationRecord (ISO 14496-15 §5.3.3.1).
		sps, pps := f.Units[0], f.Units[1:]
		body := []byte{0x17, 0, 0, 0, 0, 1, sps[1], sps[2], sps[3], 0xff, 0xe1}
		body = append(binary.BigEndian.AppendUint16(body, uint16(len(sps))), sps...)
		body = append(body, byte(len(pps)))
		for _, p := range pps {
			body = append(binary.BigEndian.AppendUint16(body, uint16(len(p))), p...)
		}
		return p.write(videoMessage, f.Decode, body)
	case AudioConfig:
		return p.write(audioMessage, f.Decode, append([]byte{0xaf, 0}, f.Units[0]...))
	case Audio:
		return p.write(audioMessage, f.Decode, append([]byte{0xaf, 1}, f.Units[0]...))
	default:
		body := []byte{0x27, 1, 0, 0, 0}
		if f.Keyframe {
			body[0] = 0x17
		}
		shift := int32((f.Present - f.Decode) / time.Millisecond) // 24 bits, signed
		body[2], body[3], body[4] = byte(shift>>16), byte(shift>>8), byte(shift)
		for _, u := range f.Units {
			body = append(binary.BigEndian.AppendUint32(body, uint32(len(u))), u...)
		}
		return p.write(videoMessage, f.Decode, body)
	}
}

// Video sends the NAL units of a picture without reordering. The first picture is a
// keyframe. Times begin at 0.
func (p *Push) Video(at time.Duration, keyframe bool, units [][]byte) error {
	return p.Send(Frame{Kind: Video, Decode: at, Present: at, Keyframe: keyframe, Units: units})
}

// Audio sends a frame of AAC.
func (p *Push) Audio(at time.Duration, frame []byte) error {
	return p.Send(Frame{Kind: Audio, Decode: at, Present: at, Units: [][]byte{frame}})
}

// Abort closes the connection at once. Any goroutine may call it.
func (p *Push) Abort() { p.connection.conn.Close() }

// Close ends the stream and the connection.
func (p *Push) Close() error {
	// If this fails the server notices the end of the connection.
	_ = p.connection.call(0, "deleteStream", deleteStreamID, nil, float64(p.stream))
	p.connection.conn.Close()
	<-p.done
	return nil
}
