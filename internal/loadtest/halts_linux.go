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
	glance = 2 * time.Millisecond // from one look to the next
	aHalt  = 2 * time.Millisecond // of waiting; less is the kernel's ordinary way
)

// A watch notes when the processors of a process stand still, as seen by a thread that wants
// nothing but to wake and goes before all else. How long it was made to wait it learns from
// the kernel, so it is no matter when Go lets it look.
type watch struct {
	over  atomic.Bool
	ended sync.WaitGroup
	found *Halts
}

// watchOver watches the processors that a process may run on, until end.
func watchOver(pid int) *watch {
	w := &watch{}
	var where unix.CPUSet
	if pid <= 0 || unix.SchedGetaffinity(pid, &where) != nil {
		return w
	}
	w.ended.Go(func() {
		runtime.LockOSThread() // for good: it isn't like others, and ends with this goroutine
		goBefore(&where)
		w.look()
	})
	return w
}

// end returns what was found, nil if nothing could be watched.
func (w *watch) end() *Halts {
	w.over.Store(true)
	w.ended.Wait()
	return w.found
}

// goBefore moves the calling thread to some processors, with the greatest priority that it
// is allowed.
func goBefore(where *unix.CPUSet) {
	_ = unix.SchedSetaffinity(0, where) // elsewhere, or with less priority, it just sees less
	attr, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		return
	}
	if attr.Policy == unix.SCHED_RR || attr.Policy == unix.SCHED_FIFO {
		attr.Priority++ // more than what is measured has
	} else {
		attr.Nice = -20
	}
	_ = unix.SchedSetAttr(0, attr, 0)
}

// look sleeps again and again, and notes how long it waited to run.
func (w *watch) look() {
	stat, err := os.Open(fmt.Sprintf("/proc/self/task/%d/schedstat", unix.Gettid()))
	if err != nil {
		return
	}
	defer stat.Close()
	before, ok := waited(stat)
	if !ok {
		return
	}
	w.found = &Halts{}
	sleep := unix.NsecToTimespec(int64(glance))
	for !w.over.Load() {
		_ = unix.Nanosleep(&sleep, nil) // a signal ends it early, which is no harm
		now, _ := waited(stat)
		if late := now - before; late > aHalt {
			ms := float64(late.Microseconds()) / 1000
			w.found.Times++
			w.found.Sum += ms
			w.found.Longest = max(w.found.Longest, ms)
		}
		before = now
	}
}

// waited is how long a thread was ready and didn't run (Documentation/scheduler/sched-stats).
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

// stolen is how long this machine's processors were taken for others by what it runs on, since it began.
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
