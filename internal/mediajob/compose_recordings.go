//go:build cgo

package mediajob

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"

	"rostrum/internal/compositor"
	"rostrum/internal/worker"
)

// lookAhead is how long before it is due a frame is decoded: the compositor chooses between
// pictures about a tick, and some decoders need the next picture first.
const lookAhead = 100 * time.Millisecond

// ComposeRecordings composes the recordings that it reads (worker.RecordingComposer).
func ComposeRecordings(ctx context.Context, in io.Reader, out io.Writer) error {
	w := bufio.NewWriterSize(out, 1<<16)
	err := composeRecordings(ctx, bufio.NewReaderSize(in, 1<<16), w)
	if err != nil { // the reader shows it
		_ = errors.Join(worker.WriteStreamMessage(w, worker.StreamMessage{Kind: worker.StreamError, Data: []byte(err.Error())}), w.Flush())
	}
	return err
}

func composeRecordings(ctx context.Context, in *bufio.Reader, w *bufio.Writer) error {
	first, err := worker.ReadStreamMessage(in)
	if err != nil {
		return err
	}
	var j worker.RecordingsJob
	if err := json.Unmarshal(first.Data, &j); err != nil {
		return fmt.Errorf("read job: %w", err)
	}
	c := &recordingComposition{
		in: in, duration: j.Duration, stage: compositor.NewRecordedStage(),
		participants: map[uint32]*compositor.Participant{}, frames: map[uint32][]compositor.Frame{},
	}
	defer c.stage.Close()
	p, err := compositor.NewProgram(c.stage, compositor.Config{
		Width: j.Width, Height: j.Height, FrameRate: j.FrameRate, Bitrate: j.Bitrate, Layout: j.Layout, Threads: runtime.NumCPU(),
	})
	if err != nil {
		return err
	}
	output := &fragments{muxer: muxer{format: p.Format()}, put: func(data []byte) error {
		return errors.Join(worker.WriteStreamMessage(w, worker.StreamMessage{Kind: worker.StreamOutput, Data: data}), w.Flush())
	}}
	return p.Render(output, func(due time.Duration) (bool, error) {
		if err := ctx.Err(); err != nil || due >= c.duration {
			return false, err
		}
		return true, c.feed(due)
	})
}

// A recordingComposition feeds recordings to a compositor.
type recordingComposition struct {
	in           *bufio.Reader
	next         *worker.StreamMessage // that is not due; nil if none was read
	ended        bool                  // nothing more comes
	duration     time.Duration
	stage        *compositor.Stage
	participants map[uint32]*compositor.Participant
	frames       map[uint32][]compositor.Frame // to be decoded
}

// feed takes the messages up to a time, and decodes the participants side by side.
func (c *recordingComposition) feed(due time.Duration) error {
	for {
		if err := c.read(); err != nil {
			return err
		}
		if c.ended || c.next.Time > due+lookAhead || c.next.Kind != worker.StreamInput && c.next.Time > due {
			c.decode()
			return nil
		}
		if err := c.take(*c.next); err != nil {
			return err
		}
		c.next = nil
	}
}

// read reads the next message, unless there is one.
func (c *recordingComposition) read() error {
	if c.next != nil || c.ended {
		return nil
	}
	m, err := worker.ReadStreamMessage(c.in)
	if errors.Is(err, io.EOF) {
		c.ended = true
		return nil
	}
	c.next = &m
	return err
}

func (c *recordingComposition) take(m worker.StreamMessage) error {
	p := c.participants[m.Stream]
	switch {
	case m.Kind == worker.StreamOpen && p == nil:
		var described worker.RecordedParticipant
		if err := json.Unmarshal(m.Data, &described); err != nil {
			return fmt.Errorf("read participant: %w", err)
		}
		joined, err := c.stage.Join(compositor.ParticipantConfig{ID: described.ID})
		if err != nil {
			return err
		}
		c.participants[m.Stream] = joined
	case m.Kind == worker.StreamInput && p != nil:
		f, err := worker.ParseRecordedFrame(m.Data)
		if err != nil {
			return err
		}
		c.frames[m.Stream] = append(c.frames[m.Stream], compositor.Frame{
			Codec: f.Codec, Arrived: c.stage.At(m.Time + f.Offset), Keyframe: m.Keyframe, Width: f.Width, Height: f.Height, Data: f.Data,
		})
	case m.Kind == worker.StreamClose && p != nil:
		c.decode()
		p.Leave()
		delete(c.participants, m.Stream)
	}
	return nil
}

// decode decodes the frames that were taken.
func (c *recordingComposition) decode() {
	var running sync.WaitGroup
	for stream, frames := range c.frames {
		p := c.participants[stream]
		running.Go(func() {
			for _, f := range frames {
				p.Write(f)
			}
		})
	}
	running.Wait()
	clear(c.frames)
}
