//go:build cgo

package mediajob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/jpeg"
	"os"
	"path"
	"sync"
	"time"

	"rostrum/internal/compositor"
	"rostrum/internal/hls"
	"rostrum/internal/worker"
)

// notices are how a recording tells what becomes of it.
type notices struct {
	active      func()
	interrupted func(error)
	file        func(name string)
	log         func(error)
}

// A recording is an Output into a directory: HLS, and perhaps thumbnails. A
// directory that can't be written to for a while (a full disk) interrupts it: the
// segment grows until it can.
type recording struct {
	muxer
	job       worker.HLS
	notices   notices
	segmenter *hls.Segmenter

	mu     sync.Mutex // guards what follows
	broken time.Time  // since when nothing could be written; zero while it can
	wrote  bool
}

func newRecording(j worker.HLS, f compositor.Format, n notices) *recording {
	return &recording{muxer: muxer{format: f}, job: j, notices: n}
}

const (
	hlsFolder       = "media/hls"
	thumbnailFolder = "media/thumbnails"
)

// Put keeps a file of the recording and tells of it. It implements hls.Store.
func (o *recording) Put(name string, data []byte) error {
	if err := directory(o.job.Directory).put(name, data); err != nil {
		return fmt.Errorf("put %s: %w", name, err)
	}
	o.notices.file(name)
	return nil
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
	return o.judge(o.segmenter.Write(s), o.segmenter.Duration() > before)
}

// judge bears faults for a while; progress tells that a segment was written.
func (o *recording) judge(err error, progress bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case err == nil && progress && (!o.wrote || !o.broken.IsZero()):
		o.wrote, o.broken = true, time.Time{}
		o.notices.active()
	case err != nil && o.broken.IsZero():
		o.broken = time.Now()
		o.notices.interrupted(err)
	case err != nil && time.Since(o.broken) > patience:
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
	after, err := o.before(folder)
	if err != nil {
		return err
	}
	o.segmenter, err = hls.NewSegmenter(o, hls.Config{
		Folder: folder, Target: target, Keyframes: o.format.Keyframes, Begins: time.Now(), After: after,
	}, o.tracks...)
	if err != nil {
		return err
	}
	return o.Put(path.Join(hlsFolder, "multivariant.m3u8"), hls.Multivariant(hls.Rendition{
		URI: o.job.Rendition + "/playlist.m3u8", Tracks: o.tracks, FrameRate: o.format.FrameRate,
		Bandwidth: (o.format.Bitrate + o.format.AudioBitrate) * 11 / 10, // and the container
	}))
}

// before is the playlist that a former process left in a folder.
func (o *recording) before(folder string) (hls.Playlist, error) {
	data, err := os.ReadFile(directory(o.job.Directory).path(path.Join(folder, "playlist.m3u8")))
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

// takeThumbnails takes pictures until ctx ends. One that can't be written is left
// out: the next comes.
func (o *recording) takeThumbnails(ctx context.Context, p *compositor.Program) {
	t := o.job.Thumbnails
	if t == nil || !t.Sequential && !t.Latest {
		return
	}
	every := time.Duration(max(t.IntervalSeconds, 0)) * time.Second
	if every == 0 {
		every = time.Minute
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for n := max(t.First, o.thumbnails()); ; n++ {
		if err := o.takeThumbnail(ctx, p, n); err != nil && ctx.Err() == nil {
			o.notices.log(err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// size names the folder of thumbnails.
func (o *recording) size() string { return fmt.Sprintf("%dx%d", o.format.Width, o.format.Height) }

// thumbnails is how many a former process left.
func (o *recording) thumbnails() int {
	there, err := os.ReadDir(directory(o.job.Directory).path(path.Join(thumbnailFolder, o.size())))
	if err != nil {
		return 0 // mostly, there is no such folder
	}
	return len(there)
}

func (o *recording) takeThumbnail(ctx context.Context, p *compositor.Program, n int) error {
	picture, err := p.Image(ctx)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, picture, &jpeg.Options{Quality: 80}); err != nil {
		return fmt.Errorf("thumbnail: %w", err)
	}
	if o.job.Thumbnails.Sequential {
		if err := o.Put(path.Join(thumbnailFolder, o.size(), fmt.Sprintf("%d.jpg", n)), b.Bytes()); err != nil {
			return err
		}
	}
	if o.job.Thumbnails.Latest {
		return o.Put(path.Join("media/latest_thumbnail", o.size(), "thumb.jpg"), b.Bytes())
	}
	return nil
}
