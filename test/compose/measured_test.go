//go:build cgo

package compose

import (
	"flag"
	"fmt"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

var cost = flag.Bool("cost", false, "measure what composing costs and how soon things are seen, alone on the machine")

// measured tells that nothing else runs, so that promises of time are judged.
func measured() bool { return *cost }

// beside lets a test run at the same time as others that mostly wait, as it does,
// after all that look at every picture. Where promises of time are judged it is alone.
func beside(t *testing.T) {
	t.Helper()
	if !measured() {
		t.Parallel()
	}
}

// patience is how late something may be seen. Where everything else on the machine
// is tested at the same time, being late isn't the composition's fault: there it is
// told, and judged when measured alone.
func timeout() time.Duration {
	if measured() {
		return promptness
	}
	return 5 * promptness
}

// tooBusy tells why nothing can be told by the pictures of the composition that runs:
// a machine that is busy with other tests gave it no time, so that its clock is behind
// and it repeats its pictures. Where the machine is its own, that is a fault.
func (s *studio) tooBusy() (why string) {
	s.t.Helper()
	late, ticks := s.counted("late_ticks_total"), s.counted("ticks_total")
	if late <= ticks/20 || measured() {
		return ""
	}
	return fmt.Sprintf("%v of %v ticks were late: the machine is too busy to tell anything", late, ticks)
}

// prefer has a process, and what it will start, go before those who publish: they
// stand for other machines, whose load is not what is measured.
func prefer(t *testing.T, pid int) {
	t.Helper()
	if !measured() {
		return
	}
	if out, err := exec.Command("chrt", "--all-tasks", "--rr", "--pid", "6", strconv.Itoa(pid)).CombinedOutput(); err != nil {
		t.Logf("publishers have the priority of the server: %v %s", err, out)
	}
}
