package composition

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"rostrum/internal/compositor/job"
)

const defaultHeartbeatLimit = job.HeartbeatLimit

// A worker is one process of rostrum-media, doing one job.
type worker struct {
	reports chan job.Report // what it says; who owns the worker reads it until exited
	exited  chan struct{}   // closed once the process is gone and all it said was read

	command *exec.Cmd
	channel io.Closer // its end is the wish to stop
	killing *time.Timer
	began   time.Time
	pid     int
	err     error        // how it exited; read after exited
	cpu     atomic.Int64 // of the process when it was gone, nanoseconds
}

// startWorker begins a job. Its lines of log go to log.
func startWorker(program string, j job.Job, memory int64, log *slog.Logger) (*worker, error) {
	w := &worker{reports: make(chan job.Report, backlog), exited: make(chan struct{}), began: time.Now()}
	w.command = exec.Command(program, "compose")
	// The Go part gives memory back before the limit of the whole is reached.
	w.command.Env = append(workerEnvironment(), fmt.Sprintf("GOMEMLIMIT=%d", memory/4))
	w.command.SysProcAttr = apart()
	channel, err := w.command.StdinPipe()
	if err != nil {
		return nil, err
	}
	w.channel = channel
	says, err := w.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	complains, err := w.command.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := w.command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	w.pid = w.command.Process.Pid
	if err := restrain(w.pid, memory); err != nil {
		log.Warn("limit the worker", "error", err)
	}
	log = log.With("worker", w.pid)
	var reading sync.WaitGroup
	reading.Go(func() { w.read(says, log) })
	reading.Go(func() { logLines(complains, log) })
	go func() { // ends with the process, which its owner waits for
		reading.Wait()
		w.err = w.command.Wait()
		w.cpu.Store(int64(w.command.ProcessState.UserTime() + w.command.ProcessState.SystemTime()))
		close(w.exited)
	}()
	if err := json.NewEncoder(channel).Encode(j); err != nil {
		log.Warn("tell the worker its job", "error", err) // it is gone already, and replaced
	}
	return w, nil
}

// workerEnvironment is ours without what is no business of a process that reads
// what strangers send: credentials and settings.
func workerEnvironment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		for _, secret := range []string{"AWS_", "ROSTRUM_", "PG"} {
			if strings.HasPrefix(name, secret) {
				return true
			}
		}
		return strings.Contains(name, "SECRET") || strings.Contains(name, "PASSWORD") || strings.Contains(name, "TOKEN")
	})
}

// backlog is how many reports wait for their owner. What is repeated anyhow is
// dropped beyond it: a worker must never wait to be heard.
const backlog = 64

// chatter is how many lines a second of one worker are logged, and bursts of.
const chatter, chatterBurst = 20, 200

// read hands reports on, and logs what is for the log.
func (w *worker) read(from io.Reader, log *slog.Logger) {
	limit := rate.NewLimiter(chatter, chatterBurst)
	err := job.Reports(from, func(r job.Report) {
		switch r.Kind {
		case job.Log:
		case job.File, job.Heartbeat:
			select {
			case w.reports <- r:
			default: // its owner waits for the store; the next one tells as much
			}
			return
		default:
			w.reports <- r
			return
		}
		if limit.Allow() {
			var level slog.Level
			if level.UnmarshalText([]byte(r.Level)) != nil {
				level = slog.LevelInfo
			}
			log.Log(context.Background(), level, "worker says", "text", r.Reason, "destination", r.Destination)
		}
	})
	if err != nil { // a line without end, from a process that is out of its mind
		log.Warn("hear the worker", "error", err)
		w.kill()
		_, _ = io.Copy(io.Discard, from)
	}
}

func logLines(from io.Reader, log *slog.Logger) {
	limit := rate.NewLimiter(chatter, chatterBurst)
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		if limit.Allow() {
			log.Warn("worker complains", "text", lines.Text())
		}
	}
	_, _ = io.Copy(io.Discard, from)
}

// stop wishes the process to end, and sees to it that it does.
func (w *worker) stop(within time.Duration) {
	if w.killing != nil {
		return
	}
	_ = w.channel.Close()
	w.killing = time.AfterFunc(within, w.kill)
}

// kill ends the process at once.
func (w *worker) kill() { _ = endGroup(w.command.Process) }

// await reads on until the process is gone.
func (w *worker) await() {
	for {
		select {
		case <-w.reports:
		case <-w.exited:
			if w.killing != nil {
				w.killing.Stop()
			}
			_ = w.channel.Close()
			return
		}
	}
}
