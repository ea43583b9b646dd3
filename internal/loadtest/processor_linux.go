package loadtest

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// Processors is how many processors StartOn and KeepTo can choose from; 0 where they can't.
func Processors() int { return runtime.NumCPU() }

// StartOn starts a process that runs on one processor alone, and so knows of no other.
func StartOn(cmd *exec.Cmd, processor int) error {
	// The child inherits what the thread that makes it may run on.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return os.NewSyscallError("sched_getaffinity", err)
	}
	if err := keep(0, processor); err != nil {
		return err
	}
	err := cmd.Start()
	if back := unix.SchedSetaffinity(0, &before); back != nil {
		return os.NewSyscallError("sched_setaffinity", back)
	}
	return err
}

// KeepTo keeps this process to one processor from now on.
func KeepTo(processor int) error {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, t := range tasks { // threads that come later inherit it
		if id, err := strconv.Atoi(t.Name()); err == nil {
			if err := keep(id, processor); err != nil {
				return err
			}
		}
	}
	return nil
}

func keep(thread, processor int) error {
	var one unix.CPUSet
	one.Set(processor)
	if err := unix.SchedSetaffinity(thread, &one); err != nil {
		return fmt.Errorf("keep to processor %d: %w", processor, err)
	}
	return nil
}
