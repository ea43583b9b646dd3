//go:build cgo

package compose

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"rostrum/internal/worker"
)

// process is a running worker.
type process struct {
	t       *testing.T
	cmd     *exec.Cmd
	channel io.WriteCloser
	says    io.Closer // what it reports is read from

	mu      sync.Mutex // guards what follows
	reports []worker.Report
	uploads chan struct{} // has a value after a report
	ended   chan struct{}
}

func (s *stage) compose(j worker.Job) *process {
	s.t.Helper()
	p := &process{t: s.t, cmd: exec.Command(s.worker, "compose"), uploads: make(chan struct{}, 1), ended: make(chan struct{})}
	p.cmd.Stderr = os.Stderr
	var err error
	if p.channel, err = p.cmd.StdinPipe(); err != nil {
		s.t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	p.says = out
	if err := p.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = worker.ReadReports(out, p.hear) // ends with the process
		_ = p.cmd.Wait()
	}()
	if err := json.NewEncoder(p.channel).Encode(j); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = p.cmd.Process.Kill(); <-p.ended })
	return p
}

func (p *process) hear(r worker.Report) {
	p.mu.Lock()
	p.reports = append(p.reports, r)
	p.mu.Unlock()
	select {
	case p.uploads <- struct{}{}:
	default:
	}
}

// until waits for a report, whenever it came.
func (p *process) until(what string, is func(worker.Report) bool) {
	p.t.Helper()
	p.await(what, 0, is)
}

// after waits for a report that comes from now on.
func (p *process) after(what string, is func(worker.Report) bool) {
	p.t.Helper()
	p.mu.Lock()
	from := len(p.reports)
	p.mu.Unlock()
	p.await(what, from, is)
}

// await looks through the reports from one on, and fails after a time that is more
// than enough.
func (p *process) await(what string, from int, is func(worker.Report) bool) {
	p.t.Helper()
	late := time.After(30 * time.Second)
	for {
		p.mu.Lock()
		for ; from < len(p.reports); from++ {
			if is(p.reports[from]) {
				p.mu.Unlock()
				return
			}
		}
		p.mu.Unlock()
		select {
		case <-p.uploads:
		case <-late:
			p.mu.Lock()
			last := p.reports[max(0, len(p.reports)-3):]
			p.mu.Unlock()
			text, _ := json.Marshal(last)
			p.t.Fatalf("no report of %s came; the last are %s", what, text)
		}
	}
}

func (p *process) stop() {
	p.t.Helper()
	if err := p.channel.Close(); err != nil {
		p.t.Error(err)
	}
	select {
	case <-p.ended:
	case <-time.After(worker.StopTime):
		p.t.Fatalf("the worker is still there %v after its channel ended", worker.StopTime)
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		p.t.Errorf("the worker ended with exit code %d", code)
	}
	if last := p.reports[len(p.reports)-1]; last.Kind != worker.Ended || last.Reason != "" {
		p.t.Errorf("the last report is %+v, want ended", last)
	}
}

func active(id string) func(worker.Report) bool {
	return func(r worker.Report) bool { return r.Destination == id && r.State == worker.Active }
}

func shows(n int) func(worker.Report) bool {
	return func(r worker.Report) bool {
		if r.Health == nil || len(r.Health.Participants) != n {
			return false
		}
		for _, m := range r.Health.Participants {
			if m.Decoded < 30 {
				return false
			}
		}
		return true
	}
}
