package composition

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

// niceness lets the stages' media go before pictures when the machine is busy.
const niceness = 5

// apart has a worker in a process group of its own, so that Ctrl-C reaches it
// through us alone, and what it may start ends with it. When we are killed it is
// told to go on: one that was stopped would else not hear that its channel ended,
// and stay. (The signal also comes when the thread that started it ends, prctl(2);
// to a process that runs it is nothing.)
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGCONT}
}

// restrain bounds what a process may take, threads that it has already included.
func restrain(pid int, memory int64) error {
	limit := &unix.Rlimit{Cur: uint64(memory), Max: uint64(memory)}
	core := &unix.Rlimit{}
	return errors.Join(
		unix.Setpriority(unix.PRIO_PGRP, pid, niceness),
		unix.Prlimit(pid, unix.RLIMIT_DATA, limit, nil),
		unix.Prlimit(pid, unix.RLIMIT_CORE, core, nil))
}

func endGroup(p *os.Process) error { return unix.Kill(-p.Pid, unix.SIGKILL) }

// consumption is what a process has taken: CPU time, user and system together,
// and resident memory in bytes. It is zero for one that is gone.
func consumption(pid int) (cpu time.Duration, memory int64) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0
	}
	// The second field is a name in parentheses that may contain anything (proc(5)).
	fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
	const user, system, resident = 11, 12, 21 // from the third field on
	if len(fields) <= resident {
		return 0, 0
	}
	number := func(i int) int64 {
		n, _ := strconv.ParseInt(fields[i], 10, 64)
		return n
	}
	const tick = time.Second / 100 // USER_HZ
	return time.Duration(number(user)+number(system)) * tick, number(resident) * int64(os.Getpagesize())
}
