// Package rtmp speaks RTMP and RTMPS: a Push sends H.264 and AAC to a server.
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
	"github.com/bluenviron/gortmplib/pkg/rawmessage"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
)

// ErrRefused tells that the server was reached and wouldn't take the stream: a key
// it doesn't know, or one that is in use.
var ErrRefused = errors.New("the server refused the stream")

const (
	dialTime  = 10 * time.Second
	writeTime = 10 * time.Second // for one frame; a server that takes longer is gone
)

// A Stream is what a Push sends.
type Stream struct {
	SPS, PPS      []byte // of H.264
	Audio         []byte // AudioSpecificConfig (ISO 14496-3); nil for no sound
	Width, Height int    // pixels
	FrameRate     float64
	TLS           *tls.Config // of rtmps; nil takes the system's roots

	// Guard looks at the address that is about to be connected to, and may refuse
	// it (the Control of a net.Dialer); nil refuses none.
	Guard func(network, address string, c syscall.RawConn) error
}

// A Push is a connection that publishes. Its writes are for one goroutine.
type Push struct {
	wire   *wire
	stream uint32
	done   chan struct{} // closed when the connection ended
	why    error         // of the end, to be read once done is closed
}

// Dial connects and publishes at an address like rtmp://host/app/key: the last
// element of the path, with the query if there is one, is the stream key. The error
// wraps ErrRefused where the server gave an answer.
func Dial(ctx context.Context, address string, s Stream) (*Push, error) {
	if len(s.SPS) < 4 || len(s.PPS) == 0 {
		return nil, errors.New("push: there are no parameter sets")
	}
	u, key, err := split(address)
	if err != nil {
		return nil, fmt.Errorf("push to an address: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, dialTime)
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
	release := within(ctx, conn)
	defer release()
	if p.wire, err = shakeHands(conn); err == nil {
		p.stream, err = p.wire.publish(strings.Trim(u.Path, "/"), u.String(), key)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	go p.read()
	if err := p.begin(s); err != nil {
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

// Check tells what is wrong with an address to push to, without showing its key.
func Check(address string) error {
	u, err := url.Parse(address)
	if err == nil && u.User != nil {
		return errors.New("it has a user name, want a stream key alone")
	}
	_, _, err = split(address)
	return err
}

// split takes the stream key off an address.
func split(address string) (u *url.URL, key string, err error) {
	u, err = url.Parse(address)
	if err != nil {
		return nil, "", errors.New("it is no URL") // the error would show the key
	}
	if u.Scheme != "rtmp" && u.Scheme != "rtmps" || u.Host == "" {
		return nil, "", errors.New("it begins with neither rtmp:// nor rtmps://, and a host")
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

// begin tells what the stream is (FLV: onMetaData, and the codecs' configurations).
func (p *Push) begin(s Stream) error {
	about := amf0.Object{
		{Key: "width", Value: float64(s.Width)}, {Key: "height", Value: float64(s.Height)}, {Key: "framerate", Value: s.FrameRate},
		{Key: "videocodecid", Value: float64(7)},
	}
	var sound mpeg4audio.AudioSpecificConfig
	if s.Audio != nil {
		if err := sound.Unmarshal(s.Audio); err != nil {
			return fmt.Errorf("push: the configuration of AAC: %w", err)
		}
		about = append(about, amf0.ObjectEntry{Key: "audiocodecid", Value: float64(10)},
			amf0.ObjectEntry{Key: "audiosamplerate", Value: float64(sound.SampleRate)}, amf0.ObjectEntry{Key: "stereo", Value: sound.ChannelConfig != 1})
	}
	body, err := amf0.Data{"@setDataFrame", "onMetaData", about}.Marshal()
	if err != nil {
		return err
	}
	err = errors.Join(p.write(dataAMF0, 0, body), p.Send(Frame{Kind: VideoConfig, Units: [][]byte{s.SPS, s.PPS}}))
	if s.Audio != nil {
		err = errors.Join(err, p.Send(Frame{Kind: AudioConfig, Units: [][]byte{s.Audio}}))
	}
	return err
}

func (p *Push) write(kind uint8, at time.Duration, body []byte) error {
	channel := byte(4)
	if kind == videoMessage {
		channel = 6
	}
	err := p.wire.send(&rawmessage.Message{ChunkStreamID: channel, Type: kind, Timestamp: at, MessageStreamID: onStream(p.stream), Body: body})
	if errors.Is(err, net.ErrClosed) { // the reader did that, and knows why
		<-p.done
		err = p.why
	}
	if err != nil {
		return fmt.Errorf("push: %w", err)
	}
	return nil
}

// read takes what the server says, until it ends the stream or the connection.
func (p *Push) read() {
	defer close(p.done)
	for {
		a, err := p.wire.next()
		if err == nil && a.name == "onStatus" && a.level() == "error" {
			err = fmt.Errorf("%w: %s", ErrRefused, a.says())
		}
		if err != nil {
			p.why = err
			p.wire.conn.Close() // a write that waits ends, too
			return
		}
	}
}

// Send sends a frame as an [Ingest] gives it. Times begin at 0.
func (p *Push) Send(f Frame) error {
	switch f.Kind {
	case VideoConfig:
		// AVCDecoderConfigurationRecord (ISO 14496-15 §5.3.3.1).
		sps, pps := f.Units[0], f.Units[1]
		body := []byte{0x17, 0, 0, 0, 0, 1, sps[1], sps[2], sps[3], 0xff, 0xe1}
		body = append(binary.BigEndian.AppendUint16(body, uint16(len(sps))), sps...)
		body = append(binary.BigEndian.AppendUint16(append(body, 1), uint16(len(pps))), pps...)
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

// Video sends the NAL units of a picture that is shown as it is decoded, the
// first a keyframe. Times begin at 0.
func (p *Push) Video(at time.Duration, keyframe bool, units [][]byte) error {
	return p.Send(Frame{Kind: Video, Decode: at, Present: at, Keyframe: keyframe, Units: units})
}

// Audio sends a frame of AAC.
func (p *Push) Audio(at time.Duration, frame []byte) error {
	return p.Send(Frame{Kind: Audio, Decode: at, Present: at, Units: [][]byte{frame}})
}

// Abort ends the connection at once, whoever writes on it.
func (p *Push) Abort() { p.wire.conn.Close() }

// Close ends the stream and the connection.
func (p *Push) Close() error {
	// If it can't be said any more, the end of the connection says it.
	_ = p.wire.call(0, "deleteStream", 6, nil, float64(p.stream))
	p.wire.conn.Close()
	<-p.done
	return nil
}
