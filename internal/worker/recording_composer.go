package worker

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"rostrum/internal/layout"
)

// A RecordingsJob says how recordings are composed. It is the configuration of stream 0.
type RecordingsJob struct {
	Width     int           `json:"width"`     // pixels
	Height    int           `json:"height"`    // pixels
	FrameRate float64       `json:"framerate"` // pictures a second
	Bitrate   int           `json:"bitrate"`   // of the video, bits a second
	Layout    layout.Grid   `json:"layout"`
	Duration  time.Duration `json:"duration"`
}

// A RecordedParticipant is the configuration of a stream above 0: a participant has a tile
// from the time at which its stream opens until that at which it closes.
type RecordedParticipant struct {
	ID string `json:"id"`
}

// A RecordingComposer is a process that composes recordings, as fast as it can. Its input are
// messages in the order of their times: streams open, have inputs that are RecordedFrames, and
// close. Its output is a fragmented MP4: the initialization section, then fragments.
type RecordingComposer struct {
	command *exec.Cmd
	input   io.WriteCloser
	writer  *bufio.Writer
	busy    atomic.Bool  // the process has to read input, or to end
	moved   atomic.Int64 // when it last read or wrote, in Unix nanoseconds
	done    chan struct{}
	err     error // of the process; set before done is closed
}

// composerTimeout is how long a process may neither read nor write while it has to.
const composerTimeout = time.Minute

// StartRecordingComposer starts a process, which ends with ctx. output gets the initialization
// section and the fragments, one after the other, by another goroutine.
func StartRecordingComposer(ctx context.Context, c Config, j RecordingsJob, output func([]byte) error) (*RecordingComposer, error) {
	if c.Program == "" {
		return nil, ErrNoProgram
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	job, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	command, pipes, err := startStreamCommand(c, "compose-recordings")
	if err != nil {
		return nil, err
	}
	p := &RecordingComposer{command: command, input: pipes.input, writer: bufio.NewWriterSize(pipes.input, 1<<16), done: make(chan struct{})}
	p.progress()
	var reading sync.WaitGroup
	reading.Go(func() { p.err = p.read(pipes.output, output) })
	reading.Go(func() { logLines(c.Log, pipes.errorOutput) })
	go func() { // ends with the process
		reading.Wait()
		if err := command.Wait(); p.err == nil {
			p.err = err
		}
		close(p.done)
	}()
	go p.watch(ctx)
	return p, p.Write(StreamMessage{Kind: StreamOpen, Data: job})
}

func (p *RecordingComposer) progress() { p.moved.Store(time.Now().UnixNano()) }

// watch kills the process when ctx ends, and if it hangs.
func (p *RecordingComposer) watch(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-p.done:
			return
		case <-ctx.Done():
			_ = killGroup(p.command.Process)
			return
		case <-tick.C:
			if p.busy.Load() && time.Now().UnixNano()-p.moved.Load() > int64(composerTimeout) {
				_ = killGroup(p.command.Process)
			}
		}
	}
}

// read passes the output on. After an error the process is killed.
func (p *RecordingComposer) read(from io.Reader, output func([]byte) error) error {
	r := bufio.NewReaderSize(from, 1<<16)
	for {
		m, err := ReadStreamMessage(r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		p.progress()
		if err == nil && m.Kind == StreamError {
			err = errors.New(string(m.Data))
		}
		if err == nil {
			err = output(m.Data)
		}
		if err != nil {
			_ = killGroup(p.command.Process)
			return err
		}
	}
}

// Write writes a message. It waits while the process is behind. A frame that is too large for
// a message is left out.
func (p *RecordingComposer) Write(m StreamMessage) error {
	p.progress()
	p.busy.Store(true)
	defer p.busy.Store(false)
	if err := WriteStreamMessage(p.writer, m); err != nil && !errors.Is(err, errMessageTooLong) {
		return p.failure(err)
	}
	return nil
}

// Close ends the input, and waits for the rest of the output.
func (p *RecordingComposer) Close() error {
	p.progress()
	p.busy.Store(true)
	err := errors.Join(p.writer.Flush(), p.input.Close())
	return p.failure(err)
}

// Abort ends the process, and waits until it is gone.
func (p *RecordingComposer) Abort() {
	_ = killGroup(p.command.Process)
	_ = p.input.Close()
	<-p.done
}

// failure waits until the process is gone and returns why it failed, which explains an error
// of its input; nil if neither is one.
func (p *RecordingComposer) failure(input error) error {
	<-p.done
	if p.err != nil {
		return fmt.Errorf("compose: %w", p.err)
	}
	return input
}
