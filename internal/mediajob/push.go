//go:build cgo

package mediajob

import (
	"context"
	"time"

	"rostrum/internal/compositor"
	"rostrum/internal/hls"
	"rostrum/internal/media"
	"rostrum/internal/rtmp"
)

// A push is an Output to an RTMP server. It connects at the first packet, whose
// parameter sets it sends.
type push struct {
	ctx    context.Context
	url    string
	format compositor.Format
	active func()
	stream *rtmp.Push
	first  time.Duration // the timestamp of the first picture
}

// newPush makes a push; ctx ends an attempt to connect.
func newPush(ctx context.Context, url string, f compositor.Format, active func()) *push {
	return &push{ctx: ctx, url: url, format: f, active: active}
}

func (o *push) Write(p compositor.Packet) error {
	if o.stream == nil {
		sps, pps := hls.ParameterSets(p.Units)
		stream, err := rtmp.Dial(o.ctx, o.url, rtmp.Stream{
			Sets: append([][]byte{sps}, pps...), Audio: o.format.AudioConfig,
			Width: o.format.Width, Height: o.format.Height, FrameRate: o.format.FrameRate,
		})
		if err != nil {
			return err
		}
		o.stream, o.first = stream, timestamp(p)
		o.active()
	}
	at := timestamp(p) - o.first
	switch {
	case at < 0: // audio before the first picture
		return nil
	case p.Kind == media.Audio:
		return o.stream.Audio(at, p.Units[0])
	}
	return o.stream.Video(at, p.Keyframe, p.Units)
}

func (o *push) Close() error {
	if o.stream == nil {
		return nil
	}
	return o.stream.Close()
}

// timestamp is a packet's time since the program's first tick.
func timestamp(p compositor.Packet) time.Duration {
	rate := int64(compositor.VideoRate)
	if p.Kind == media.Audio {
		rate = compositor.AudioRate
	}
	return time.Duration(p.Time/rate)*time.Second + time.Duration(p.Time%rate)*time.Second/time.Duration(rate)
}
