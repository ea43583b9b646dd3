package worker

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

const (
	// streamsPerProcess share a process: a fault in one of them interrupts the others for as
	// long as a new process takes.
	streamsPerProcess = 16

	streamQueue       = 1024     // inputs that wait for a process: two seconds of 16 streams
	streamQueueBytes  = 32 << 20 // of those inputs
	streamRestart     = 500 * time.Millisecond
	streamStopTimeout = 5 * time.Second
)

// An inputLimit is what one stream may write, so that it leaves the others their share of the
// queue and of the process.
type inputLimit struct {
	rate  rate.Limit // inputs a second
	burst int        // inputs at once
	bytes int        // of one input
}

var (
	// AAC has at most 94 frames a second, of 6 KiB. All streams of a process may write their
	// burst at once.
	audioLimit = inputLimit{rate: 120, burst: streamQueue / streamsPerProcess, bytes: 16 << 10}
	videoLimit = inputLimit{rate: 120, burst: 256, bytes: maxMessageBytes}
)

// ErrNoProgram says that rostrum-media is not installed.
var ErrNoProgram = errors.New("rostrum-media is not installed")

// Streams are streams that processes of rostrum-media handle, each some of them. A process that
// ends is replaced, and its streams continue after a gap.
type Streams struct {
	config  Config
	command string // of rostrum-media
	limit   inputLimit

	mu        sync.Mutex // guards what follows
	processes []*streamProcess
	last      uint32 // id of a stream
	closed    bool
	running   sync.WaitGroup
}

// NewTranscoder returns streams that turn AAC into Opus. A stream's configuration is an
// AudioSpecificConfig (ISO 14496-3), its input frames, its output packets of 20 ms.
func NewTranscoder(c Config) *Streams { return newStreams(c, "transcode", audioLimit) }

// NewThumbnailer returns streams that turn pictures into JPEG. A stream's configuration is the
// name of a video codec. An input is a list of pictures as AppendPicture makes it, which begins
// with a keyframe or continues the list before. Each is answered by its last picture, at its
// time, which is empty if none could be decoded, or by an error.
func NewThumbnailer(c Config) *Streams { return newStreams(c, "thumbnails", videoLimit) }

// NewVideoTranscoder returns streams that turn VP8 into H.264. They have no configuration. An input
// is a picture, and says whether the next output must be a keyframe. Each is answered by one
// output with its time, which is empty if no picture is shown, or by an error: the stream then
// needs a keyframe of VP8.
func NewVideoTranscoder(c Config) *Streams { return newStreams(c, "transcode-video", videoLimit) }

// newStreams starts no process before the first stream.
func newStreams(c Config, command string, limit inputLimit) *Streams {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return &Streams{config: c, command: command, limit: limit}
}

// IsAvailable reports whether rostrum-media is installed.
func (t *Streams) IsAvailable() bool { return t.config.Program != "" }

// A Stream is one of Streams.
type Stream struct {
	id      uint32
	config  []byte
	output  func(StreamMessage)
	process *streamProcess
	limiter *rate.Limiter // of inputs
}

// Open begins a stream with its configuration. output gets its output and errors; it must
// not block.
func (t *Streams) Open(config []byte, output func(StreamMessage)) (*Stream, error) {
	if t.config.Program == "" {
		return nil, ErrNoProgram
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, errors.New("the server stops")
	}
	t.last++
	s := &Stream{id: t.last, config: config, output: output, limiter: rate.NewLimiter(t.limit.rate, t.limit.burst)}
	for _, p := range t.processes {
		if len(p.streams) < streamsPerProcess {
			p.add(s)
			return s, nil
		}
	}
	p := newStreamProcess(t)
	t.processes = append(t.processes, p)
	p.add(s)
	t.running.Go(p.run)
	return s, nil
}

// Write passes an input on, and reports whether it did: it is dropped if the stream exceeds its
// limit, and while the process can't follow.
func (s *Stream) Write(input []byte, at time.Duration) bool {
	return s.WritePicture(input, at, false)
}

// WritePicture passes a picture on, as Write does. keyframe says that it is to be encoded as one.
func (s *Stream) WritePicture(picture []byte, at time.Duration, keyframe bool) bool {
	return len(picture) <= s.process.owner.limit.bytes && s.limiter.Allow() &&
		s.process.send(StreamMessage{Kind: StreamInput, Stream: s.id, Time: at, Keyframe: keyframe, Data: picture})
}

// Close ends the stream. Its output may be called for a moment longer.
func (s *Stream) Close() {
	t := s.process.owner
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.process.streams[s.id] != s {
		return
	}
	delete(s.process.streams, s.id)
	s.process.remove(s)
	if len(s.process.streams) == 0 {
		t.processes = slices.DeleteFunc(t.processes, func(p *streamProcess) bool { return p == s.process })
		close(s.process.idle)
	}
}

// Close ends all streams, and returns once their processes are gone.
func (t *Streams) Close() error {
	t.mu.Lock()
	t.closed = true
	for _, p := range t.processes {
		close(p.idle)
		p.streams = nil
	}
	t.processes = nil
	t.mu.Unlock()
	t.running.Wait()
	return nil
}

// A streamProcess is a process, and its successors.
type streamProcess struct {
	owner   *Streams
	streams map[uint32]*Stream // guarded by the owner's mutex
	control []StreamMessage    // to open and close streams, which goes before the queue; guarded as streams
	wake    chan struct{}      // has an element after an addition to control
	queue   chan StreamMessage // inputs
	queued  atomic.Int64       // bytes
	idle    chan struct{}      // closed when no stream is left
}

func newStreamProcess(t *Streams) *streamProcess {
	return &streamProcess{
		owner: t, streams: map[uint32]*Stream{}, wake: make(chan struct{}, 1),
		queue: make(chan StreamMessage, streamQueue), idle: make(chan struct{}),
	}
}

// add is called with the owner's mutex.
func (p *streamProcess) add(s *Stream) {
	s.process = p
	p.streams[s.id] = s
	p.sendControl(StreamMessage{Kind: StreamOpen, Stream: s.id, Data: s.config})
}

// remove is called with the owner's mutex. A stream that the process does not know yet is not
// opened: this bounds control.
func (p *streamProcess) remove(s *Stream) {
	opens := func(m StreamMessage) bool { return m.Stream == s.id }
	if slices.ContainsFunc(p.control, opens) {
		p.control = slices.DeleteFunc(p.control, opens)
		return
	}
	p.sendControl(StreamMessage{Kind: StreamClose, Stream: s.id})
}

func (p *streamProcess) sendControl(m StreamMessage) {
	p.control = append(p.control, m)
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// takeControl returns what opens and closes streams.
func (p *streamProcess) takeControl() []StreamMessage {
	p.owner.mu.Lock()
	defer p.owner.mu.Unlock()
	messages := p.control
	p.control = nil
	return messages
}

// send queues an input, unless too many wait.
func (p *streamProcess) send(m StreamMessage) bool {
	size := int64(len(m.Data))
	if p.queued.Add(size) <= streamQueueBytes {
		select {
		case p.queue <- m:
			return true
		default:
		}
	}
	p.queued.Add(-size)
	return false
}

// took says that a message was taken from the queue.
func (p *streamProcess) took(m StreamMessage) { p.queued.Add(-int64(len(m.Data))) }

// run keeps a process running until no stream is left.
func (p *streamProcess) run() {
	log := p.owner.config.Log
	for {
		err := p.runOnce()
		select {
		case <-p.idle:
			return
		case <-time.After(streamRestart):
		}
		log.Error("a worker of streams ended, and is started again", "command", p.owner.command, "error", err)
		for len(p.queue) > 0 { // what waited is too old
			p.took(<-p.queue)
		}
		p.owner.mu.Lock()
		p.control = nil
		for _, s := range p.streams {
			p.sendControl(StreamMessage{Kind: StreamOpen, Stream: s.id, Data: s.config})
		}
		p.owner.mu.Unlock()
	}
}

// runOnce runs one process to its end.
func (p *streamProcess) runOnce() error {
	config := p.owner.config
	command, pipes, err := startStreamCommand(config, p.owner.command)
	if err != nil {
		return err
	}
	config.Log = config.Log.With("worker", command.Process.Pid)
	ended := make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(ended)
		p.read(pipes.output)
	})
	reading.Go(func() { logLines(config.Log, pipes.errorOutput) })
	// A process that does not read its input for so long hangs.
	kill := time.AfterFunc(streamStopTimeout, func() { _ = killGroup(command.Process) })
	p.write(pipes.input, ended, kill)
	_ = pipes.input.Close()
	kill.Reset(streamStopTimeout)
	reading.Wait()
	err = command.Wait()
	kill.Stop()
	return err
}

// write passes messages on until the process ends or no stream is left.
func (p *streamProcess) write(to io.Writer, ended <-chan struct{}, kill *time.Timer) {
	w := bufio.NewWriter(to)
	for {
		kill.Stop()
		messages, ok := p.next(ended)
		if !ok {
			return
		}
		kill.Reset(streamStopTimeout)
		for _, m := range messages {
			if err := WriteStreamMessage(w, m); err != nil && !errors.Is(err, errMessageTooLong) {
				return
			}
		}
		if len(p.queue) == 0 && w.Flush() != nil {
			return
		}
	}
}

// next waits for the next messages. A stream is opened before its first input.
func (p *streamProcess) next(ended <-chan struct{}) (_ []StreamMessage, ok bool) {
	select {
	case <-p.wake:
		return p.takeControl(), true
	case m := <-p.queue:
		p.took(m)
		return append(p.takeControl(), m), true
	case <-ended:
		return nil, false
	case <-p.idle:
		return nil, false
	}
}

// read passes what the process writes to the streams.
func (p *streamProcess) read(from io.Reader) {
	r := bufio.NewReader(from)
	for {
		m, err := ReadStreamMessage(r)
		if err != nil {
			return
		}
		p.owner.mu.Lock()
		s := p.streams[m.Stream]
		p.owner.mu.Unlock()
		if s != nil {
			s.output(m)
		}
	}
}
