package loadtest

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	monitorInterval = 2 * time.Millisecond // between measurements
	minStall        = 2 * time.Millisecond // of waiting; less is normal scheduling
)

// A stallMonitor measures when the processors of a process stall, with a thread of high
// priority that only sleeps and wakes. The kernel says how long it waited to run, so Go's own
// scheduling does not matter.
type stallMonitor struct {
	stop  atomic.Bool
	ended sync.WaitGroup
	found *Stalls
}

// monitorStalls monitors the processors that a process may run on, until end.
func monitorStalls(pid int) *stallMonitor {
	w := &stallMonitor{}
	var where unix.CPUSet
	if pid <= 0 || unix.SchedGetaffinity(pid, &where) != nil {
		return w
	}
	w.ended.Go(func() {
		runtime.LockOSThread() // the thread ends with this goroutine, since its priority differs
		raisePriority(&where)
		w.run()
	})
	return w
}

// end returns the stalls; nil where they cannot be measured.
func (w *stallMonitor) end() *Stalls {
	w.stop.Store(true)
	w.ended.Wait()
	return w.found
}

// raisePriority moves the calling thread to some processors, with the highest priority that
// is allowed.
func raisePriority(where *unix.CPUSet) {
	_ = unix.SchedSetaffinity(0, where) // otherwise it measures less
	attr, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		return
	}
	if attr.Policy == unix.SCHED_RR || attr.Policy == unix.SCHED_FIFO {
		attr.Priority++ // above what is measured
	} else {
		attr.Nice = -20
	}
	_ = unix.SchedSetAttr(0, attr, 0)
}

// run sleeps repeatedly and measures how long it waits to run.
func (w *stallMonitor) run() {
	stat, err := os.Open(fmt.Sprintf("/proc/self/task/%d/schedstat", unix.Gettid()))
	if err != nil {
		return
	}
	defer stat.Close()
	before, ok := waited(stat)
	if !ok {
		return
	}
	w.found = &Stalls{}
	sleep := unix.NsecToTimespec(int64(monitorInterval))
	for !w.stop.Load() {
		_ = unix.Nanosleep(&sleep, nil) // a signal may end it early
		now, _ := waited(stat)
		if late := now - before; late > minStall {
			ms := float64(late.Microseconds()) / 1000
			w.found.Times++
			w.found.Sum += ms
			w.found.Longest = max(w.found.Longest, ms)
		}
		before = now
	}
}

// waited is how long a thread waited to run (Documentation/scheduler/sched-stats).
func waited(stat *os.File) (d time.Duration, ok bool) {
	var b [96]byte
	n, _ := stat.ReadAt(b[:], 0)
	f := bytes.Fields(b[:n])
	if len(f) < 3 {
		return 0, false
	}
	ns, err := strconv.ParseInt(string(f[1]), 10, 64)
	return time.Duration(ns), err == nil
}

// stolen is the time that the hypervisor took from this machine's processors since boot.
func stolen() (d time.Duration, ok bool) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, false
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	f := bytes.Fields(line)
	const steal = 8
	if len(f) <= steal {
		return 0, false
	}
	n, err := strconv.ParseInt(string(f[steal]), 10, 64)
	return time.Duration(n) * userTick, err == nil
}
