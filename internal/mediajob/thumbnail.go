//go:build cgo

package mediajob

import (
	"bytes"
	"context"
	"fmt"
	"image/jpeg"
	"os"
	"path"
	"time"

	"rostrum/internal/compositor"
)

const (
	thumbnailInterval = time.Minute // where the job has none
	thumbnailQuality  = 80          // of JPEG
)

// takeThumbnails writes pictures until ctx ends. One that cannot be written is skipped.
func (o *recording) takeThumbnails(ctx context.Context, p *compositor.Program) {
	t := o.job.Thumbnails
	if t == nil || !t.Sequential && !t.Latest {
		return
	}
	interval := time.Duration(max(t.IntervalSeconds, 0)) * time.Second
	if interval == 0 {
		interval = thumbnailInterval
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for n := max(t.First, o.previousThumbnails()); ; n++ {
		if err := o.takeThumbnail(ctx, p, n); err != nil && ctx.Err() == nil {
			o.events.failedThumbnail(err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// size is the name of the folder of thumbnails.
func (o *recording) size() string { return fmt.Sprintf("%dx%d", o.format.Width, o.format.Height) }

// previousThumbnails counts those that an earlier process left.
func (o *recording) previousThumbnails() int {
	files, err := os.ReadDir(o.directory().path(path.Join(thumbnailFolder, o.size())))
	if err != nil {
		return 0 // usually there is no such folder
	}
	return len(files)
}

func (o *recording) takeThumbnail(ctx context.Context, p *compositor.Program, n int) error {
	picture, err := p.Image(ctx)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, picture, &jpeg.Options{Quality: thumbnailQuality}); err != nil {
		return fmt.Errorf("thumbnail: %w", err)
	}
	if o.job.Thumbnails.Sequential {
		if err := o.Put(path.Join(thumbnailFolder, o.size(), fmt.Sprintf("%d.jpg", n)), b.Bytes()); err != nil {
			return err
		}
	}
	if o.job.Thumbnails.Latest {
		return o.Put(path.Join(latestFolder, o.size(), "thumb.jpg"), b.Bytes())
	}
	return nil
}
