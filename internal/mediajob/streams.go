//go:build cgo

package mediajob

import (
	"bufio"
	"context"
	"errors"
	"io"
	"sync"

	"rostrum/internal/worker"
)

// inputQueue is how many inputs of a stream wait, as while its codecs are opened.
const inputQueue = 256

// A streamHandler handles one stream with a configuration until inputs ends.
type streamHandler func(config []byte, inputs <-chan worker.StreamMessage, write func(worker.StreamMessage))

// handleStreams handles many streams (worker.Streams), until its input ends.
func handleStreams(ctx context.Context, in io.Reader, out io.Writer, handle streamHandler) error {
	var mu sync.Mutex // guards w
	w := bufio.NewWriter(out)
	streams := map[uint32]chan worker.StreamMessage{}
	var running sync.WaitGroup
	defer running.Wait()
	defer func() {
		for _, s := range streams {
			close(s)
		}
	}()
	for r := bufio.NewReader(in); ctx.Err() == nil; {
		m, err := worker.ReadStreamMessage(r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		inputs := streams[m.Stream]
		switch {
		case m.Kind == worker.StreamOpen && inputs == nil:
			inputs = make(chan worker.StreamMessage, inputQueue)
			streams[m.Stream] = inputs
			running.Go(func() {
				handle(m.Data, inputs, func(o worker.StreamMessage) {
					mu.Lock()
					defer mu.Unlock()
					o.Stream = m.Stream
					_ = errors.Join(worker.WriteStreamMessage(w, o), w.Flush()) // the server is gone: then the input ends too
				})
				for range inputs { // of a stream that failed
				}
			})
		case m.Kind == worker.StreamClose && inputs != nil:
			close(inputs)
			delete(streams, m.Stream)
		case m.Kind == worker.StreamInput && inputs != nil:
			select {
			case inputs <- m:
			default: // too slow; the gap is filled by time
			}
		}
	}
	return nil
}
