package worker

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"slices"
	"sync"
	"time"
)

const (
	// audioStreams share a process: a fault in one of them interrupts the others for as long
	// as a new process takes.
	audioStreams = 16

	audioQueue       = 256 // messages that wait for a process: two seconds of 16 streams are more
	audioRestart     = 500 * time.Millisecond
	audioStopTimeout = 5 * time.Second
)

// ErrNoProgram says that rostrum-media is not installed.
var ErrNoProgram = errors.New("rostrum-media is not installed")

// A Transcoder turns AAC into Opus in processes of rostrum-media, each for some streams. A
// process that ends is replaced, and its streams continue after a gap.
type Transcoder struct {
	config Config

	mu        sync.Mutex // guards what follows
	processes []*audioProcess
	last      uint32 // id of a stream
	closed    bool
	running   sync.WaitGroup
}

// NewTranscoder returns a transcoder. It starts no process before the first stream.
func NewTranscoder(c Config) *Transcoder {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return &Transcoder{config: c}
}

// An AudioStream is one stream that is transcoded.
type AudioStream struct {
	id      uint32
	config  []byte
	output  func(AudioMessage)
	process *audioProcess
}

// Open begins a stream with its AudioSpecificConfig. output gets its packets, or an error
// after which there are none; it must not block.
func (t *Transcoder) Open(config []byte, output func(AudioMessage)) (*AudioStream, error) {
	if t.config.Program == "" {
		return nil, ErrNoProgram
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, errors.New("the transcoder is closed")
	}
	t.last++
	s := &AudioStream{id: t.last, config: config, output: output}
	for _, p := range t.processes {
		if len(p.streams) < audioStreams {
			return s, p.add(s)
		}
	}
	p := &audioProcess{transcoder: t, streams: map[uint32]*AudioStream{}, queue: make(chan AudioMessage, audioQueue), idle: make(chan struct{})}
	t.processes = append(t.processes, p)
	t.running.Go(p.run)
	return s, p.add(s)
}

// Write transcodes a frame. It is dropped while the process can't follow.
func (s *AudioStream) Write(frame []byte, at time.Duration) {
	s.process.send(AudioMessage{Kind: AudioFrame, Stream: s.id, Time: at, Data: frame})
}

// Close ends the stream. Its output may be called for a moment longer.
func (s *AudioStream) Close() {
	t := s.process.transcoder
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.process.streams[s.id] != s {
		return
	}
	delete(s.process.streams, s.id)
	s.process.send(AudioMessage{Kind: AudioClose, Stream: s.id})
	if len(s.process.streams) == 0 {
		t.processes = slices.DeleteFunc(t.processes, func(p *audioProcess) bool { return p == s.process })
		close(s.process.idle)
	}
}

// Close ends all streams, and returns once their processes are gone.
func (t *Transcoder) Close() error {
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

// An audioProcess is a process, and its successors.
type audioProcess struct {
	transcoder *Transcoder
	streams    map[uint32]*AudioStream // guarded by the transcoder's mutex
	queue      chan AudioMessage
	idle       chan struct{} // closed when no stream is left
}

// add is called with the transcoder's mutex.
func (p *audioProcess) add(s *AudioStream) error {
	s.process = p
	if !p.send(AudioMessage{Kind: AudioOpen, Stream: s.id, Data: s.config}) {
		return errors.New("the transcoder can't follow")
	}
	p.streams[s.id] = s
	return nil
}

// send queues a message, unless too many wait.
func (p *audioProcess) send(m AudioMessage) bool {
	select {
	case p.queue <- m:
		return true
	default:
		return false
	}
}

// run keeps a process running until no stream is left.
func (p *audioProcess) run() {
	log := p.transcoder.config.Log
	for {
		err := p.runOnce()
		select {
		case <-p.idle:
			return
		case <-time.After(audioRestart):
		}
		log.Error("the transcoder of encoders' audio ended, and is started again", "error", err)
		for len(p.queue) > 0 { // what waited is too old
			<-p.queue
		}
		p.transcoder.mu.Lock()
		for _, s := range p.streams {
			p.send(AudioMessage{Kind: AudioOpen, Stream: s.id, Data: s.config})
		}
		p.transcoder.mu.Unlock()
	}
}

// runOnce runs one process to its end.
func (p *audioProcess) runOnce() error {
	config := p.transcoder.config
	command := exec.Command(config.Program, "transcode")
	command.Env = append(environment(), fmt.Sprintf("GOMEMLIMIT=%d", config.Memory/4))
	command.SysProcAttr = processAttributes()
	input, err1 := command.StdinPipe()
	output, err2 := command.StdoutPipe()
	errorOutput, err3 := command.StderrPipe()
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	if err := newSandbox(config, Job{}).start(command); err != nil {
		return fmt.Errorf("start %s: %w", config.Program, err)
	}
	config.Log = config.Log.With("worker", command.Process.Pid)
	if err := limit(command.Process.Pid, config.Memory); err != nil {
		config.Log.Warn("limit the worker", "error", err)
	}
	ended := make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(ended)
		p.read(output)
	})
	reading.Go(func() { logLines(config.Log, errorOutput) })
	// A process that does not read its input for so long hangs.
	kill := time.AfterFunc(audioStopTimeout, func() { _ = killGroup(command.Process) })
	p.write(input, ended, kill)
	_ = input.Close()
	kill.Reset(audioStopTimeout)
	reading.Wait()
	err := command.Wait()
	kill.Stop()
	return err
}

// write passes the queue on until the process ends or no stream is left.
func (p *audioProcess) write(to io.Writer, ended <-chan struct{}, kill *time.Timer) {
	w := bufio.NewWriter(to)
	for {
		kill.Stop()
		select {
		case m := <-p.queue:
			kill.Reset(audioStopTimeout)
			err := WriteAudioMessage(w, m)
			if len(p.queue) == 0 {
				err = errors.Join(err, w.Flush())
			}
			if err != nil && !errors.Is(err, errAudioMessage) {
				return
			}
		case <-ended:
			return
		case <-p.idle:
			return
		}
	}
}

// read passes what the process writes to the streams.
func (p *audioProcess) read(from io.Reader) {
	r := bufio.NewReader(from)
	for {
		m, err := ReadAudioMessage(r)
		if err != nil {
			return
		}
		p.transcoder.mu.Lock()
		s := p.streams[m.Stream]
		p.transcoder.mu.Unlock()
		if s != nil {
			s.output(m)
		}
	}
}
