package rtmp

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

var (
	avcRecord  = []byte{1, 0x42, 0, 0x1e, 0xff, 0xe1, 0, 4, 0x67, 0x42, 0, 0x1e, 1, 0, 4, 0x68, 0xce, 0x3c, 0x80}
	onePicture = []byte{0, 0, 0, 2, 0x65, 1}
)

func TestMessage_ParsesFramesOfFLVAndEnhancedRTMP(t *testing.T) {
	named := func(first byte, name string, rest ...byte) []byte {
		return append(append([]byte{first}, name...), rest...)
	}
	for _, c := range []struct {
		name     string
		audio    bool
		body     []byte
		kind     FrameKind
		keyframe bool
		shift    time.Duration
		hasFrame bool
		refused  bool
	}{
		{name: "a configuration", body: append([]byte{0x17, 0, 0, 0, 0}, avcRecord...), kind: VideoConfig, hasFrame: true},
		{name: "a keyframe", body: append([]byte{0x17, 1, 0, 0, 80}, onePicture...), kind: Video, keyframe: true, shift: 80 * time.Millisecond, hasFrame: true},
		{name: "a negative composition time", body: append([]byte{0x27, 1, 0xff, 0xff, 0xd8}, onePicture...), kind: Video, shift: -40 * time.Millisecond, hasFrame: true},
		{name: "the end of the sequence", body: []byte{0x17, 2, 0, 0, 0}},
		{name: "a configuration, by FourCC", body: named(0x90, "avc1", avcRecord...), kind: VideoConfig, hasFrame: true},
		{name: "a keyframe, by FourCC", body: named(0x91, "avc1", append([]byte{0, 0, 80}, onePicture...)...), kind: Video, keyframe: true, shift: 80 * time.Millisecond, hasFrame: true},
		{name: "a picture without a composition time, by FourCC", body: named(0xa3, "avc1", onePicture...), kind: Video, hasFrame: true},
		{name: "metadata about colours", body: named(0x94, "hvc1", 2, 0)},
		{name: "the end of the sequence, by FourCC", body: named(0x92, "avc1")},
		{name: "another codec", body: append([]byte{0x12, 1, 0, 0, 0}, onePicture...), refused: true},
		{name: "another codec, by FourCC", body: named(0x91, "hvc1", onePicture...), refused: true},
		{name: "modifiers before a keyframe", body: append([]byte{0x97, 2, 0, 0, 5, 1}, append([]byte("avc1\x00\x00\x50"), onePicture...)...), kind: Video, keyframe: true, shift: 80 * time.Millisecond, hasFrame: true},
		{name: "modifiers of 256 bytes and more", body: append(append([]byte{0x97, 255, 1, 0}, make([]byte, 257)...), append([]byte("\x03avc1"), onePicture...)...), kind: Video, keyframe: true, hasFrame: true},
		{name: "truncated modifiers", body: []byte{0x97, 9, 0}},
		{name: "an unknown packet type", body: named(0x9a, "avc1", 1, 2, 3)},
		{name: "the first of one track", body: append([]byte("\x96\x01avc1\x00\x00\x00\x50"), onePicture...), kind: Video, keyframe: true, shift: 80 * time.Millisecond, hasFrame: true},
		{name: "a second track", body: []byte("\x96\x01avc1\x01\x00\x00\x00\x00\x00\x00\x05\x65\x88\x84\x21\x00"), refused: true},
		{name: "the configuration of a second track", body: append([]byte("\x96\x00avc1\x01"), avcRecord...), refused: true},
		{name: "many tracks", body: append([]byte("\x96\x11avc1\x00"), onePicture...), refused: true},
		{name: "no body"},
		{name: "a truncated picture", body: append([]byte{0x17, 1, 0, 0, 80}, onePicture[:5]...), refused: true},

		{name: "a configuration of audio", audio: true, body: []byte{0xaf, 0, 0x11, 0x90}, kind: AudioConfig, hasFrame: true},
		{name: "audio", audio: true, body: []byte{0xaf, 1, 1, 2}, kind: Audio, hasFrame: true},
		{name: "a configuration of audio, by FourCC", audio: true, body: named(0x90, "mp4a", 0x11, 0x90), kind: AudioConfig, hasFrame: true},
		{name: "audio, by FourCC", audio: true, body: named(0x91, "mp4a", 1, 2), kind: Audio, hasFrame: true},
		{name: "a channel configuration", audio: true, body: named(0x94, "mp4a", 1, 2)},
		{name: "no body", audio: true},
		{name: "a packet without audio", audio: true, body: []byte{0xaf, 1}},
		{name: "several tracks of audio", audio: true, body: []byte("\x95\x11mp4a\x00\x00\x00\x01\x02"), refused: true},
		{name: "another audio codec", audio: true, body: []byte{0x2f, 1, 1, 2}, refused: true},
		{name: "another audio codec, by FourCC", audio: true, body: named(0x91, "Opus", 1, 2), refused: true},
	} {
		m := message{kind: videoMessage, body: c.body}
		if c.audio {
			m.kind = audioMessage
		}
		f, shift, hasFrame, err := m.frame()
		if hasFrame != c.hasFrame || (err != nil) != c.refused {
			t.Errorf("%s: hasFrame a frame %v, error %v; expected %v and an error %v", c.name, hasFrame, err, c.hasFrame, c.refused)
			continue
		}
		if hasFrame && (f.Kind != c.kind || f.Keyframe != c.keyframe || shift != c.shift || len(f.Units) == 0) {
			t.Errorf("%s: saw %+v, shown %s later", c.name, f, shift)
		}
		if f.Kind == Video && hasFrame && !bytes.Equal(f.Units[0], onePicture[4:]) {
			t.Errorf("%s: the picture is %x", c.name, f.Units)
		}
	}
	if _, _, _, err := (message{kind: videoMessage, body: []byte{0x12, 1, 0, 0, 0, 1}}).frame(); !errors.Is(err, ErrVideoCodec) {
		t.Errorf("another codec is refused with %v", err)
	}
}
