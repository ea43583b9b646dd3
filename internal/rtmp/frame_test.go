package rtmp

import (
	"bytes"
	"errors"
	"slices"
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
		track    int
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
		{name: "a picture of AV1 in too many units", body: named(0x91, "av01", bytes.Repeat([]byte{0x0a, 0}, maxUnits+1)...), refused: true},
		{name: "a picture of AV1 that is cut", body: named(0x91, "av01", 0x12, 0, 0x0a, 9, 0), refused: true},
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
		{name: "a second track", body: append([]byte("\x96\x01avc1\x01\x00\x00\x50"), onePicture...), kind: Video, track: 1, keyframe: true, shift: 80 * time.Millisecond, hasFrame: true},
		{name: "the configuration of a second track", body: append([]byte("\x96\x00avc1\x01"), avcRecord...), kind: VideoConfig, track: 1, hasFrame: true},
		{name: "one of many tracks", body: append([]byte("\xa6\x13avc1\x07\x00\x00\x06"), onePicture...), kind: Video, track: 7, hasFrame: true},
		{name: "a track that exceeds its message", body: append([]byte("\x96\x13avc1\x00\x00\x00\x07"), onePicture...), refused: true},
		{name: "a track without a length", body: []byte("\x96\x13avc1\x00\x00"), refused: true},
		{name: "a track with half a codec", body: []byte("\x96\x23av"), refused: true},
		{name: "too many tracks", body: append([]byte("\x96\x13avc1"), bytes.Repeat([]byte("\x00\x00\x00\x00"), maxTracks+1)...), refused: true},
		{name: "an unknown form of tracks", body: append([]byte("\x96\x31avc1\x00"), onePicture...), refused: true},
		{name: "tracks without tracks", body: []byte("\x96\x11avc1")},
		{name: "tracks of nothing", body: []byte("\x96")},
		{name: "metadata of tracks", body: []byte("\x96\x14hvc1\x00\x00\x00\x01\x02")},
		{name: "a command frame, by FourCC", body: named(0xd0, "avc1", avcRecord...)},
		{name: "no body"},
		{name: "a truncated picture", body: append([]byte{0x17, 1, 0, 0, 80}, onePicture[:5]...), refused: true},

		{name: "a configuration of audio", audio: true, body: []byte{0xaf, 0, 0x11, 0x90}, kind: AudioConfig, hasFrame: true},
		{name: "audio", audio: true, body: []byte{0xaf, 1, 1, 2}, kind: Audio, hasFrame: true},
		{name: "a configuration of audio, by FourCC", audio: true, body: named(0x90, "mp4a", 0x11, 0x90), kind: AudioConfig, hasFrame: true},
		{name: "audio, by FourCC", audio: true, body: named(0x91, "mp4a", 1, 2), kind: Audio, hasFrame: true},
		{name: "a channel configuration", audio: true, body: named(0x94, "mp4a", 1, 2)},
		{name: "no body", audio: true},
		{name: "a packet without audio", audio: true, body: []byte{0xaf, 1}},
		{name: "one of many tracks of audio", audio: true, body: []byte("\x95\x21mp4a\x02\x00\x00\x01\x07"), kind: Audio, track: 2, hasFrame: true},
		{name: "Opus", audio: true, body: named(0x91, "Opus", 1, 2), kind: Opus, hasFrame: true},
		{name: "a configuration of Opus", audio: true, body: named(0x90, "Opus", []byte("OpusHead")...), kind: OpusConfig, hasFrame: true},
		{name: "another audio codec", audio: true, body: []byte{0x2f, 1, 1, 2}, refused: true},
		{name: "another audio codec, by FourCC", audio: true, body: named(0x91, "ac-3", 1, 2), refused: true},
	} {
		m := message{kind: videoMessage, body: c.body}
		if c.audio {
			m.kind = audioMessage
		}
		var p packet
		all := m.packets()
		if len(all) > 0 {
			p = all[0]
		}
		if hasFrame := len(all) > 0 && p.err == nil; hasFrame != c.hasFrame || (p.err != nil) != c.refused || len(all) > 1 {
			t.Errorf("%s: parsed as %+v; expected a frame %v and an error %v", c.name, all, c.hasFrame, c.refused)
			continue
		}
		if c.hasFrame && (p.Kind != c.kind || p.Track != c.track || p.Keyframe != c.keyframe || p.shift != c.shift || len(p.Units) == 0) {
			t.Errorf("%s: saw %+v", c.name, p)
		}
		if c.hasFrame && p.Kind == Video && !bytes.Equal(p.Units[0], onePicture[4:]) {
			t.Errorf("%s: the picture is %x", c.name, p.Units)
		}
	}
	if all := (message{kind: videoMessage, body: named(0x91, "av01", bytes.Repeat([]byte{0x0a, 0}, maxUnits)...)}).packets(); all[0].err != nil {
		t.Errorf("a picture of AV1 is refused with %v", all[0].err)
	}
	if all := (message{kind: videoMessage, body: []byte{0x12, 1, 0, 0, 0, 1}}).packets(); !errors.Is(all[0].err, ErrVideoCodec) {
		t.Errorf("another codec is refused with %v", all)
	}
}

func TestMessage_SplitsTracksOfOneMessage(t *testing.T) {
	part := func(id, shift byte, codec string) []byte {
		body := join([]byte{0, 0, shift}, onePicture)
		return join([]byte(codec), []byte{id}, uint24(uint32(len(body))), body)
	}
	for name, body := range map[string][]byte{
		"of one codec":      join([]byte("\x96\x11avc1"), part(0, 0, ""), part(1, 40, ""), part(2, 80, "")),
		"each with a codec": join([]byte("\x96\x21"), part(0, 0, "avc1"), part(1, 40, "avc1"), part(2, 80, "avc1")),
	} {
		all := message{kind: videoMessage, body: body}.packets()
		if len(all) != 3 {
			t.Errorf("tracks %s: %d frames", name, len(all))
			continue
		}
		for i, p := range all {
			if p.err != nil || p.Track != i || !p.Keyframe || p.shift != time.Duration(i)*40*time.Millisecond || !bytes.Equal(p.Units[0], onePicture[4:]) {
				t.Errorf("track %d %s: %+v", i, name, p)
			}
		}
	}
	mixed := join([]byte("\x96\x21"), part(0, 0, "avc1"), part(1, 0, "hvc1"))
	if all := (message{kind: videoMessage, body: mixed}).packets(); len(all) != 2 || all[0].err != nil || !errors.Is(all[1].err, ErrVideoCodec) {
		t.Errorf("a track of HEVC: %+v", all)
	}
}

func FuzzPackets(f *testing.F) {
	for _, body := range []string{
		"\x17\x00\x00\x00\x00" + string(avcRecord), "\x27\x01\x00\x00\x28" + string(onePicture), "\x91avc1\x00\x00\x50" + string(onePicture),
		"\x97\x02\x00\x00\x05\x01avc1\x00\x00\x50" + string(onePicture), "\x96\x11avc1\x00\x00\x00\x06" + string(onePicture), "\x96\x23avc1\x01\x00\x00\x06" + string(onePicture),
		"\xaf\x00\x11\x90", "\xaf\x01\x21\x10", "\x90OpusOpusHead", "\x95\x21mp4a\x02\x00\x00\x01\x07",
	} {
		f.Add(true, []byte(body))
		f.Add(false, []byte(body))
	}
	f.Fuzz(func(t *testing.T, video bool, b []byte) {
		m := message{kind: audioMessage, body: bytes.Clone(b)}
		if video {
			m.kind = videoMessage
		}
		size, all := 0, m.packets()
		for _, p := range all {
			for _, u := range p.Units {
				size += len(u)
			}
			if p.err == nil && (len(p.Units) == 0 || p.Track < 0 || p.Track > 255) {
				t.Errorf("a frame without data: %+v", p)
			}
		}
		if size > len(b) || len(all) > maxTracks || !bytes.Equal(m.body, b) {
			t.Errorf("%d frames have %d bytes of %d, or the message was changed", len(all), size, len(b))
		}
	})
}

func TestMessage_KeepsAllPictureParameterSets(t *testing.T) {
	sps, pps := []byte{0x67, 0x42, 0, 0x1e}, []byte{0x68, 0xce, 0x3c, 0x80}
	second := []byte{0x68, 0x53, 0x8f, 0x20}
	record := func(parts ...[]byte) []byte { return join(append([][]byte{{1, 0x42, 0, 0x1e, 0xff}}, parts...)...) }
	set := func(b []byte) []byte { return join([]byte{0, byte(len(b))}, b) }
	for name, c := range map[string]struct {
		record []byte
		sets   [][]byte // nil for a refusal
	}{
		"one of each":                {record([]byte{0xe1}, set(sps), []byte{1}, set(pps)), [][]byte{sps, pps}},
		"two PPS":                    {record([]byte{0xe1}, set(sps), []byte{2}, set(pps), set(second)), [][]byte{sps, pps, second}},
		"two SPS":                    {record([]byte{0xe2}, set(sps), set(sps), []byte{1}, set(pps)), [][]byte{sps, pps}},
		"an empty one":               {record([]byte{0xe1}, set(sps), []byte{2}, set(nil), set(pps)), [][]byte{sps, pps}},
		"extensions of High profile": {record([]byte{0xe1}, set(sps), []byte{1}, set(pps), []byte{0xfd, 0xf8, 0xf8, 0}), [][]byte{sps, pps}},
		"no PPS":                     {record([]byte{0xe1}, set(sps), []byte{0}), nil},
		"a truncated PPS":            {record([]byte{0xe1}, set(sps), []byte{2}, set(pps), set(second)[:4]), nil},
		"too much":                   {record([]byte{0xe1}, set(sps), []byte{1}, set(pps), make([]byte, maxSetsSize)), nil},
	} {
		sets, err := parameterSets(c.record)
		if (err != nil) != (c.sets == nil) || !slices.EqualFunc(sets, c.sets, bytes.Equal) {
			t.Errorf("%s: %x, %v", name, sets, err)
		}
	}
}
