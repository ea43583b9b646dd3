package rtmp

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/bluenviron/gortmplib/pkg/bytecounter"
	"github.com/bluenviron/gortmplib/pkg/rawmessage"
)

// numbered is a body whose bytes differ from their neighbours.
func numbered(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

// sent are messages at timestamps that need each kind of header.
func sent() (all []message) {
	for i, at := range []uint32{0, 0, 40, 39, 0xfffffe, 0xffffff, 0x1000000, 0x2000000, 0x2000001, 0xffffffff, 20, 0x5000000} {
		all = append(all, message{videoMessage, at, numbered(1 + i*300)})
	}
	return all
}

func TestChunkWriter_IsReadAsWritten(t *testing.T) {
	for _, size := range []int{128, 4096} {
		var wire bytes.Buffer
		w := newChunkWriter(&wire)
		w.size = size
		for _, m := range sent() {
			if err := w.write(videoChunks, 1, m); err != nil {
				t.Fatal(err)
			}
		}
		r := newChunkReader(bytes.NewReader(wire.Bytes()))
		r.media, r.size = true, size
		library := rawmessage.NewReader(&wire, bytecounter.NewReader(&wire), func(uint32) error { return nil })
		if err := library.SetChunkSize(uint32(size)); err != nil {
			t.Fatal(err)
		}
		for _, want := range sent() {
			if got, err := r.next(); err != nil || got.timestamp != want.timestamp || !bytes.Equal(got.body, want.body) {
				t.Errorf("in chunks of %d: %d bytes at %#x, %v; expected %d at %#x", size, len(got.body), got.timestamp, err, len(want.body), want.timestamp)
			}
			if got, err := library.Read(); err != nil || !bytes.Equal(got.Body, want.body) || got.MessageStreamID != 1<<24 && got.MessageStreamID != 1 {
				t.Errorf("gortmplib reads %v at %#x, %v", got, want.timestamp, err)
			}
		}
	}
}

// Readers that follow the specification take the field in each chunk, others compare it.
func TestChunkWriter_RepeatsExtendedTimestamps(t *testing.T) {
	var wire bytes.Buffer
	w := newChunkWriter(&wire)
	body := numbered(300)
	if err := w.write(videoChunks, 1, message{videoMessage, 0x01312d00, body}); err != nil {
		t.Fatal(err)
	}
	want := binary.BigEndian.AppendUint32(nil, 0x01312d00)
	want = append(append([]byte{6, 0xff, 0xff, 0xff, 0, 1, 44, 9, 1, 0, 0, 0}, want...), body[:128]...)
	want = append(append(want, 0xc6, 1, 0x31, 0x2d, 0), body[128:256]...)
	want = append(append(want, 0xc6, 1, 0x31, 0x2d, 0), body[256:]...)
	if !bytes.Equal(wire.Bytes(), want) {
		t.Errorf("wrote %x\nwant  %x", wire.Bytes(), want)
	}
}
