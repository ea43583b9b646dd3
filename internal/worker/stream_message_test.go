package worker

import (
	"bufio"
	"bytes"
	"testing"
	"time"
)

func FuzzReadStreamMessage(f *testing.F) {
	var b bytes.Buffer
	for _, m := range []StreamMessage{{Kind: StreamOpen, Stream: 1, Data: []byte{0x11, 0x90}}, {Kind: StreamInput, Stream: 1, Time: time.Second, Data: []byte{1, 2, 3}}, {Kind: StreamClose, Stream: 1}} {
		if err := WriteStreamMessage(&b, m); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, wire []byte) {
		var again bytes.Buffer
		for r := bufio.NewReader(bytes.NewReader(wire)); ; {
			m, err := ReadStreamMessage(r)
			if err != nil {
				break
			}
			if err := WriteStreamMessage(&again, m); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.HasPrefix(wire, again.Bytes()) {
			t.Errorf("%x is written again as %x", wire, again.Bytes())
		}
	})
}
