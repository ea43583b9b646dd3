package rtmp

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/bytecounter"
	"github.com/bluenviron/gortmplib/pkg/handshake"
	"github.com/bluenviron/gortmplib/pkg/rawmessage"
)

// answering starts a server that answers the first command with a given one.
func answering(t *testing.T, command ...any) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-ended })
	go func() {
		defer close(ended)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Error(err)
		}
		counted := bytecounter.NewReadWriter(c)
		if _, _, err := handshake.DoServer(counted, false); err != nil {
			t.Error(err)
			return
		}
		r := rawmessage.NewReader(counted, counted.Reader, func(uint32) error { return nil })
		for {
			m, err := r.Read()
			if err != nil {
				return
			}
			if m.Type == setChunkSize {
				if err := r.SetChunkSize(chunkSize); err != nil {
					t.Error(err)
				}
			}
			if m.Type == commandAMF0 {
				break
			}
		}
		body, err := amf0.Data(command).Marshal()
		if err != nil {
			t.Error(err)
			return
		}
		w := rawmessage.NewWriter(counted, counted.Writer, false)
		if err := w.Write(&rawmessage.Message{ChunkStreamID: 3, Type: commandAMF0, Body: body}); err != nil {
			t.Error(err)
		}
		_, _ = io.Copy(io.Discard, c) // until the client closes
	}()
	return l.Addr().String()
}

func TestPush_ReturnsTheReasonOfARefusal(t *testing.T) {
	status := amf0.Object{{Key: "level", Value: "error"}, {Key: "code", Value: "NetStream.Publish.BadName"}, {Key: "description", Value: "Stream already exists"}}
	for _, name := range []string{"_error", "onStatus"} {
		_, err := Dial(t.Context(), "rtmp://"+answering(t, name, float64(1), nil, status)+"/app/key", stream)
		if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "Stream already exists") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzCommand(f *testing.F) {
	for _, command := range []amf0.Data{
		{"_result", float64(4), nil, float64(1)},
		{"onStatus", float64(0), nil, amf0.Object{{Key: "level", Value: "status"}}},
		{"onBWDone", float64(0)},
	} {
		b, err := command.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, kind := range []uint8{commandAMF0, commandAMF3} {
			if c, ok := (message{kind: kind, body: body}).command(); ok {
				_, _ = c.isError(), c.reason()
			}
		}
	})
}
