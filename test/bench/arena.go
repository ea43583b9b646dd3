package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"rostrum/internal/loadtest"
	"rostrum/realtime"
	"rostrum/test/server"
)

// An arena is where servers are measured: each in a process of its own on one processor,
// while this process keeps to another.
type arena struct {
	rostrum, reference string // binaries
	pinned             bool
	seconds            time.Duration // of one measurement
	results            *results
}

// With two processors the server has the first, we have the second.
const (
	serverProcessor = 0
	ownProcessor    = 1
)

func newArena(ctx context.Context, folder, rostrum string, seconds time.Duration) (*arena, error) {
	a := &arena{rostrum: rostrum, reference: filepath.Join(folder, "reference"), seconds: seconds, results: &results{Machine: machine()}}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", a.reference, "rostrum/test/reference/serve")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the reference forwarder: %w\n%s", err, out)
	}
	if loadtest.Processors() >= 2 {
		a.pinned = true
		return a, loadtest.PinTo(ownProcessor)
	}
	fmt.Println("There is one processor, or no way to choose: server and measuring share what there is, and capacities say little.")
	return a, nil
}

// machine says on what was measured.
func machine() string {
	name := runtime.GOARCH
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range bytes.Lines(b) {
			if _, model, ok := strings.Cut(string(line), "model name\t: "); ok {
				name = strings.TrimSpace(model)
				break
			}
		}
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	busy, _ := os.ReadFile("/proc/loadavg")
	return fmt.Sprintf("%s, %d processors, %s %s, %s; load average before: %s", name, runtime.NumCPU(), runtime.GOOS,
		strings.TrimSpace(string(kernel)), runtime.Version(), strings.Join(strings.Fields(string(busy))[:min(3, len(strings.Fields(string(busy))))], " "))
}

func (a *arena) start(cmd *exec.Cmd) error {
	if a.pinned {
		return loadtest.StartPinned(cmd, serverProcessor)
	}
	return cmd.Start()
}

// A match is a meeting and the server it meets.
type match struct {
	*loadtest.Load
	stage *loadtest.Stage // nil where the server isn't ours
	stop  func() error
}

// close takes everybody away and ends the server.
func (m *match) close() error {
	if m.Load == nil {
		return m.stop()
	}
	return errors.Join(m.Load.Close(), m.stop())
}

// join admits and brings n viewers, rate a second.
func (m *match) join(ctx context.Context, n int, rate float64) error {
	if m.stage != nil {
		if err := m.stage.AddViewers(ctx, n); err != nil {
			return err
		}
	}
	return m.Join(ctx, n, rate)
}

// ours starts a Rostrum as it is by default, with so many publishers on a stage.
func (a *arena) ours(ctx context.Context, publishers int, plan loadtest.Plan) (*match, error) {
	s, err := server.StartBy(a.start, ctx, a.rostrum, "--ephemeral", "--log-level", "warn", "--media-port", "0", "--limits", "open,requests=0")
	if err != nil {
		return nil, err
	}
	m := &match{stop: s.Stop}
	m.stage, err = loadtest.CreateStage(ctx, loadtest.Access{Endpoint: s.URL, Region: s.Region, AccessKey: s.AccessKey, SecretKey: s.SecretKey}, publishers)
	if err == nil {
		m.stage.SetEndpoints(&plan)
		plan.PID = s.PID()
		m.Load, err = loadtest.Open(ctx, plan)
	}
	if err != nil {
		return nil, errors.Join(err, m.close())
	}
	return m, nil
}

// theirs starts the reference forwarder with one publisher.
func (a *arena) theirs(ctx context.Context, plan loadtest.Plan) (*match, error) {
	cmd := exec.CommandContext(ctx, a.reference, "-listen", "127.0.0.1:0", "-media", "127.0.0.1:0")
	cmd.Stderr = os.Stderr
	words, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := a.start(cmd); err != nil {
		return nil, err
	}
	m := &match{stop: func() error {
		_ = cmd.Process.Signal(syscall.SIGTERM) // what has ended already is to be waited for as well
		if err := cmd.Wait(); cmd.ProcessState == nil || !cmd.ProcessState.Exited() {
			return err
		}
		return nil
	}}
	line, err := bufio.NewReader(words).ReadString('\n')
	_, url, ok := strings.Cut(strings.TrimSpace(line), "forwarder: ")
	if base, _, cut := strings.Cut(url, "/whip/"); err == nil && ok && cut {
		plan.Publish = []realtime.Endpoint{{URL: base + "/whip/1"}}
		plan.Subscribe = func(int, int) realtime.Endpoint { return realtime.Endpoint{URL: base + "/whep/1"} }
		plan.PID = cmd.Process.Pid
		m.Load, err = loadtest.Open(ctx, plan)
	} else {
		err = errors.Join(err, fmt.Errorf("the reference forwarder said %q", line))
	}
	if err != nil {
		return nil, errors.Join(err, m.close())
	}
	return m, nil
}
