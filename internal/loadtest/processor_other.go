//go:build !linux

package loadtest

import (
	"errors"
	"os/exec"
)

var errProcessors = errors.New("this system cannot pin processes to a processor")

// Processors is how many processors StartPinned and PinTo can choose from; 0 where they cannot.
func Processors() int { return 0 }

// StartPinned starts a process on one processor.
func StartPinned(*exec.Cmd, int) error { return errProcessors }

// PinTo pins this process to one processor.
func PinTo(int) error { return errProcessors }
