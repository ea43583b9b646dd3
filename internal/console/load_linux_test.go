package console_test

import (
	"bufio"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Fifty tabs read figures that are made once for all: with the cost of their own side, which
// is in this process, too, they take less than a twentieth of a core.
func TestLive_FiftyTabsCostLittle(t *testing.T) {
	const tabs, messages = 50, 3
	f := newFixture(t, "")
	f.listen(t)
	cookie := f.signIn(t, keyBody("AKIAALICE", "alice-secret"))
	var open []*bufio.Reader
	for range tabs {
		open = append(open, bufio.NewReader(f.stream(t, "/console/live", cookie)))
		f.stream(t, "/event-log", cookie)
	}
	used := cpuTime(t)
	began := time.Now()
	var reading sync.WaitGroup
	for _, tab := range open {
		reading.Go(func() {
			for n := 0; n < messages; {
				line, err := tab.ReadString('\n')
				if err != nil {
					t.Error(err)
					return
				}
				if strings.HasPrefix(line, "data: ") {
					n++
				}
			}
		})
	}
	reading.Wait()
	took, cost := time.Since(began), cpuTime(t)-used
	share := cost.Seconds() / took.Seconds()
	t.Logf("%d tabs use %.2f %% of a core", tabs, 100*share)
	if share > 0.05 {
		t.Errorf("%d tabs use %.1f %% of a core, expected at most 5", tabs, 100*share)
	}
}

// cpuTime is the CPU time that this process has used.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
