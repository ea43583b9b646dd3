//go:build cgo

package mediajob

import (
	"context"
	"fmt"
	"image"
	"os"
	"path"
	"time"

	"rostrum/internal/codec"
	"rostrum/internal/compositor"
)

const thumbnailInterval = time.Minute // where the job has none

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
	jpeg, err := encodeThumbnail(picture, time.Now())
	if err != nil {
		return err
	}
	if o.job.Thumbnails.Sequential {
		if err := o.Put(path.Join(thumbnailFolder, o.size(), fmt.Sprintf("%d.jpg", n)), jpeg); err != nil {
			return err
		}
	}
	if o.job.Thumbnails.Latest {
		return o.Put(path.Join(latestFolder, o.size(), "thumb.jpg"), jpeg)
	}
	return nil
}

// encodeThumbnail is a picture as JPEG that says when it was taken.
func encodeThumbnail(picture *image.YCbCr, at time.Time) ([]byte, error) {
	jpeg, err := codec.JPEG(picture)
	if err != nil {
		return nil, fmt.Errorf("thumbnail: %w", err)
	}
	return withExif(jpeg, at), nil
}
