//go:build !linux

package loadtest

import (
	"errors"
	"os/exec"
)

var errProcessors = errors.New("processes can't be kept to one processor here")

// Processors is how many processors StartOn and KeepTo can choose from; 0 where they can't.
func Processors() int { return 0 }

// StartOn starts a process that runs on one processor alone.
func StartOn(*exec.Cmd, int) error { return errProcessors }

// KeepTo keeps this process to one processor from now on.
func KeepTo(int) error { return errProcessors }
