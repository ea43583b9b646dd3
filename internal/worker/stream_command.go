package worker

import (
	"errors"
	"fmt"
	"io"
	"os/exec"
)

// streamPipes are the ends of a process's standard input, output and error.
type streamPipes struct {
	input               io.WriteCloser
	output, errorOutput io.Reader
}

// startStreamCommand starts a command of rostrum-media that reads and writes StreamMessages. It
// reaches no files but those of the system, and no network.
func startStreamCommand(c Config, name string) (*exec.Cmd, streamPipes, error) {
	command := exec.Command(c.Program, name)
	command.Env = append(environment(), fmt.Sprintf("GOMEMLIMIT=%d", c.Memory/4))
	command.SysProcAttr = processAttributes()
	input, err1 := command.StdinPipe()
	output, err2 := command.StdoutPipe()
	errorOutput, err3 := command.StderrPipe()
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, streamPipes{}, err
	}
	if err := newSandbox(c, Job{}).start(command); err != nil {
		return nil, streamPipes{}, fmt.Errorf("start %s: %w", c.Program, err)
	}
	if err := limit(command.Process.Pid, c.Memory); err != nil {
		c.Log.Warn("limit the worker", "error", err)
	}
	return command, streamPipes{input, output, errorOutput}, nil
}
