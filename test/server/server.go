// Package server runs the real binary for the suites that look at the whole
// system from outside.
package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Build compiles the binary into a folder and tells its path.
func Build(ctx context.Context, folder string) (string, error) {
	binary := filepath.Join(folder, "rostrum")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", binary, "rostrum/cmd/rostrum")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build rostrum: %w\n%s", err, out)
	}
	return binary, nil
}

// BuildMedia compiles rostrum-media into a folder, where a binary in the same
// folder finds it. It needs gcc and FFmpeg's libraries.
func BuildMedia(ctx context.Context, folder string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", filepath.Join(folder, "rostrum-media"), "rostrum/cmd/rostrum-media")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build rostrum-media: %w\n%s", err, out)
	}
	return nil
}

// A Server is a running rostrum serve.
type Server struct {
	URL       string        `json:"endpoint"`
	AccessKey string        `json:"accessKeyId"` // of an ephemeral server, as the next
	SecretKey string        `json:"secretAccessKey"`
	Region    string        `json:"region"`
	Encoders  []string      `json:"encoders"` // RTMP URLs; a stream key follows
	Ready     time.Duration `json:"-"`        // from its start until it answered that it is ready

	cmd    *exec.Cmd
	output *tail
	ended  chan struct{} // closed when the process is gone
}

// Start runs rostrum serve on free ports of loopback, with further arguments,
// and waits until it is ready. It is killed when ctx ends.
func Start(ctx context.Context, binary string, args ...string) (*Server, error) {
	return StartBy((*exec.Cmd).Start, ctx, binary, args...)
}

// StartBy is Start for who starts processes in a way of its own.
func StartBy(start func(*exec.Cmd) error, ctx context.Context, binary string, args ...string) (*Server, error) {
	s := &Server{output: &tail{}, ended: make(chan struct{})}
	s.cmd = exec.CommandContext(ctx, binary, append([]string{"serve", "--json", "--listen", "127.0.0.1:0"}, args...)...)
	s.cmd.Stderr = s.output
	read, write, err := os.Pipe() // not the command's own pipe, whose end Wait would race with the reader
	if err != nil {
		return nil, fmt.Errorf("start rostrum: %w", err)
	}
	s.cmd.Stdout = write
	began := time.Now()
	err = errors.Join(start(s.cmd), write.Close())
	if err != nil {
		_ = read.Close()
		return nil, fmt.Errorf("start rostrum: %w", err)
	}
	go func() {
		_ = s.cmd.Wait() // how it ended is in its output
		close(s.ended)
	}()
	err = json.NewDecoder(read).Decode(s) // what it says once it listens
	_ = read.Close()
	if err == nil {
		err = s.awaitReady(ctx)
	}
	if err != nil {
		s.Kill()
		return nil, fmt.Errorf("start rostrum: %w\n%s", err, s.Output())
	}
	s.Ready = time.Since(began)
	return s, nil
}

func (s *Server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/readyz", nil)
		if err != nil {
			return err
		}
		if answer, err := http.DefaultClient.Do(r); err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-s.ended:
			return errors.New("it ended at once")
		case <-ctx.Done():
			return errors.New("it is not ready after 30 s")
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// FreeAddress is one of loopback whose port nobody has, by TCP and UDP. It is none of
// those that the system gives to who asks for any, which a client that calls while
// the server is away would take for itself.
func FreeAddress() (string, error) {
	var last error
	for range 100 {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(20_000+rand.IntN(12_000)))
		l, err := net.Listen("tcp", address)
		if err != nil {
			last = err
			continue
		}
		c, err := net.ListenPacket("udp", address)
		_ = l.Close()
		if err == nil {
			return address, c.Close()
		}
		last = err
	}
	return "", fmt.Errorf("find a free port: %w", last)
}

// PID is the process's id.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Kill ends the process at once, as a power cut would, and waits until it is gone.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill()
	<-s.ended
}

// Stop asks the process to end and waits until it has; an error tells that it
// needed longer than ten seconds, or complained.
func (s *Server) Stop() error { return s.StopWithin(10 * time.Second) }

// StopWithin is Stop with another limit.
func (s *Server) StopWithin(limit time.Duration) error {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(limit):
		s.Kill()
		return fmt.Errorf("rostrum did not stop within %v of SIGTERM\n%s", limit, s.Output())
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("rostrum ended with exit code %d\n%s", code, s.Output())
	}
	return nil
}

// Output is the end of what the process printed.
func (s *Server) Output() string { return s.output.String() }

// A tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex // guards what follows
	text bytes.Buffer
}

const tailLength = 16 << 10 // bytes

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text.Write(p)
	if over := t.text.Len() - tailLength; over > tailLength { // now and then, not at every write
		t.text.Next(over)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}
