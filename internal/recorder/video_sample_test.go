package recorder

import (
	"bytes"
	"testing"

	"rostrum/internal/media"
)

func TestVideoSample_HasASizeBeforeEachUnit(t *testing.T) {
	expected := []byte{0, 0, 0, 2, 0x67, 1, 0, 0, 0, 1, 0x68, 0, 0, 0, 3, 0x65, 2, 3}
	for name, picture := range map[string][]byte{
		"long start codes":   {0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68, 0, 0, 0, 1, 0x65, 2, 3},
		"short start codes":  {0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 0, 0, 1, 0x65, 2, 3},
		"various ones":       {0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 0, 0, 0, 0, 1, 0x65, 2, 3},
		"an empty unit":      {0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0x68, 0, 0, 0, 1, 0x65, 2, 3},
		"zeros after a unit": {0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68, 0, 0, 0, 1, 0x65, 2, 3, 0, 0},
	} {
		if got := videoSample(media.H264, picture); !bytes.Equal(got, expected) {
			t.Errorf("%s: %x, expected %x", name, got, expected)
		}
	}
	picture := []byte{0, 0, 0, 1, 0x65, 2, 3}
	if got := videoSample(media.H264, picture); &got[0] != &picture[0] {
		t.Error("a picture with long start codes is copied")
	}
}
