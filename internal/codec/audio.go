//go:build cgo

package codec

// #include <stdlib.h>
// #include "codec.h"
import "C"

import (
	"math"
	"unsafe"
)

// SampleRate is that of all audio here: stereo, interleaved, nominally -1 to 1.
const SampleRate = 48000

// An AudioCodec is an audio codec.
type AudioCodec string

// The audio codecs.
const (
	Opus AudioCodec = "opus"
	AAC  AudioCodec = "aac"
)

// An AudioDecoder decodes one audio stream, of any rate and number of channels.
type AudioDecoder struct {
	c       *C.AudioDecoder
	samples []float32
}

// maxDecoded bounds the samples of one packet, to twice those of 120 ms of Opus.
const maxDecoded = SampleRate / 4

// NewAudioDecoder opens a decoder. AAC needs its AudioSpecificConfig (ISO 14496-3).
func NewAudioDecoder(codec AudioCodec, config []byte) (*AudioDecoder, error) {
	name := C.CString(string(codec))
	defer C.free(unsafe.Pointer(name))
	d := &AudioDecoder{samples: make([]float32, 2*maxDecoded)}
	return opened(d, failure("open decoder of "+string(codec), C.audio_decoder_open(&d.c, name, pointer(config), C.int(len(config)))))
}

// Decode decodes one packet. Its result is valid until the next call.
func (d *AudioDecoder) Decode(packet []byte) ([]float32, error) {
	if len(packet) == 0 || len(packet) > math.MaxInt32 {
		return nil, errEmpty
	}
	n := C.audio_decoder_decode(d.c, pointer(packet), C.int(len(packet)), (*C.float)(&d.samples[0]), maxDecoded)
	if err := failure("decode", n); err != nil {
		return nil, err
	}
	return d.samples[:2*n], nil
}

// Close frees the decoder.
func (d *AudioDecoder) Close() {
	C.audio_decoder_close(d.c)
	d.c = nil
}

// An AudioEncoder encodes samples into packets.
type AudioEncoder struct {
	c       *C.AudioEncoder
	frame   int       // samples of a channel in a packet
	pending []float32 // that do not fill a packet yet
}

// audioEncoders are FFmpeg's names.
var audioEncoders = map[AudioCodec]string{Opus: "libopus", AAC: "aac"}

// NewAudioEncoder opens an encoder; bitrate is in bits a second.
func NewAudioEncoder(codec AudioCodec, bitrate int) (*AudioEncoder, error) {
	name := C.CString(audioEncoders[codec])
	defer C.free(unsafe.Pointer(name))
	e := &AudioEncoder{}
	if err := failure("open encoder of "+string(codec), C.audio_encoder_open(&e.c, name, C.int64_t(bitrate))); err != nil {
		return nil, err
	}
	e.frame = int(C.audio_encoder_frame(e.c))
	return e, nil
}

// FrameSize is how many samples of each channel are in a packet.
func (e *AudioEncoder) FrameSize() int { return e.frame }

// Delay is how many samples of silence precede the first sample of the input.
func (e *AudioEncoder) Delay() int { return int(C.audio_encoder_delay(e.c)) }

// Config is what a decoder needs: the AudioSpecificConfig of AAC.
func (e *AudioEncoder) Config() []byte {
	var data *C.uint8_t
	n := C.audio_encoder_config(e.c, &data)
	return C.GoBytes(unsafe.Pointer(data), n)
}

// Encode takes samples and returns the packets that they complete.
func (e *AudioEncoder) Encode(samples []float32) (packets [][]byte, err error) {
	e.pending = append(e.pending, samples...)
	used := 0
	for ; len(e.pending)-used >= 2*e.frame; used += 2 * e.frame {
		if err := failure("encode", C.audio_encoder_send(e.c, (*C.float)(&e.pending[used]))); err != nil {
			return packets, err
		}
		for {
			var p *C.AVPacket
			got := C.audio_encoder_receive(e.c, &p)
			if err := failure("encode", got); err != nil {
				return packets, err
			}
			if got == 0 {
				break
			}
			packets = append(packets, C.GoBytes(unsafe.Pointer(p.data), p.size))
		}
	}
	e.pending = append(e.pending[:0], e.pending[used:]...)
	return packets, nil
}

// Close frees the encoder.
func (e *AudioEncoder) Close() {
	C.audio_encoder_close(e.c)
	e.c = nil
}
