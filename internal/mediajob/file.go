//go:build cgo

package mediajob

import (
	"errors"
	"fmt"
	"os"

	"rostrum/internal/compositor"
	"rostrum/internal/hls"
	"rostrum/internal/media"
)

// A muxer turns packets into the samples of a file, with video on track 0.
type muxer struct {
	format compositor.Format
	first  int64 // time of the first picture
	tracks []hls.Track
}

// open sets the tracks by the first packet, a keyframe.
func (m *muxer) open(p compositor.Packet) error {
	sps, pps := hls.ParameterSets(p.Units)
	video, err := hls.H264(sps, pps...)
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

// sample is the packet with its time since the first picture. ok is false for audio
// before that.
func (m *muxer) sample(p compositor.Packet) (s hls.Sample, ok bool) {
	if p.Kind == media.Audio {
		at := p.Time - m.first*compositor.AudioRate/compositor.VideoRate
		return hls.Sample{Track: 1, Time: at, Duration: p.Duration, Keyframe: true, Data: p.Units[0]}, at >= 0
	}
	return hls.Sample{Time: p.Time - m.first, Duration: p.Duration, Keyframe: p.Keyframe, Data: hls.AVC(p.Units)}, true
}

// A file is an Output into one fragmented MP4. What was written can be played, however
// the process ends.
type file struct {
	muxer
	name    string
	active  func()
	file    *os.File
	pending []hls.Sample
	number  uint32 // of the last fragment
}

func newFile(name string, f compositor.Format, active func()) *file {
	return &file{muxer: muxer{format: f}, name: name, active: active}
}

func (o *file) Write(p compositor.Packet) error {
	if o.file == nil {
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
	header, err := hls.Init(o.tracks)
	if err != nil {
		return err
	}
	if o.file, err = os.Create(o.name); err != nil {
		return err
	}
	if _, err = o.file.Write(header); err != nil {
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
	data := hls.Fragment(o.number, o.tracks, o.pending)
	o.pending = nil
	_, err := o.file.Write(data)
	return err
}

func (o *file) Close() error {
	if o.file == nil {
		return nil
	}
	return errors.Join(o.flush(), o.file.Close())
}
