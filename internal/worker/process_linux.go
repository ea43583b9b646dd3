package worker

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const programName = "rostrum-media"

// niceness gives the stages' media priority over compositions on a busy machine.
const niceness = 5

// processAttributes puts a worker into a process group of its own: Ctrl-C does not
// reach it, and its children end with it. SIGCONT on the parent's death resumes a
// worker that was stopped, so that it notices the end of its input. (The signal also
// comes when the thread that started it ends, prctl(2); a running process ignores it.)
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGCONT}
}

const (
	maxFiles    = 1024    // descriptors: a connection has one or two for each address of the machine
	maxFileSize = 1 << 30 // bytes: a segment of 60 s at the highest bitrate has 64 MiB
)

// limit bounds what a process may use, including threads that it has already.
func limit(pid int, memory int64) error {
	err := unix.Setpriority(unix.PRIO_PGRP, pid, niceness)
	for resource, bound := range map[int]uint64{
		unix.RLIMIT_DATA: uint64(memory), unix.RLIMIT_CORE: 0, unix.RLIMIT_NOFILE: maxFiles, unix.RLIMIT_FSIZE: maxFileSize,
	} {
		var now unix.Rlimit
		if readErr := unix.Prlimit(pid, resource, nil, &now); readErr != nil {
			err = errors.Join(err, readErr)
			continue
		}
		bound = min(bound, now.Max) // only some may raise it
		err = errors.Join(err, unix.Prlimit(pid, resource, &unix.Rlimit{Cur: bound, Max: bound}, nil))
	}
	return err
}

func killGroup(p *os.Process) error { return unix.Kill(-p.Pid, unix.SIGKILL) }

// usage reads what a process uses; zero where it is gone.
func usage(pid int) Usage {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Usage{}
	}
	// The second field is a name in parentheses that may contain anything (proc(5)).
	fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
	const user, system, resident = 11, 12, 21 // from the third field on
	if len(fields) <= resident {
		return Usage{}
	}
	number := func(i int) int64 {
		n, _ := strconv.ParseInt(fields[i], 10, 64)
		return n
	}
	const tick = time.Second / 100 // USER_HZ
	return Usage{
		CPU:    time.Duration(number(user)+number(system)) * tick,
		Memory: number(resident) * int64(os.Getpagesize()),
	}
}
