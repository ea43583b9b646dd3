package relay

import (
	"bytes"
	"reflect"
	"testing"

	"rostrum/internal/media"
)

// everyFrame has one of each kind, with all that it carries.
var everyFrame = []frame{
	{kind: framePacket, stream: 7, track: media.Video, layer: 2, marker: true, again: true, level: 31, sequence: 1 << 40, timestamp: 90000, payload: []byte{1, 2, 3}},
	{kind: framePacket, stream: 7, track: media.Audio, level: 127, sequence: 1 << 16, timestamp: 960, payload: []byte{}},
	{kind: frameSets, stream: 7, track: media.Video, payload: []byte{0x18, 1}},
	{kind: frameClock, stream: 7, track: media.Video, layer: 1, moment: 1 << 60, timestamp: 4},
	{kind: frameMissing, stream: 9, track: media.Video, layer: 1, missing: []uint64{70000, 70002}},
	{kind: frameKeyframe, stream: 9, track: media.Video, layer: 1},
	{kind: frameWish, stream: 9, layers: 6},
	{kind: frameEnd, stream: 9},
	{kind: frameStop, stream: 9},
	{kind: framePing, moment: 12},
	{kind: framePong, moment: 12},
}

func encodeAll(frames []frame) (b []byte) {
	for i := range frames {
		b = frames[i].appendTo(b)
	}
	return b
}

func TestFrame_SurvivesADatagram(t *testing.T) {
	var got []frame
	if err := parseFrames(encodeAll(everyFrame), func(f *frame) { got = append(got, *f) }); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, everyFrame) {
		t.Errorf("got  %+v\nwant %+v", got, everyFrame)
	}
	for i := range everyFrame {
		if f := &everyFrame[i]; len(f.appendTo(nil)) > f.size() {
			t.Errorf("frame %d takes %d bytes, more than its size of %d", i, len(f.appendTo(nil)), f.size())
		}
	}
}

// A datagram that is cut anywhere gives an error and no frame of what is missing.
func TestFrame_CutIsRefused(t *testing.T) {
	for i := range everyFrame {
		whole := everyFrame[i].appendTo(nil)
		for n := 1; n < len(whole); n++ {
			if err := parseFrames(whole[:n], func(f *frame) { t.Errorf("frame %d, cut to %d bytes, is %+v", i, n, f) }); err == nil {
				t.Errorf("frame %d, cut to %d bytes, is no error", i, n)
			}
		}
	}
}

func TestFrame_ValuesOutOfRangeAreRefused(t *testing.T) {
	for name, f := range map[string]frame{
		"layer":    {kind: frameKeyframe, layer: maxLayer + 1},
		"sequence": {kind: framePacket, sequence: 1 << 48},
		"kind":     {kind: 200},
	} {
		if err := parseFrames(f.appendTo(nil), func(f *frame) { t.Errorf("%s: got %+v", name, f) }); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	many := frame{kind: frameMissing, missing: make([]uint64, maxPerRequest+1)}
	if err := parseFrames(many.appendTo(nil), func(*frame) { t.Error("too many numbers were taken") }); err == nil {
		t.Error("too many numbers: no error")
	}
}

func FuzzParseFrames(f *testing.F) {
	f.Add(encodeAll(everyFrame))
	f.Fuzz(func(t *testing.T, b []byte) {
		var again []byte
		if err := parseFrames(b, func(f *frame) { again = f.appendTo(again) }); err != nil {
			return
		}
		var twice []byte
		if err := parseFrames(again, func(f *frame) { twice = f.appendTo(twice) }); err != nil || !bytes.Equal(again, twice) {
			t.Errorf("%x becomes %x, then %x: %v", b, again, twice, err)
		}
	})
}
