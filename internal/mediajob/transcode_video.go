//go:build cgo

package mediajob

import (
	"context"
	"errors"
	"image"
	"io"
	"time"

	"rostrum/internal/codec"
	"rostrum/internal/media"
	"rostrum/internal/worker"
)

const (
	transcodedQuality  = 23
	transcodedTickRate = 90_000
	nominalFrameRate   = 30      // for the level of H.264, and for what a picture may take
	maxPixelBitrate    = 6       // bits a second for each pixel: 5.5 Mbit/s of 1280x720
	neverKeyframe      = 1 << 30 // ticks: keyframes are asked for
)

var errNoUnit = errors.New("the encoder did not encode a picture at once")

// TranscodeVideo turns the VP8 of many streams into H.264, until its input ends
// (worker.NewVideoTranscoder).
func TranscodeVideo(ctx context.Context, in io.Reader, out io.Writer) error {
	return handleStreams(ctx, in, out, transcodeVideoStream)
}

// transcodeVideoStream transcodes one stream until inputs ends.
func transcodeVideoStream(_ []byte, inputs <-chan worker.StreamMessage, write func(worker.StreamMessage)) {
	t := videoTranscoding{}
	defer t.close()
	for m := range inputs {
		answer, err := t.transcode(m)
		if err != nil {
			answer = worker.StreamMessage{Kind: worker.StreamError, Time: m.Time, Data: []byte(err.Error())}
		}
		write(answer)
	}
}

// A videoTranscoding is one stream's decoder and encoder. After a failure they are opened anew: the
// decoder then needs a keyframe, and the encoder begins with one.
type videoTranscoding struct {
	decoder  *codec.VideoDecoder // nil while there is none
	encoder  *codec.VideoEncoder // nil while there is none
	tile     *codec.Tile
	canvas   *codec.Canvas
	size     image.Point   // of what is encoded
	begin    time.Duration // time of the encoder's tick 0
	tick     int64         // of the last picture
	keyframe bool          // the next picture must be one
}

func (t *videoTranscoding) close() {
	t.closeDecoder()
	t.closeEncoder()
}

func (t *videoTranscoding) closeDecoder() {
	if t.decoder != nil {
		t.decoder.Close()
	}
	t.decoder = nil
}

func (t *videoTranscoding) closeEncoder() {
	if t.encoder != nil {
		t.encoder.Close()
		t.tile.Close()
		t.canvas.Close()
	}
	t.encoder, t.tile, t.canvas = nil, nil, nil
}

// transcode answers one input.
func (t *videoTranscoding) transcode(m worker.StreamMessage) (worker.StreamMessage, error) {
	t.keyframe = t.keyframe || m.Keyframe
	answer := worker.StreamMessage{Kind: worker.StreamOutput, Time: m.Time}
	picture, err := t.decode(m.Data)
	if err != nil {
		t.closeDecoder()
		return answer, err
	}
	if picture == nil {
		return answer, nil
	}
	defer picture.Close()
	unit, err := t.encode(picture, m.Time)
	if err != nil {
		t.closeEncoder()
		return answer, err
	}
	answer.Keyframe, answer.Data = unit.Keyframe, unit.Data
	return answer, nil
}

// decode returns the picture to show; nil if there is none.
func (t *videoTranscoding) decode(data []byte) (shown *codec.Picture, err error) {
	if t.decoder == nil {
		if t.decoder, err = codec.NewVideoDecoder(media.VP8); err != nil {
			return nil, err
		}
	}
	pictures, err := t.decoder.Decode(data, 0)
	for _, p := range pictures {
		if shown != nil {
			shown.Close()
		}
		shown = p
	}
	if err != nil && shown != nil {
		shown.Close()
		shown = nil
	}
	return shown, err
}

// encode encodes a picture, without its last column or row if their number is odd.
func (t *videoTranscoding) encode(p *codec.Picture, at time.Duration) (codec.Unit, error) {
	size := image.Pt(p.Width&^1, p.Height&^1)
	if t.encoder != nil && size != t.size {
		t.closeEncoder()
	}
	if t.encoder == nil {
		if err := t.open(size, at); err != nil {
			return codec.Unit{}, err
		}
	}
	if err := t.tile.Scale(p, image.Rectangle{Max: size}, size); err != nil {
		return codec.Unit{}, err
	}
	if err := t.canvas.Begin(); err != nil {
		return codec.Unit{}, err
	}
	t.canvas.Put(t.tile, image.Point{})
	t.tick = max(t.tick+1, ticks(at-t.begin))
	units, err := t.encoder.Encode(t.canvas, t.tick, t.keyframe)
	if err == nil && len(units) != 1 {
		err = errNoUnit
	}
	if err != nil {
		return codec.Unit{}, err
	}
	t.keyframe = false
	return units[0], nil
}

// ticks converts without an overflow after a day.
func ticks(d time.Duration) int64 {
	return int64(d/time.Second)*transcodedTickRate + int64(d%time.Second*transcodedTickRate/time.Second)
}

// open opens an encoder of pictures of a size.
func (t *videoTranscoding) open(size image.Point, at time.Duration) (err error) {
	if t.tile, err = codec.NewTile(); err != nil {
		return err
	}
	if t.canvas, err = codec.NewCanvas(size.X, size.Y); err != nil {
		t.tile.Close()
		return err
	}
	t.encoder, err = codec.NewVideoEncoder(codec.VideoConfig{
		Width: size.X, Height: size.Y, FrameRate: nominalFrameRate, TickRate: transcodedTickRate,
		Quality: transcodedQuality, Bitrate: maxPixelBitrate * size.X * size.Y, KeyframeTicks: neverKeyframe, Threads: 1,
	})
	if err != nil {
		t.tile.Close()
		t.canvas.Close()
		return err
	}
	t.size, t.begin, t.tick, t.keyframe = size, at, -1, true
	return nil
}
