//go:build cgo

package mediajob

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"time"

	"rostrum/internal/compositor"
	"rostrum/internal/hls"
	"rostrum/internal/worker"
)

// recordingEvents are called when a recording changes.
type recordingEvents struct {
	active          func()
	interrupted     func(error)
	file            func(name string) // written or replaced
	failedThumbnail func(error)
}

// A recording is an Output into a directory: HLS, and thumbnails if the job says so. A
// directory that cannot be written to for a while, such as on a full disk, interrupts it:
// the segment grows meanwhile.
type recording struct {
	muxer
	job       worker.HLS
	events    recordingEvents
	segmenter *hls.Segmenter

	segment   int           // bytes of the last segment
	listed    time.Duration // in the media playlist
	bandwidth int           // in the multivariant playlist

	active       bool      // a segment was written
	failingSince time.Time // since when nothing can be written; zero while it can
}

func newRecording(j worker.HLS, f compositor.Format, events recordingEvents) *recording {
	return &recording{muxer: muxer{format: f}, job: j, events: events}
}

const (
	hlsFolder       = "media/hls"
	thumbnailFolder = "media/thumbnails"
	latestFolder    = "media/latest_thumbnail"

	playlistName     = "playlist.m3u8" // of a rendition
	multivariantName = "multivariant.m3u8"
)

func (o *recording) directory() directory { return directory(o.job.Directory) }

// Put writes a file of the recording. It implements hls.Store.
func (o *recording) Put(name string, data []byte) error {
	if err := o.directory().put(name, data); err != nil {
		return fmt.Errorf("put %s: %w", name, err)
	}
	o.events.file(name)
	if path.Base(name) != playlistName {
		o.segment = len(data)
		return nil
	}
	d := o.segmenter.Duration()
	if d <= o.listed {
		return nil
	}
	rate := int(float64(o.segment) * 8 / (d - o.listed).Seconds())
	o.listed = d
	if rate <= o.bandwidth*11/10 {
		return nil
	}
	return o.announce(rate) // the encoder may exceed its bit rate, as on a busy machine
}

// announce writes the multivariant playlist.
func (o *recording) announce(bandwidth int) error {
	o.bandwidth = bandwidth
	return o.Put(path.Join(hlsFolder, multivariantName), hls.Multivariant(hls.Rendition{
		URI: path.Join(o.job.Rendition, playlistName), Tracks: o.tracks, FrameRate: o.format.FrameRate, Bandwidth: bandwidth,
	}))
}

func (o *recording) Write(p compositor.Packet) error {
	if o.segmenter == nil {
		if err := o.begin(p); err != nil {
			return err
		}
	}
	s, ok := o.sample(p)
	if !ok {
		return nil
	}
	before := o.segmenter.Duration()
	err := o.segmenter.Write(s)
	return o.tolerate(err, o.segmenter.Duration() > before)
}

// tolerate returns an error only after it lasted for defaultRetryTime. progress says that
// a segment was written.
func (o *recording) tolerate(err error, progress bool) error {
	switch {
	case err == nil && progress && (!o.active || !o.failingSince.IsZero()):
		o.active, o.failingSince = true, time.Time{}
		o.events.active()
	case err != nil && o.failingSince.IsZero():
		o.failingSince = time.Now()
		o.events.interrupted(err)
	case err != nil && time.Since(o.failingSince) > defaultRetryTime:
		return err
	}
	return nil
}

func (o *recording) begin(p compositor.Packet) error {
	if err := o.open(p); err != nil {
		return err
	}
	target := time.Duration(o.job.SegmentSeconds) * time.Second
	if target == 0 {
		target = 2 * time.Second
	}
	folder := path.Join(hlsFolder, o.job.Rendition)
	previous, err := o.previousPlaylist(folder)
	if err != nil {
		return err
	}
	o.segmenter, err = hls.NewSegmenter(o, hls.Config{
		Folder: folder, Target: target, Keyframes: o.format.Keyframes, Begins: time.Now(), After: previous,
	}, o.tracks...)
	if err != nil {
		return err
	}
	o.listed = previous.Duration()
	// With the container; not less than the segments of an earlier process have.
	return o.announce(max((o.format.Bitrate+o.format.AudioBitrate)*11/10, o.previousBandwidth()))
}

// previousBandwidth is what an earlier process announced; 0 without one.
func (o *recording) previousBandwidth() (n int) {
	data, err := os.ReadFile(o.directory().path(path.Join(hlsFolder, multivariantName)))
	if err != nil {
		return 0
	}
	if _, value, found := strings.Cut(string(data), ":BANDWIDTH="); found {
		_, _ = fmt.Sscanf(value, "%d", &n)
	}
	return n
}

// previousPlaylist is the playlist that an earlier process left in a folder.
func (o *recording) previousPlaylist(folder string) (hls.Playlist, error) {
	data, err := os.ReadFile(o.directory().path(path.Join(folder, playlistName)))
	if errors.Is(err, os.ErrNotExist) {
		return hls.Playlist{}, nil
	}
	if err != nil {
		return hls.Playlist{}, err
	}
	return hls.Parse(data)
}

func (o *recording) Close() error {
	if o.segmenter == nil {
		return nil
	}
	return o.segmenter.Close()
}
