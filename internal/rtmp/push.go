// Package rtmp speaks RTMP and RTMPS: a Push sends H.264 and AAC to a server.
package rtmp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/codecs"
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
	SPS, PPS []byte // of H.264
	Audio    []byte // AudioSpecificConfig (ISO 14496-3)
	TLS      *tls.Config
}

// A Push is a connection that publishes. Its writes are for one goroutine.
type Push struct {
	client       gortmplib.Client
	writer       gortmplib.Writer
	video, audio *gortmplib.Track
	done         chan struct{} // closed when the server ended the connection
}

// Dial connects and publishes at an address like rtmp://host/app/key: the last
// element of the path, with the query if there is one, is the stream key. The error
// wraps ErrRefused where the server gave an answer.
func Dial(ctx context.Context, address string, s Stream) (*Push, error) {
	u, err := split(address)
	if err != nil {
		return nil, err
	}
	var config mpeg4audio.AudioSpecificConfig
	if err := config.Unmarshal(s.Audio); err != nil {
		return nil, fmt.Errorf("read configuration of AAC: %w", err)
	}
	p := &Push{
		client: gortmplib.Client{URL: u, Publish: true, TLSConfig: s.TLS},
		video:  &gortmplib.Track{Codec: &codecs.H264{SPS: s.SPS, PPS: s.PPS}},
		audio:  &gortmplib.Track{Codec: &codecs.MPEG4Audio{Config: &config}},
		done:   make(chan struct{}),
	}
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	if err := p.client.Initialize(ctx); err != nil {
		return nil, fmt.Errorf("push to %s: %w", u.Host, judge(ctx, err)) // without the key
	}
	p.writer = gortmplib.Writer{Conn: &p.client, Tracks: []*gortmplib.Track{p.video, p.audio}}
	if err := p.write(p.writer.Initialize); err != nil {
		p.client.Close()
		return nil, err
	}
	go p.read()
	return p, nil
}

// split turns an address into the library's form, with the key as fragment.
func split(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("push: the address is no URL") // the error would show the key
	}
	if u.Scheme != "rtmp" && u.Scheme != "rtmps" || u.Host == "" {
		return nil, fmt.Errorf("push to %q: want rtmp:// or rtmps://", u.Redacted())
	}
	i := strings.LastIndexByte(u.Path, '/')
	if i <= 0 || i == len(u.Path)-1 {
		return nil, fmt.Errorf("push to %s: want an application and a stream key in the path", u.Host)
	}
	key := u.Path[i+1:]
	if u.RawQuery != "" {
		key += "?" + u.RawQuery
	}
	u.Path, u.RawPath, u.RawQuery, u.Fragment = u.Path[:i], "", "", key
	return u, nil
}

// judge tells refusals from faults of the path.
func judge(ctx context.Context, err error) error {
	var fault net.Error
	var unverified *tls.CertificateVerificationError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &fault), errors.As(err, &unverified), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return err
	}
	return fmt.Errorf("%w: %w", ErrRefused, err)
}

// read takes what the server says, which is nothing to us but that it is there.
func (p *Push) read() {
	defer close(p.done)
	for {
		if _, err := p.client.Read(); err != nil {
			p.client.Close() // a write that hangs ends, too
			return
		}
	}
}

func (p *Push) write(send func() error) error {
	if err := p.client.NetConn().SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return fmt.Errorf("push: %w", err)
	}
	if err := send(); err != nil {
		return fmt.Errorf("push: %w", err)
	}
	return nil
}

// Video sends the NAL units of a picture, the first a keyframe. Times begin at 0.
func (p *Push) Video(at time.Duration, units [][]byte) error {
	return p.write(func() error { return p.writer.WriteH264(p.video, at, at, units) })
}

// Audio sends a frame of AAC.
func (p *Push) Audio(at time.Duration, frame []byte) error {
	return p.write(func() error { return p.writer.WriteMPEG4Audio(p.audio, at, frame) })
}

// Close ends the connection.
func (p *Push) Close() error {
	p.client.Close()
	<-p.done
	return nil
}
