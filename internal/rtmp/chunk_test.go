package rtmp

import (
	"bytes"
	"errors"
	"io"
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

// join joins parts of what is on the wire.
func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestChunkReader_ReadsEachFormOfHeader(t *testing.T) {
	const late = 0x01312d00
	body, wide := numbered(200), []byte{1, 0x31, 0x2d, 0}
	first := join([]byte{4, 0xff, 0xff, 0xff, 0, 0, 200, videoMessage, 1, 0, 0, 0}, wide, body[:128])
	small := chunk(videoMessage, 1000, 200, body[:128]...)
	for _, c := range []struct {
		name string
		wire []byte
		want []uint32 // timestamps
	}{
		{"an extended timestamp, repeated", join(first, []byte{0xc4}, wide, body[128:]), []uint32{late}},
		{"an extended timestamp, not repeated", join(first, []byte{0xc4}, body[128:]), []uint32{late}},
		{"the next of the same kind, repeated", join(first, []byte{0xc4}, wide, body[128:], []byte{0xc4}, wide, body[:128], []byte{0xc4}, wide, body[128:]), []uint32{late, late}},
		{"the next of the same kind, not repeated", join(first, []byte{0xc4}, body[128:], []byte{0xc4}, body[:128], []byte{0xc4}, body[128:]), []uint32{late, late}},
		{"a difference that is extended", join(small, []byte{0xc4}, body[128:], []byte{0x84, 0xff, 0xff, 0xff}, wide, body[:128], []byte{0xc4}, wide, body[128:]), []uint32{1000, 1000 + late}},
		{"a difference that is extended, not repeated", join(small, []byte{0xc4}, body[128:], []byte{0x84, 0xff, 0xff, 0xff}, wide, body[:128], []byte{0xc4}, body[128:]), []uint32{1000, 1000 + late}},
		{"a difference with a length", join(small, []byte{0xc4}, body[128:], []byte{0x44, 0xff, 0xff, 0xff, 0, 0, 200, videoMessage}, wide, body[:128], []byte{0xc4}, body[128:]), []uint32{1000, 1000 + late}},
		{"a timestamp after an extended one", join(first, []byte{0xc4}, body[128:], small, []byte{0xc4}, body[128:]), []uint32{late, 1000}},
		{"a timestamp that wraps", join([]byte{4, 0xff, 0xff, 0xff, 0, 0, 200, videoMessage, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}, body[:128], []byte{0xc4}, body[128:], []byte{0x84, 0, 0, 40}, body[:128], []byte{0xc4}, body[128:]), []uint32{0xffffffff, 39}},
		{"a chunk stream of two bytes", join([]byte{0, 10}, small[1:], []byte{0xc0, 10}, body[128:]), []uint32{1000}},
		{"a chunk stream of three bytes", join([]byte{1, 0, 1}, small[1:], []byte{0xc1, 0, 1}, body[128:]), []uint32{1000}},
	} {
		r := newChunkReader(bytes.NewReader(c.wire))
		r.media = true
		for _, want := range c.want {
			m, err := r.next()
			if err != nil || m.timestamp != want || !bytes.Equal(m.body, body) {
				t.Errorf("%s: %d bytes at %#x, %v; expected 200 at %#x", c.name, len(m.body), m.timestamp, err, want)
				break
			}
		}
		if m, err := r.next(); !errors.Is(err, io.EOF) {
			t.Errorf("%s: then came %+v, %v", c.name, m, err)
		}
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
			m.packets()
			m.command()
			m.split()
		}
	})
}
