//go:build cgo

package codec

// #cgo pkg-config: libavcodec libavutil libswscale libswresample
// #cgo LDFLAGS: -lm
// #cgo CFLAGS: -O2 -Wall
// #include <stdlib.h>
// #include "codec.h"
import "C"

import (
	"errors"
	"fmt"
	"math"
	"unsafe"

	"rostrum/internal/media"
)

// MaxPixels bounds the pictures that are decoded: 1080p in any orientation, in whole
// macroblocks.
const MaxPixels = 1920 * 1088

func init() {
	C.av_log_set_level(C.AV_LOG_FATAL) // errors are returned; the libraries' messages do not say which stream they are about
	C.av_max_alloc(256 << 20)
}

// failure is the error of a code from C; nil where it is none.
func failure(action string, code C.int) error {
	if code >= 0 {
		return nil
	}
	var text [128]C.char
	C.av_strerror(code, &text[0], C.size_t(len(text)))
	return fmt.Errorf("%s: %s", action, C.GoString(&text[0]))
}

// opened is v, or nil where there is an error.
func opened[T any](v *T, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}

// pointer is the address of the first byte; nil without one.
func pointer(b []byte) *C.uint8_t { return (*C.uint8_t)(unsafe.SliceData(b)) }

var errEmpty = errors.New("decode: no data")

// A Picture is a decoded frame of video.
type Picture struct {
	frame         *C.AVFrame
	Width, Height int   // pixels
	Timestamp     int64 // as given to Decode
	Damaged       bool  // parts were missing and are concealed
}

// Share is another reference to the picture, which must be closed too.
func (p *Picture) Share() *Picture {
	q := *p
	if q.frame = C.av_frame_clone(p.frame); q.frame == nil {
		panic("codec: out of memory")
	}
	return &q
}

// Close frees the picture.
func (p *Picture) Close() { C.av_frame_free(&p.frame) }

// A VideoDecoder decodes one stream of H.264, VP8 or VP9.
type VideoDecoder struct{ c *C.VideoDecoder }

var videoDecoders = map[media.Codec]string{media.H264: "h264", media.VP8: "vp8", media.VP9: "vp9"}

// NewVideoDecoder opens a decoder. A codec that it cannot decode is an error.
func NewVideoDecoder(codec media.Codec) (*VideoDecoder, error) {
	name := C.CString(videoDecoders[codec])
	defer C.free(unsafe.Pointer(name))
	d := &VideoDecoder{}
	return opened(d, failure("open decoder of "+codec.String(), C.video_decoder_open(&d.c, name, MaxPixels)))
}

// Decode takes one encoded picture (of H.264 an access unit in Annex B form) and returns
// the pictures to show, usually one, which the caller closes. After an error decoding may
// continue, best at a keyframe.
func (d *VideoDecoder) Decode(data []byte, timestamp int64) (pictures []*Picture, err error) {
	if len(data) == 0 || len(data) > math.MaxInt32 {
		return nil, errEmpty
	}
	if err := failure("decode", C.video_decoder_send(d.c, pointer(data), C.int(len(data)), C.int64_t(timestamp))); err != nil {
		return nil, err
	}
	for {
		var frame *C.AVFrame
		var damaged C.int
		got := C.video_decoder_receive(d.c, &frame, &damaged)
		if got <= 0 {
			return pictures, failure("decode", got)
		}
		pictures = append(pictures, &Picture{
			frame: frame, Width: int(frame.width), Height: int(frame.height), Timestamp: int64(frame.pts), Damaged: damaged != 0,
		})
	}
}

// Close frees the decoder. Its pictures stay valid.
func (d *VideoDecoder) Close() {
	C.video_decoder_close(d.c)
	d.c = nil
}

// VideoConfig says how video is encoded. The fields above Threads are required, but Encoder.
type VideoConfig struct {
	Encoder       string // by FFmpeg's name; empty is libx264
	Width, Height int    // pixels, even
	FrameRate     float64
	Bitrate       int // bits a second, with a buffer of one second
	KeyframeTicks int // the largest distance of keyframes
	Threads       int // 0 is the encoder's default
	TickRate      int // ticks a second, of pictures at any time; 0 is the frame rate
	Quality       int // the constant rate factor of libx264, up to Bitrate, with less effort; 0 encodes with Bitrate
}

// minBitrate, in bits a second, is the least that encoders accept.
const minBitrate = 16_000

// A VideoEncoder encodes H.264, main profile, without B-frames.
type VideoEncoder struct{ c *C.VideoEncoder }

// NewVideoEncoder opens an encoder. An error says that there is none of the name, or that
// it does not work on this machine.
func NewVideoEncoder(c VideoConfig) (*VideoEncoder, error) {
	if c.Encoder == "" {
		c.Encoder = "libx264"
	}
	name := C.CString(c.Encoder)
	defer C.free(unsafe.Pointer(name))
	rate := C.av_d2q(C.double(c.FrameRate), 1001_000)
	e := &VideoEncoder{}
	return opened(e, failure("open encoder "+c.Encoder, C.video_encoder_open(&e.c, name, C.VideoEncoderConfig{
		width: C.int(c.Width), height: C.int(c.Height), rate_num: rate.num, rate_den: rate.den,
		bitrate: C.int64_t(max(c.Bitrate, minBitrate)), keyframe_ticks: C.int(c.KeyframeTicks), threads: C.int(c.Threads),
		tick_rate: C.int(c.TickRate), quality: C.int(c.Quality),
	})))
}

// A Unit is one access unit of H.264 in Annex B form.
type Unit struct {
	Tick     int64
	Keyframe bool
	Data     []byte
}

// Encode encodes the canvas as the picture of a tick, in rising order, and returns the
// units that are ready. The canvas may be drawn on again at once.
func (e *VideoEncoder) Encode(c *Canvas, tick int64, keyframe bool) ([]Unit, error) {
	forced := C.int(0)
	if keyframe {
		forced = 1
	}
	if err := failure("encode", C.video_encoder_send(e.c, c.c, C.int64_t(tick), forced)); err != nil {
		return nil, err
	}
	return e.ready()
}

// Finish returns the last units. Encode must not be called after it.
func (e *VideoEncoder) Finish() ([]Unit, error) {
	if err := failure("encode", C.video_encoder_send(e.c, nil, 0, 0)); err != nil {
		return nil, err
	}
	return e.ready()
}

func (e *VideoEncoder) ready() (units []Unit, err error) {
	for {
		var p *C.AVPacket
		got := C.video_encoder_receive(e.c, &p)
		if got <= 0 {
			return units, failure("encode", got)
		}
		units = append(units, Unit{
			Tick: int64(p.pts), Keyframe: p.flags&C.AV_PKT_FLAG_KEY != 0, Data: C.GoBytes(unsafe.Pointer(p.data), p.size),
		})
	}
}

// Close frees the encoder.
func (e *VideoEncoder) Close() {
	C.video_encoder_close(e.c)
	e.c = nil
}
