package loadtest

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestStallMonitor_ReturnsStalls(t *testing.T) {
	if _, err := os.Stat("/proc/self/schedstat"); err != nil {
		t.Skip("this kernel has no schedstat:", err)
	}
	w := monitorStalls(os.Getpid())
	time.Sleep(10 * monitorInterval) // the monitor uses the kernel's clock
	found := w.end()
	if found == nil {
		t.Fatal("found nothing, want a count of stalls, possibly zero")
	}
	if found.Longest > found.Sum || (found.Times == 0) != (found.Sum == 0) {
		t.Errorf("%+v is inconsistent", *found)
	}
}

func TestStallMonitor_ReturnsNilWithoutAProcess(t *testing.T) {
	if found := monitorStalls(0).end(); found != nil {
		t.Errorf("found %+v, want nil", *found)
	}
}

func TestWaited_ReadsSchedstat(t *testing.T) {
	for name, c := range map[string]struct {
		stat string
		want time.Duration
		ok   bool
	}{
		"time run, time waited, turns":          {"39104 2500000 7\n", 2500 * time.Microsecond, true},
		"a kernel that doesn't count":           {"0 0 0\n", 0, true},
		"nothing at all":                        {"", 0, false},
		"something else than a number of nanos": {"1 much 7\n", 0, false},
	} {
		path := filepath.Join(t.TempDir(), "schedstat")
		if err := os.WriteFile(path, []byte(c.stat), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := waited(f); got != c.want || ok != c.ok {
			t.Errorf("%s: %v, %v; want %v, %v", name, got, ok, c.want, c.ok)
		}
		f.Close()
	}
}
