package loadtest

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// Processors is how many processors StartPinned and PinTo can choose from; 0 where they cannot.
func Processors() int { return runtime.NumCPU() }

// StartPinned starts a process on one processor, so that it sees no other.
func StartPinned(cmd *exec.Cmd, processor int) error {
	// The child inherits the affinity of the thread that starts it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return os.NewSyscallError("sched_getaffinity", err)
	}
	if err := pin(0, processor); err != nil {
		return err
	}
	err := cmd.Start()
	if back := unix.SchedSetaffinity(0, &before); back != nil {
		return os.NewSyscallError("sched_setaffinity", back)
	}
	return err
}

// PinTo pins this process to one processor.
func PinTo(processor int) error {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, t := range tasks { // later threads inherit it
		if id, err := strconv.Atoi(t.Name()); err == nil {
			if err := pin(id, processor); err != nil {
				return err
			}
		}
	}
	return nil
}

func pin(thread, processor int) error {
	var one unix.CPUSet
	one.Set(processor)
	if err := unix.SchedSetaffinity(thread, &one); err != nil {
		return fmt.Errorf("pin to processor %d: %w", processor, err)
	}
	return nil
}
