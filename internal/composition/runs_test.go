package composition_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// runs counts the processes of fake workers, which report to a UDP port.
type runs struct {
	t    *testing.T
	port string

	mu  sync.Mutex // guards what follows
	all []string   // process ids
}

func countRuns(t *testing.T) *runs {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	r := &runs{t: t}
	if _, r.port, err = net.SplitHostPort(conn.LocalAddr().String()); err != nil {
		t.Fatal(err)
	}
	go func() { // ends with conn
		text := make([]byte, 16)
		for {
			n, from, err := conn.ReadFrom(text)
			if err != nil {
				return
			}
			r.mu.Lock()
			before := len(r.all)
			r.all = append(r.all, string(text[:n]))
			r.mu.Unlock()
			_, _ = conn.WriteTo(fmt.Append(nil, before), from)
		}
	}()
	return r
}

func (r *runs) pids() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.all)
}

// program is the test binary by a name that says how it behaves as a worker.
func (r *runs) program(how string) string {
	r.t.Helper()
	self, err := os.Executable()
	if err != nil {
		r.t.Fatal(err)
	}
	path := filepath.Join(r.t.TempDir(), r.port, how)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Symlink(self, path); err != nil {
		r.t.Fatal(err)
	}
	return path
}
