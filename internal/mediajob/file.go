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

// fragments is an Output into the initialization section and the fragments of one MP4.
type fragments struct {
	muxer
	put     func([]byte) error
	pending []hls.Sample
	number  uint32 // of the last fragment
}

func (o *fragments) Write(p compositor.Packet) error {
	if o.tracks == nil {
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

func (o *fragments) begin(p compositor.Packet) error {
	if err := o.open(p); err != nil {
		return err
	}
	header, err := hls.Init(o.tracks)
	if err != nil {
		return err
	}
	return o.put(header)
}

func (o *fragments) flush() error {
	if len(o.pending) == 0 {
		return nil
	}
	o.number++
	data := hls.Fragment(o.number, o.tracks, o.pending)
	o.pending = nil
	return o.put(data)
}

func (o *fragments) Close() error { return o.flush() }

// A file is an Output into one fragmented MP4. What was written can be played, however
// the process ends.
type file struct {
	fragments
	name   string
	active func()
	file   *os.File
}

func newFile(name string, f compositor.Format, active func()) *file {
	o := &file{fragments: fragments{muxer: muxer{format: f}}, name: name, active: active}
	o.put = o.append
	return o
}

// append writes into the file, which it creates first.
func (o *file) append(data []byte) (err error) {
	isFirst := o.file == nil
	if isFirst {
		if o.file, err = os.Create(o.name); err != nil {
			return err
		}
	}
	if _, err = o.file.Write(data); err != nil {
		return fmt.Errorf("write %s: %w", o.name, err)
	}
	if isFirst {
		o.active()
	}
	return nil
}

func (o *file) Close() error {
	if o.file == nil {
		return nil
	}
	return errors.Join(o.flush(), o.file.Close())
}
