package worker

import (
	"bufio"
	"bytes"
	"testing"
	"time"
)

func FuzzReadStreamMessage(f *testing.F) {
	var b bytes.Buffer
	w := bufio.NewWriter(&b)
	for _, m := range []StreamMessage{{Kind: StreamOpen, Stream: 1, Data: []byte{0x11, 0x90}}, {Kind: StreamInput, Stream: 1, Time: time.Second, Data: []byte{1, 2, 3}}, {Kind: StreamClose, Stream: 1}} {
		if err := WriteStreamMessage(w, m); err != nil {
			f.Fatal(err)
		}
	}
	_ = w.Flush() // into memory
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, wire []byte) {
		var again bytes.Buffer
		w := bufio.NewWriter(&again)
		for r := bufio.NewReader(bytes.NewReader(wire)); ; {
			m, err := ReadStreamMessage(r)
			if err != nil {
				break
			}
			if err := WriteStreamMessage(w, m); err != nil {
				t.Fatal(err)
			}
		}
		_ = w.Flush() // into memory
		if !bytes.HasPrefix(wire, again.Bytes()) {
			t.Errorf("%x is written again as %x", wire, again.Bytes())
		}
	})
}
