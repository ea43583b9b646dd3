package rtmp

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// chunk writes a chunk with a whole header on chunk stream 4.
func chunk(kind byte, at, length int, body ...byte) []byte {
	return append([]byte{4, byte(at >> 16), byte(at >> 8), byte(at), byte(length >> 16), byte(length >> 8), byte(length), kind, 1, 0, 0, 0}, body...)
}

func TestChunkReader_AssemblesMessages(t *testing.T) {
	long := bytes.Repeat([]byte{7}, 200)
	wire := chunk(audioMessage, 1000, 200, long[:128]...)
	wire = append(append(wire, 0xc4), long[128:]...) // continues
	wire = append(wire, 0x84, 0, 0, 20)              // the same length, 20 ms later
	wire = append(append(append(wire, long[:128]...), 0xc4), long[128:]...)
	r := newChunkReader(bytes.NewReader(wire))
	for _, at := range []uint32{1000, 1020} {
		m, err := r.next()
		if err != nil || m.timestamp != at || m.kind != audioMessage || !bytes.Equal(m.body, long) {
			t.Errorf("got %d bytes at %d and %v, expected 200 at %d", len(m.body), m.timestamp, err, at)
		}
	}
	if r.incomplete != 0 {
		t.Errorf("%d bytes are incomplete, expected none", r.incomplete)
	}
}

func TestChunkReader_HasBounds(t *testing.T) {
	many := []byte{}
	for id := byte(2); id < 40; id++ {
		c := chunk(audioMessage, 0, 200, make([]byte, 128)...)
		c[0] = id
		many = append(many, c...)
	}
	for what, c := range map[string]struct {
		wire []byte
		text string
	}{
		"a long command":              {chunk(commandAMF0, 0, maxCommand+1), "at most"},
		"a long picture":              {chunk(videoMessage, 0, maxVideo+1), "at most"},
		"a picture before publishing": {chunk(videoMessage, 0, maxCommand+1), "at most"},
		"many chunk streams":          {many, "chunk streams"},
		"a header that never came":    {[]byte{0xc4}, "never came"},
		"a message in a message":      {append(chunk(audioMessage, 0, 200, make([]byte, 128)...), chunk(audioMessage, 0, 1, 0)...), "before the previous"},
	} {
		r := newChunkReader(bytes.NewReader(c.wire))
		r.media = what != "a picture before publishing"
		var err error
		for err == nil {
			_, err = r.next()
		}
		if !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v, expected an error that says %q", what, err, c.text)
		}
	}
}

func TestIngest_UnwrapsTimestamps(t *testing.T) {
	i := &Ingest{}
	var got []time.Duration
	for _, at := range []uint32{0xffffff00, 0xffffffff, 0x00000010, 0x00000005} {
		got = append(got, i.unwrap(at)/time.Millisecond)
	}
	for n, want := range []time.Duration{0, 255, 272, 261} {
		if got[n] != want {
			t.Errorf("the times are %v, expected 0, 255, 272, 261", got)
			break
		}
	}
}

func FuzzChunkReader(f *testing.F) {
	f.Add(chunk(videoMessage, 5, 9, 0x17, 1, 0, 0, 0, 0, 0, 0, 0))
	f.Add(append(chunk(setChunkSize, 0, 4, 0, 0, 1, 0), chunk(audioMessage, 0, 3, 0xaf, 0, 0x11)...))
	f.Add(chunk(videoMessage, 0, 22, append([]byte{0x17, 0, 0, 0, 0, 1, 0x42, 0, 0x1e, 0xff, 0xe1, 0, 4}, 0x67, 0x42, 0, 0x1e, 1, 0, 1, 0x68, 0)...))
	f.Add(chunk(videoMessage, 0, 14, append([]byte("\x91avc1\x00\x00\x50"), onePicture...)...))
	f.Add(chunk(audioMessage, 0, 7, []byte("\x91mp4a\x01\x02")...))
	f.Fuzz(func(t *testing.T, wire []byte) {
		r := newChunkReader(bytes.NewReader(wire))
		r.media = true
		for {
			m, err := r.next()
			if err != nil {
				return
			}
			if r.incomplete < 0 || r.incomplete > maxIncomplete || len(m.body) > maxVideo {
				t.Fatalf("%d bytes incomplete, a message of %d", r.incomplete, len(m.body))
			}
			if f, _, ok, err := m.frame(); ok && (err != nil || len(f.Units) == 0) {
				t.Fatalf("a frame without units, or with the error %v", err)
			}
			m.command()
		}
	})
}
