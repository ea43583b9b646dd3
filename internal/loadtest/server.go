package loadtest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// A server is one of this executable, in a process of its own, so that its use of processor
// and memory are measured separately.
type server struct {
	access  Access
	process *exec.Cmd
}

func startServer(ctx context.Context, pinned bool) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &server{process: exec.CommandContext(ctx, self, "serve", "--ephemeral", "--json", "--log-level", "warn", "--listen", "127.0.0.1:0", "--media-port", "0", "--limits", "open,requests=0")}
	s.process.Stderr = os.Stderr
	s.process.Cancel = func() error { return s.process.Process.Signal(os.Interrupt) }
	stdout, err := s.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	start := s.process.Start
	if pinned {
		start = func() error { return StartPinned(s.process, serverProcessor) }
	}
	if err := start(); err != nil {
		return nil, fmt.Errorf("start a server: %w", err)
	}
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &s.access)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start a server: %w", err), s.stop())
	}
	return s, nil
}

// stop interrupts the server and waits until it has ended.
func (s *server) stop() error {
	if err := s.process.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop the server: %w", err)
	}
	var exit *exec.ExitError
	if err := s.process.Wait(); err != nil && !errors.As(err, &exit) {
		return fmt.Errorf("stop the server: %w", err)
	}
	return nil
}
