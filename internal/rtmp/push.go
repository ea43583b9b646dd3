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
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/rawmessage"
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
	Audio         []byte // AudioSpecificConfig (ISO 14496-3)
	Width, Height int    // pixels
	FrameRate     float64
	TLS           *tls.Config // of rtmps; nil takes the system's roots
}

// A Push is a connection that publishes. Its writes are for one goroutine.
type Push struct {
	wire   *wire
	stream uint32
	done   chan struct{} // closed when the connection ended
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
		return nil, err
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
	conn, err := connect(ctx, u, s.TLS)
	if err != nil {
		return nil, err
	}
	p := &Push{done: make(chan struct{})}
	release := within(ctx, conn)
	defer release()
	if p.wire, err = newWire(conn); err == nil {
		p.stream, err = p.wire.publish(strings.Trim(u.Path, "/"), u.String(), key)
	}
	if err == nil {
		err = p.begin(s)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	go p.read()
	return p, nil
}

func connect(ctx context.Context, u *url.URL, config *tls.Config) (net.Conn, error) {
	port := u.Port()
	if u.Scheme == "rtmps" {
		if port == "" {
			port = "443"
		}
		return (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	}
	if port == "" {
		port = "1935"
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
}

// split takes the stream key off an address.
func split(address string) (u *url.URL, key string, err error) {
	u, err = url.Parse(address)
	if err != nil {
		return nil, "", errors.New("push: the address is no URL") // the error would show the key
	}
	if u.Scheme != "rtmp" && u.Scheme != "rtmps" || u.Host == "" {
		return nil, "", errors.New("push: want an address that begins with rtmp:// or rtmps://")
	}
	i := strings.LastIndexByte(u.Path, '/')
	if i <= 0 || i == len(u.Path)-1 {
		return nil, "", fmt.Errorf("push to %s: want an application and a stream key in the path", u.Host)
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
	about, err := amf0.Data{"@setDataFrame", "onMetaData", amf0.Object{
		{Key: "width", Value: float64(s.Width)}, {Key: "height", Value: float64(s.Height)}, {Key: "framerate", Value: s.FrameRate},
		{Key: "videocodecid", Value: float64(7)}, {Key: "audiocodecid", Value: float64(10)},
		{Key: "audiosamplerate", Value: float64(48000)}, {Key: "stereo", Value: true},
	}}.Marshal()
	if err != nil {
		return err
	}
	// AVCDecoderConfigurationRecord (ISO 14496-15 §5.3.3.1).
	config := []byte{0x17, 0, 0, 0, 0, 1, s.SPS[1], s.SPS[2], s.SPS[3], 0xff, 0xe1}
	config = append(binary.BigEndian.AppendUint16(config, uint16(len(s.SPS))), s.SPS...)
	config = append(binary.BigEndian.AppendUint16(append(config, 1), uint16(len(s.PPS))), s.PPS...)
	return errors.Join(
		p.send(dataAMF0, 0, about),
		p.send(videoMessage, 0, config),
		p.send(audioMessage, 0, append([]byte{0xaf, 0}, s.Audio...)),
	)
}

func (p *Push) send(kind uint8, at time.Duration, body []byte) error {
	channel := byte(4)
	if kind == videoMessage {
		channel = 6
	}
	err := p.wire.send(&rawmessage.Message{ChunkStreamID: channel, Type: kind, Timestamp: at, MessageStreamID: onStream(p.stream), Body: body})
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
		if err != nil || a.name == "onStatus" && a.level() == "error" {
			p.wire.conn.Close() // a write that waits ends, too
			return
		}
	}
}

// Video sends the NAL units of a picture, the first a keyframe. Times begin at 0.
func (p *Push) Video(at time.Duration, keyframe bool, units [][]byte) error {
	body := []byte{0x27, 1, 0, 0, 0}
	if keyframe {
		body[0] = 0x17
	}
	for _, u := range units {
		body = append(binary.BigEndian.AppendUint32(body, uint32(len(u))), u...)
	}
	return p.send(videoMessage, at, body)
}

// Audio sends a frame of AAC.
func (p *Push) Audio(at time.Duration, frame []byte) error {
	return p.send(audioMessage, at, append([]byte{0xaf, 1}, frame...))
}

// Close ends the stream and the connection.
func (p *Push) Close() error {
	// If it can't be said any more, the end of the connection says it.
	_ = p.wire.call(0, "deleteStream", 6, nil, float64(p.stream))
	p.wire.conn.Close()
	<-p.done
	return nil
}
