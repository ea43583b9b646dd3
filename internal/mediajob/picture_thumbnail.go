//go:build cgo

package mediajob

import (
	"context"
	"image"
	"io"
	"time"

	"rostrum/internal/codec"
	"rostrum/internal/media"
	"rostrum/internal/worker"
)

// The largest thumbnails of pictures: those that are larger are scaled down.
const maxThumbnailLong, maxThumbnailShort = 1280, 720

// decoderIdle is how long a stream without input keeps its decoder. Afterwards it needs a
// keyframe.
const decoderIdle = 15 * time.Second

// Thumbnails turns pictures of many streams into JPEG, until its input ends
// (worker.NewThumbnailer).
func Thumbnails(ctx context.Context, in io.Reader, out io.Writer) error {
	return handleStreams(ctx, in, out, thumbnailStream)
}

// thumbnailStream decodes one stream until inputs ends.
func thumbnailStream(config []byte, inputs <-chan worker.StreamMessage, write func(worker.StreamMessage)) {
	name, _ := media.CodecNamed(string(config))
	t := thumbnailer{codec: name}
	defer t.close()
	idle := time.NewTimer(decoderIdle)
	defer idle.Stop()
	for {
		select {
		case m, ok := <-inputs:
			if !ok {
				return
			}
			idle.Reset(decoderIdle)
			jpeg, err := t.take(m.Data, time.Unix(0, int64(m.Time)))
			answer := worker.StreamMessage{Kind: worker.StreamOutput, Time: m.Time, Data: jpeg}
			if err != nil {
				answer.Kind, answer.Data = worker.StreamError, []byte(err.Error())
			}
			write(answer)
		case <-idle.C:
			t.close()
		}
	}
}

// thumbnailer is one stream's decoder.
type thumbnailer struct {
	codec   media.Codec
	decoder *codec.VideoDecoder // nil while there is none
}

func (t *thumbnailer) close() {
	if t.decoder != nil {
		t.decoder.Close()
	}
	t.decoder = nil
}

// take decodes pictures and returns the last as JPEG; nil if none could be decoded.
func (t *thumbnailer) take(pictures []byte, at time.Time) (_ []byte, err error) {
	if t.decoder == nil {
		if t.decoder, err = codec.NewVideoDecoder(t.codec); err != nil {
			return nil, err
		}
	}
	var last *codec.Picture
	for data := range worker.Pictures(pictures) {
		decoded, _ := t.decoder.Decode(data, 0) // damage is not shown, since the decoder waits for a keyframe
		for _, p := range decoded {
			if last != nil {
				last.Close()
			}
			last = p
		}
	}
	if last == nil {
		return nil, nil
	}
	defer last.Close()
	return pictureJPEG(last, at)
}

// pictureJPEG is a picture as JPEG, in its size as far as that is allowed.
func pictureJPEG(p *codec.Picture, at time.Time) ([]byte, error) {
	size := thumbnailSize(p.Width, p.Height)
	tile, err := codec.NewTile()
	if err != nil {
		return nil, err
	}
	defer tile.Close()
	canvas, err := codec.NewCanvas(size.X, size.Y)
	if err != nil {
		return nil, err
	}
	defer canvas.Close()
	if err := tile.Scale(p, image.Rect(0, 0, p.Width, p.Height), size); err != nil {
		return nil, err
	}
	canvas.Put(tile, image.Point{})
	return encodeThumbnail(canvas.Image(), at)
}

// thumbnailSize is the largest even size within the limits, in the proportions of a picture.
func thumbnailSize(width, height int) image.Point {
	long, short := max(width, height), min(width, height)
	scale := min(1, maxThumbnailLong/float64(long), maxThumbnailShort/float64(short))
	even := func(n int) int { return max(2, int(float64(n)*scale+.5)&^1) }
	return image.Pt(even(width), even(height))
}
