package worker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// A Config says how a process is run.
type Config struct {
	Program        string        // path of rostrum-media, as FindProgram returns it
	Memory         int64         // bytes of data it may have, where the system can limit that
	Ports          []uint16      // it may connect to by TCP, beside those of its job's addresses
	Private        []string      // files and folders it may not read, wherever they are
	HeartbeatLimit time.Duration // without progress before it is killed; default HeartbeatLimit
	Log            *slog.Logger  // of its lines
}

// FindProgram looks for rostrum-media beside this program, then in PATH. It returns ""
// where there is none.
func FindProgram() string {
	if self, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(self), programName)
		if found, err := exec.LookPath(beside); err == nil {
			return found
		}
	}
	found, err := exec.LookPath(programName)
	if err != nil {
		return ""
	}
	return found
}

// ListEncoders returns the video encoders that work in a program's process.
func ListEncoders(ctx context.Context, program string) ([]string, error) {
	var output bytes.Buffer
	command := exec.CommandContext(ctx, program, "encoders")
	command.Env, command.Stdout = environment(), &output
	if err := newSandbox(Config{Program: program}, Job{}).start(command); err != nil {
		return nil, err
	}
	if err := command.Wait(); err != nil {
		return nil, err
	}
	var working []string
	for line := range strings.Lines(output.String()) {
		if name, state, _ := strings.Cut(line, " "); strings.TrimSpace(state) == "works" {
			working = append(working, name)
		}
	}
	return working, nil
}

// A Process is one running rostrum-media with its Job. Its methods are for one
// goroutine, its owner's, but for Usage.
type Process struct {
	config  Config
	command *exec.Cmd
	input   io.Closer // its end asks the process to stop
	started time.Time
	reports chan Report
	exited  chan struct{} // closed once the process is gone

	watchdog *time.Timer // kills a process that makes no progress
	killing  *time.Timer // kills a process that was asked to stop; nil before
	stopping atomic.Bool
	ticks    []int64 // of each program when it last made progress; of the reading goroutine

	err error         // how it exited; set before exited is closed
	cpu time.Duration // user and system; set before exited is closed
}

// reportQueue is how many reports wait for the owner. Beyond it, those that are
// repeated are dropped, since a process must not block on its output.
const reportQueue = 64

// Start runs a process that does a job.
func Start(c Config, j Job) (*Process, error) {
	if c.HeartbeatLimit <= 0 {
		c.HeartbeatLimit = HeartbeatLimit
	}
	p := &Process{config: c, reports: make(chan Report, reportQueue), exited: make(chan struct{}), started: time.Now()}
	p.command = exec.Command(c.Program, "compose")
	// Go's heap is limited below the whole, so that it is collected before allocations fail.
	p.command.Env = append(environment(), fmt.Sprintf("GOMEMLIMIT=%d", c.Memory/4))
	p.command.SysProcAttr = processAttributes()
	input, err := p.command.StdinPipe()
	if err != nil {
		return nil, err
	}
	p.input = input
	output, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	errorOutput, err := p.command.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := newSandbox(c, j).start(p.command); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Program, err)
	}
	p.config.Log = c.Log.With("worker", p.command.Process.Pid)
	if err := limit(p.command.Process.Pid, c.Memory); err != nil {
		p.config.Log.Warn("limit the worker", "error", err)
	}
	p.watchdog = time.AfterFunc(c.HeartbeatLimit, p.killHung)
	go p.watch(output, errorOutput) // ends with the process, which its owner waits for
	if err := json.NewEncoder(input).Encode(j); err != nil {
		p.config.Log.Warn("send the worker its job", "error", err) // it exited already
	}
	return p, nil
}

// Reports are what the process reports. The channel is closed after the last one, once
// the process is gone; the owner reads until then.
func (p *Process) Reports() <-chan Report { return p.reports }

// Age is how long ago the process was started.
func (p *Process) Age() time.Duration { return time.Since(p.started) }

// watch reads what the process writes and waits for its exit.
func (p *Process) watch(output, errorOutput io.Reader) {
	var reading sync.WaitGroup
	reading.Go(func() { p.readReports(output) })
	reading.Go(func() { logLines(p.config.Log, errorOutput) })
	reading.Wait()
	p.err = p.command.Wait()
	p.watchdog.Stop()
	p.cpu = p.command.ProcessState.UserTime() + p.command.ProcessState.SystemTime()
	close(p.exited)
	close(p.reports)
}

// Log lines a second of one process, and in a burst.
const logRate, logBurst = 20, 200

// readReports queues reports for the owner and logs those of Kind Log.
func (p *Process) readReports(from io.Reader) {
	limit := rate.NewLimiter(logRate, logBurst)
	err := ReadReports(from, func(r Report) {
		if r.Kind != Log && p.progresses(r.Health) {
			p.watchdog.Reset(p.config.HeartbeatLimit)
		}
		switch r.Kind {
		case Log:
			if limit.Allow() {
				p.log(r)
			}
		case File, Heartbeat:
			select {
			case p.reports <- r:
			default: // the owner waits for the store; the next report says the same
			}
		default:
			p.watchdog.Stop() // while the owner is what is waited for
			p.reports <- r
			p.watchdog.Reset(p.config.HeartbeatLimit)
		}
	})
	if err != nil { // a line without end
		p.config.Log.Warn("read the worker's reports", "error", err)
		p.Kill()
		_, _ = io.Copy(io.Discard, from)
	}
}

// progresses reports whether all output clocks of a heartbeat went on since they last
// did: a process that is stuck in a codec still sends heartbeats.
func (p *Process) progresses(h *Health) bool {
	if h == nil {
		return true
	}
	for i, program := range h.Programs {
		if i < len(p.ticks) && program.Ticks == p.ticks[i] {
			return false
		}
	}
	p.ticks = p.ticks[:0]
	for _, program := range h.Programs {
		p.ticks = append(p.ticks, program.Ticks)
	}
	return true
}

func (p *Process) log(r Report) {
	var level slog.Level
	if level.UnmarshalText([]byte(r.Level)) != nil {
		level = slog.LevelInfo
	}
	p.config.Log.Log(context.Background(), level, "worker reports", "text", r.Reason, "destination", r.Destination)
}

// logLines logs what a process writes to standard error.
func logLines(log *slog.Logger, from io.Reader) {
	limit := rate.NewLimiter(logRate, logBurst)
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		if limit.Allow() {
			log.Warn("worker writes to standard error", "text", lines.Text())
		}
	}
	_, _ = io.Copy(io.Discard, from)
}

// Stop asks the process to stop, and kills it if it is still there after a while. It
// does nothing when called again.
func (p *Process) Stop(within time.Duration) {
	if p.killing != nil {
		return
	}
	p.stopping.Store(true)
	_ = p.input.Close()
	p.killing = time.AfterFunc(within, p.Kill)
}

// Kill ends the process, and what it started, at once.
func (p *Process) Kill() { _ = killGroup(p.command.Process) }

// killHung ends a process without progress, unless Stop will.
func (p *Process) killHung() {
	if p.stopping.Load() {
		return
	}
	p.config.Log.Error("worker hangs", "limit", p.config.HeartbeatLimit)
	p.Kill()
}

// Wait discards reports until the process is gone, and returns how it exited.
func (p *Process) Wait() error {
	for range p.reports { // until it is closed
	}
	if p.killing != nil {
		p.killing.Stop()
	}
	_ = p.input.Close()
	return p.err
}

// Usage is what a process uses of the machine.
type Usage struct {
	CPU    time.Duration // user and system
	Memory int64         // bytes, resident; 0 once it is gone
}

// Usage measures the process. Any goroutine may call it.
func (p *Process) Usage() Usage {
	select {
	case <-p.exited:
		return Usage{CPU: p.cpu}
	default:
		return usage(p.command.Process.Pid)
	}
}
