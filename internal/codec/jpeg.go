//go:build cgo

package codec

// #include "codec.h"
import "C"

import (
	"image"
	"runtime"
	"unsafe"
)

// jpegQuantiser is FFmpeg's, of 1 to 31: few artefacts, in about a tenth of the time of a
// decoded keyframe.
const jpegQuantiser = 4

// JPEG encodes an image of 4:2:0 as a file of JPEG.
func JPEG(m *image.YCbCr) ([]byte, error) {
	var pin runtime.Pinner
	defer pin.Unpin()
	planes := [3]*C.uint8_t{pointer(m.Y), pointer(m.Cb), pointer(m.Cr)}
	for _, p := range planes {
		pin.Pin(p)
	}
	stride := [3]C.int{C.int(m.YStride), C.int(m.CStride), C.int(m.CStride)}
	var p *C.AVPacket
	if err := failure("encode JPEG", C.jpeg_encode(&planes[0], &stride[0], C.int(m.Rect.Dx()), C.int(m.Rect.Dy()), jpegQuantiser, &p)); err != nil {
		return nil, err
	}
	defer C.av_packet_free(&p)
	return C.GoBytes(unsafe.Pointer(p.data), p.size), nil
}
