//go:build cgo

package compose

import (
	"flag"
	"os/exec"
	"strconv"
	"testing"
)

var cost = flag.Bool("cost", false, "measure what composing costs and how soon things are seen, alone on the machine")

// measured tells that nothing else runs, so that promises of time are judged.
func measured() bool { return *cost }

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
