package worker

import (
	"bufio"
	"os"
	"sync/atomic"
	"testing"
	"time"
)

// slowStreams stands for a process that reads as fast as it handles inputs. It answers each
// input, and tells a closed stream's id to the others.
func slowStreams() {
	in, out := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	opened := map[uint32]bool{}
	for {
		m, err := ReadStreamMessage(in)
		if err != nil {
			return
		}
		switch m.Kind {
		case StreamOpen:
			opened[m.Stream] = true
		case StreamClose:
			delete(opened, m.Stream)
			for other := range opened {
				_ = WriteStreamMessage(out, StreamMessage{Kind: StreamOutput, Stream: other, Data: []byte{byte(m.Stream)}}) // flushed below
			}
		case StreamInput:
			time.Sleep(4 * time.Millisecond)
			if opened[m.Stream] {
				_ = WriteStreamMessage(out, StreamMessage{Kind: StreamOutput, Stream: m.Stream, Time: m.Time}) // flushed below
			}
		}
		if out.Flush() != nil {
			return
		}
	}
}

func TestStreams_OneThatFloodsLeavesTheOthersTheirShare(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	streams := NewTranscoder(Config{Program: self, Memory: 2 << 30})
	t.Cleanup(func() { _ = streams.Close() })
	open := func(output func(StreamMessage)) *Stream {
		t.Helper()
		s, err := streams.Open(nil, output)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	await := func(what string, happened <-chan struct{}) {
		t.Helper()
		select {
		case <-happened:
		case <-time.After(time.Minute):
			t.Fatal(what)
		}
	}

	flooder := open(func(StreamMessage) {})
	var dropped atomic.Int64
	full := make(chan struct{})
	stop, stopped := make(chan struct{}), make(chan struct{})
	defer func() { close(stop); <-stopped }()
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if !flooder.Write([]byte{1}, 0) && dropped.Add(1) == 1 {
				close(full)
			}
		}
	}()
	await("a stream may write without end", full)

	const inputs = 25
	answered, closed := make(chan struct{}), make(chan struct{})
	leaving := open(func(StreamMessage) {})
	paced := open(func(m StreamMessage) {
		switch {
		case len(m.Data) > 0:
			close(closed)
		case m.Time == inputs:
			close(answered)
		}
	})
	for n := range inputs {
		if !paced.Write([]byte{2}, time.Duration(n+1)) {
			t.Fatalf("input %d of another stream is dropped", n)
		}
		time.Sleep(20 * time.Millisecond)
	}
	await("another stream's last input is not answered", answered)
	leaving.Close()
	await("the process is not told that a stream closed", closed)
}

func TestStream_DropsInputsThatAreLongerThanItsMediaHas(t *testing.T) {
	streams := NewTranscoder(Config{Program: os.Args[0], Memory: 2 << 30})
	t.Cleanup(func() { _ = streams.Close() })
	s, err := streams.Open(nil, func(StreamMessage) {})
	if err != nil {
		t.Fatal(err)
	}
	if s.Write(make([]byte, 1<<20), 0) {
		t.Error("a frame of AAC with 1 MiB is passed on")
	}
	if !s.Write(make([]byte, 8<<10), 0) {
		t.Error("a frame of AAC with 8 KiB is dropped")
	}
}
