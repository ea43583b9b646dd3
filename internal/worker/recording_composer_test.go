package worker

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"rostrum/internal/media"
)

// fakeComposer answers each input by its data, and behaves as an input says.
func fakeComposer() {
	in, out := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	answer := func(m StreamMessage) { _ = errors.Join(WriteStreamMessage(out, m), out.Flush()) }
	for {
		m, err := ReadStreamMessage(in)
		if err != nil {
			answer(StreamMessage{Kind: StreamOutput, Data: []byte("last")})
			return
		}
		switch string(m.Data) {
		case "fails":
			answer(StreamMessage{Kind: StreamError, Data: []byte("no encoder")})
		case "crashes":
			os.Exit(3)
		default:
			answer(StreamMessage{Kind: StreamOutput, Data: m.Data})
		}
	}
}

func startComposer(t *testing.T, ctx context.Context, output func([]byte) error) *RecordingComposer {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := StartRecordingComposer(ctx, Config{Program: program, Memory: 1 << 30, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}, RecordingsJob{Width: 640}, output)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRecordingComposer_PassesAllOutputOn(t *testing.T) {
	var all []string
	p := startComposer(t, t.Context(), func(data []byte) error {
		all = append(all, string(data))
		return nil
	})
	for _, data := range []string{"a", "b"} {
		if err := p.Write(StreamMessage{Kind: StreamInput, Stream: 1, Data: []byte(data)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	var job RecordingsJob
	if len(all) != 4 || json.Unmarshal([]byte(all[0]), &job) != nil || job.Width != 640 || strings.Join(all[1:], " ") != "a b last" {
		t.Errorf("its output is %q", all)
	}
}

func TestRecordingComposer_SaysWhyItFailed(t *testing.T) {
	refuse := errors.New("the disk is full")
	for input, c := range map[string]struct {
		output   error
		expected string
	}{
		"fails":   {nil, "compose: no encoder"},
		"crashes": {nil, "compose: exit status 3"},
		"x":       {refuse, "compose: the disk is full"},
	} {
		p := startComposer(t, t.Context(), func([]byte) error { return c.output })
		var err error
		for range 1_000_000 { // until the process is gone
			if err = p.Write(StreamMessage{Kind: StreamInput, Stream: 1, Data: []byte(input)}); err != nil {
				break
			}
		}
		if err == nil || err.Error() != c.expected {
			t.Errorf("%s: the error is %v, expected %s", input, err, c.expected)
		}
	}
}

func TestRecordingComposer_EndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := startComposer(t, ctx, func([]byte) error { return nil })
	cancel()
	<-p.done
	if p.err == nil {
		t.Error("the process ended by itself")
	}
}

func TestRecordedFrame_IsReadAsItIsWritten(t *testing.T) {
	for _, f := range []RecordedFrame{
		{Codec: media.H264, Width: 1920, Height: 1080, Offset: -6500 * time.Microsecond, Data: []byte{1, 2}},
		{Codec: media.Opus, Data: []byte{}},
	} {
		if got, err := ParseRecordedFrame(f.Marshal()); err != nil || !reflect.DeepEqual(got, f) {
			t.Errorf("%+v is read as %+v, %v", f, got, err)
		}
	}
	if _, err := ParseRecordedFrame([]byte{1, 2, 3}); err == nil {
		t.Error("a frame without its header is read")
	}
}
