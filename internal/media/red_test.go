package media

import (
	"bytes"
	"encoding/hex"
	"testing"
)

func TestDecodeRED_SplitsBlocks(t *testing.T) {
	for _, c := range []struct {
		name    string
		payload string
		want    []REDBlock
	}{
		{"as Chromium sends it: one older block of 960 ticks before", "ef0f0003" + "6f" + "a1a2a3" + "b1b2", []REDBlock{
			{111, 960, []byte{0xa1, 0xa2, 0xa3}}, {111, 0, []byte{0xb1, 0xb2}}}},
		{"two older blocks", "ef1e0001" + "ef0f0002" + "6f" + "a1" + "b1b2" + "c1", []REDBlock{
			{111, 1920, []byte{0xa1}}, {111, 960, []byte{0xb1, 0xb2}}, {111, 0, []byte{0xc1}}}},
		{"the newest block alone", "6fb1b2", []REDBlock{{111, 0, []byte{0xb1, 0xb2}}}},
		{"an older block of nothing", "ef0f0000" + "6f" + "b1", []REDBlock{{111, 960, []byte{}}, {111, 0, []byte{0xb1}}}},
		{"blocks of other formats", "800f0001" + "6f" + "a1" + "b1", []REDBlock{{0, 960, []byte{0xa1}}, {111, 0, []byte{0xb1}}}},
		{"nothing", "", nil},
		{"a header that ends early", "ef0f00", nil},
		{"no newest header", "ef0f0001", nil},
		{"an older block longer than the payload", "ef0f03ff" + "6f" + "a1", nil},
		{"older blocks that are too long together", "ef0f0004" + "ef0f0004" + "6f" + "a1a2a3a4a5", nil},
		{"more blocks than fit", "ef000000" + "ef000000" + "ef000000" + "6f", nil},
	} {
		var storage [3]REDBlock
		got, ok := DecodeRED(unhex(t, c.payload), storage[:0])
		if ok != (c.want != nil) || len(got) != len(c.want) {
			t.Errorf("%s: %+v, %v; want %+v", c.name, got, ok, c.want)
			continue
		}
		for i, b := range got {
			if w := c.want[i]; b.PayloadType != w.PayloadType || b.TimestampOffset != w.TimestampOffset || !bytes.Equal(b.Data, w.Data) {
				t.Errorf("%s: block %d is %+v, want %+v", c.name, i, b, w)
			}
		}
	}
}

func TestAppendREDPrefix_IsDecoded(t *testing.T) {
	older := []REDBlock{
		{0, 1 << 14, []byte{9}}, // too old for a header
		{0, 1<<14 - 1, []byte{1, 2}},
		{0, 960, make([]byte, 1<<10)}, // too long
		{0, 960, bytes.Repeat([]byte{3}, 1<<10-1)},
	}
	prefix := AppendREDPrefix([]byte{0xff}, older)[1:]
	SetREDPayloadType(prefix, 111)
	var storage [4]REDBlock
	got, ok := DecodeRED(append(prefix, 7, 8), storage[:0])
	if !ok || len(got) != 3 {
		t.Fatalf("%+v, %v; want three blocks", got, ok)
	}
	for i, w := range []REDBlock{older[1], older[3], {Data: []byte{7, 8}}} {
		if got[i].PayloadType != 111 || got[i].TimestampOffset != w.TimestampOffset || !bytes.Equal(got[i].Data, w.Data) {
			t.Errorf("block %d is %+v, want %+v", i, got[i], w)
		}
	}
}

func FuzzDecodeRED(f *testing.F) {
	for _, seed := range []string{"ef0f00036fa1a2a3b1b2", "ef1e0001ef0f00026fa1b1b2c1", "6fb1", "ef0f03ff6fa1", ""} {
		b, _ := hex.DecodeString(seed)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		var storage [8]REDBlock
		blocks, ok := DecodeRED(payload, storage[:0])
		if !ok {
			return
		}
		total, older := 0, blocks[:len(blocks)-1]
		for _, b := range blocks {
			total += len(b.Data)
		}
		if want := len(payload) - 4*len(older) - 1; total != want {
			t.Fatalf("%x: blocks have %d bytes together, want %d", payload, total, want)
		}
		again := append(AppendREDPrefix(nil, older), blocks[len(older)].Data...)
		if len(again) != len(payload) {
			t.Fatalf("%x was written again as %x", payload, again)
		}
		SetREDPayloadType(again, 111)
		SetREDPayloadType(payload, 111)
		if !bytes.Equal(again, payload) {
			t.Fatalf("%x was written again as %x", payload, again)
		}
	})
}
