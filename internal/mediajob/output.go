//go:build cgo

package mediajob

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"rostrum/internal/compositor"
	"rostrum/internal/hls"
	"rostrum/internal/media"
	"rostrum/internal/rtmp"
)

// since is how long after the program's first tick a packet is.
func since(p compositor.Packet) time.Duration {
	rate := int64(compositor.VideoRate)
	if p.Kind == media.Audio {
		rate = compositor.AudioRate
	}
	return time.Duration(p.Time/rate)*time.Second + time.Duration(p.Time%rate)*time.Second/time.Duration(rate)
}

// A push is an Output to an RTMP server. It connects at the first packet, whose
// parameter sets the server is told.
type push struct {
	ctx    context.Context
	url    string
	format compositor.Format
	active func()
	to     *rtmp.Push
	first  time.Duration
}

// newPush makes one; ctx ends an attempt to connect.
func newPush(ctx context.Context, url string, f compositor.Format, active func()) *push {
	return &push{ctx: ctx, url: url, format: f, active: active}
}

func (o *push) Write(p compositor.Packet) error {
	if o.to == nil {
		sps, pps := hls.ParameterSets(p.Units)
		to, err := rtmp.Dial(o.ctx, o.url, rtmp.Stream{
			SPS: sps, PPS: pps, Audio: o.format.AudioConfig,
			Width: o.format.Width, Height: o.format.Height, FrameRate: o.format.FrameRate,
		})
		if err != nil {
			return err
		}
		o.to, o.first = to, since(p)
		o.active()
	}
	at := since(p) - o.first
	switch {
	case at < 0: // sound of before the first picture
		return nil
	case p.Kind == media.Audio:
		return o.to.Audio(at, p.Units[0])
	}
	return o.to.Video(at, p.Keyframe, p.Units)
}

func (o *push) Close() error {
	if o.to == nil {
		return nil
	}
	return o.to.Close()
}

// A muxer turns packets into the samples of a file, the picture on track 0.
type muxer struct {
	format compositor.Format
	first  int64 // time of the first picture
	tracks []hls.Track
}

// open learns the tracks from the first packet, a keyframe.
func (m *muxer) open(p compositor.Packet) error {
	sps, pps := hls.ParameterSets(p.Units)
	video, err := hls.H264(sps, pps)
	if err != nil {
		return err
	}
	audio, err := hls.AAC(m.format.AudioConfig)
	if err != nil {
		return err
	}
	m.first, m.tracks = p.Time, []hls.Track{video, audio}
	return nil
}

// sample is the packet with its time since the first picture; ok is false for sound
// of before.
func (m *muxer) sample(p compositor.Packet) (s hls.Sample, ok bool) {
	if p.Kind == media.Audio {
		at := p.Time - m.first*compositor.AudioRate/compositor.VideoRate
		return hls.Sample{Track: 1, Time: at, Duration: p.Duration, Keyframe: true, Data: p.Units[0]}, at >= 0
	}
	return hls.Sample{Time: p.Time - m.first, Duration: p.Duration, Keyframe: p.Keyframe, Data: hls.AVC(p.Units)}, true
}

// A file is an Output into one fragmented MP4: what was written can be played,
// however the process ends.
type file struct {
	muxer
	name    string
	active  func()
	to      *os.File
	pending []hls.Sample
	number  uint32
}

func newFile(name string, f compositor.Format, active func()) *file {
	return &file{muxer: muxer{format: f}, name: name, active: active}
}

func (o *file) Write(p compositor.Packet) error {
	if o.to == nil {
		if err := o.begin(p); err != nil {
			return err
		}
	}
	if p.Keyframe {
		if err := o.flush(); err != nil {
			return err
		}
	}
	if s, ok := o.sample(p); ok {
		o.pending = append(o.pending, s)
	}
	return nil
}

func (o *file) begin(p compositor.Packet) error {
	if err := o.open(p); err != nil {
		return err
	}
	head, err := hls.Init(o.tracks)
	if err != nil {
		return err
	}
	if o.to, err = os.Create(o.name); err != nil {
		return err
	}
	if _, err = o.to.Write(head); err != nil {
		return fmt.Errorf("write %s: %w", o.name, err)
	}
	o.active()
	return nil
}

func (o *file) flush() error {
	if len(o.pending) == 0 {
		return nil
	}
	o.number++
	data, err := hls.Fragment(o.number, o.tracks, o.pending)
	if err != nil {
		return err
	}
	o.pending = nil
	_, err = o.to.Write(data)
	return err
}

func (o *file) Close() error {
	if o.to == nil {
		return nil
	}
	return errors.Join(o.flush(), o.to.Close())
}
