package worker

import (
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// attempt does what each line asks for, in a worker, and writes what came of it.
func attempt(lines string) string {
	var all strings.Builder
	for line := range strings.Lines(lines) {
		what, at, _ := strings.Cut(strings.TrimSpace(line), " ")
		var err error
		switch what {
		case "read":
			_, err = os.ReadFile(at)
		case "list":
			_, err = os.ReadDir(at)
		case "write":
			err = os.WriteFile(at, []byte("x"), 0o600)
		case "append":
			var f *os.File
			if f, err = os.OpenFile(at, os.O_WRONLY|os.O_APPEND, 0); err == nil {
				f.Close()
			}
		case "truncate":
			err = os.Truncate(at, 0)
		case "remove":
			err = os.Remove(at)
		case "rename":
			err = os.Rename(at, at+".moved")
		case "connect":
			var conn net.Conn
			if conn, err = net.DialTimeout("tcp", at, time.Second); err == nil {
				conn.Close()
			}
		case "listen":
			var l net.Listener
			if l, err = net.Listen("tcp", at); err == nil {
				l.Close()
			}
		case "socket":
			var family, kind, protocol, fd int
			_, _ = fmt.Sscan(at, &family, &kind, &protocol)
			if fd, err = unix.Socket(family, kind, protocol); err == nil {
				unix.Close(fd)
			}
		case "io_uring":
			_, _, errno := unix.Syscall(ioUringSetup, 1, 0, 0)
			if errno == unix.ENOSYS {
				err = errno
			}
		case "signal":
			pid, _ := strconv.Atoi(at)
			err = unix.Kill(pid, 0)
		case "chown":
			err = os.Chown(at, 1, 1)
		case "threads": // all have the same rights
			statuses, _ := filepath.Glob("/proc/self/task/*/status")
			for _, s := range statuses {
				if status, _ := os.ReadFile(s); !strings.Contains(string(status), "NoNewPrivs:\t1") {
					err = fmt.Errorf("%s may get new privileges", s)
				}
			}
		}
		fmt.Fprintf(&all, "%s %v\n", strings.TrimSpace(line), err == nil)
	}
	return all.String()
}

// listenOn opens a port of this machine and returns its address.
func listenOn(t *testing.T, network, address string) string {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

func TestProcess_ReachesOnlyWhatItsJobNeeds(t *testing.T) {
	abi := landlockABI()
	if abi < abiTruncate {
		t.Skipf("the kernel's Landlock has version %d", abi)
	}
	data, spool, usr := t.TempDir(), t.TempDir(), t.TempDir()
	secret, foreign, private := filepath.Join(data, "secret.key"), filepath.Join(data, "foreign"), filepath.Join(usr, "etc/settings.yaml")
	library := filepath.Join(usr, "lib/libx.so")
	for _, name := range []string{secret, foreign, private, library} {
		if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte("confidential"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("LD_LIBRARY_PATH", usr)
	own, other := listenOn(t, "tcp", "127.0.0.1:0"), listenOn(t, "tcp", "127.0.0.1:0")
	_, ownPort, _ := net.SplitHostPort(own)
	free := listenOn(t, "tcp", "127.0.0.2:0") // a port that is free at another address
	_, freePort, _ := net.SplitHostPort(free)

	expected := map[string]bool{
		"read " + secret: false, "append " + secret: false, "truncate " + secret: false, "remove " + secret: false, "rename " + secret: false,
		"append " + foreign: false, "write " + filepath.Join(data, "new"): false, "list " + data: false,
		"read /etc/shadow": false, "list /root": false, "read /proc/" + strconv.Itoa(os.Getpid()) + "/environ": false,
		"read " + private: false, "read " + library: true, "append " + library: false,
		"write " + filepath.Join(spool, "segment"): true, "rename " + filepath.Join(spool, "segment"): true, "list " + spool: true,
		"list /usr/lib": true, "write /dev/null": true, "read /proc/self/status": true, "threads": true,
	}
	if abi >= abiTCP {
		expected["connect "+own], expected["connect "+other] = true, false
		expected["listen 127.0.0.1:"+freePort] = false
	}
	if abi >= abiSignals {
		expected["signal "+strconv.Itoa(os.Getpid())] = false
	}
	if os.Getuid() == 0 {
		expected["chown "+filepath.Join(spool, "segment.moved")] = false
	}
	// What is renamed and whose owner is changed exists only after it was written.
	first := func(line string) int {
		return slices.Index([]string{"write", "rename", "chown"}, strings.Fields(line)[0])
	}
	lines := slices.SortedFunc(maps.Keys(expected), func(a, b string) int { return first(a) - first(b) })
	j := Job{Token: "tries", Encoder: strings.Join(lines, "\n"), Programs: []Program{{Destinations: []Destination{
		{ID: "recording", HLS: &HLS{Directory: spool, Rendition: "r"}}, {ID: "channel", RTMP: &RTMP{URL: "rtmp://127.0.0.1:" + ownPort + "/live/key"}},
	}}}}
	result := last(startJob(t, Config{Private: []string{data, private}}, j))
	for line, can := range expected {
		if !strings.Contains(result, fmt.Sprintf("%s %v\n", line, can)) {
			t.Errorf("expected %q: %v", line, can)
		}
	}
	if t.Failed() {
		t.Logf("the worker reports\n%s", result)
	}
	if text, err := os.ReadFile(secret); err != nil || string(text) != "confidential" {
		t.Errorf("the secret is %q, %v", text, err)
	}
}

func TestProcess_OpensOnlySocketsThatLandlockKnows(t *testing.T) {
	if _, known := architectures[runtime.GOARCH]; !known {
		t.Skip("there is no filter for " + runtime.GOARCH)
	}
	socket := func(family, kind, protocol int) string { return fmt.Sprintf("socket %d %d %d", family, kind, protocol) }
	expected := map[string]bool{
		socket(unix.AF_INET, unix.SOCK_STREAM, 0): true, socket(unix.AF_INET6, unix.SOCK_STREAM, unix.IPPROTO_TCP): true,
		socket(unix.AF_INET, unix.SOCK_DGRAM, 0): true, socket(unix.AF_INET6, unix.SOCK_DGRAM, unix.IPPROTO_UDP): true,
		socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE): true,
		socket(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP): false, socket(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_SCTP): false,
		socket(unix.AF_UNIX, unix.SOCK_STREAM, 0): false, socket(unix.AF_PACKET, unix.SOCK_RAW, 0): false, socket(unix.AF_ALG, unix.SOCK_SEQPACKET, 0): false,
		"io_uring": false,
	}
	j := Job{Token: "tries", Encoder: strings.Join(slices.Collect(maps.Keys(expected)), "\n"), Programs: []Program{{Destinations: []Destination{{ID: "a", File: t.TempDir() + "/x.mp4"}}}}}
	result := last(startJob(t, Config{}, j))
	for line, can := range expected {
		if !strings.Contains(result, fmt.Sprintf("%s %v\n", line, can)) {
			t.Errorf("expected %q: %v", line, can)
		}
	}
}

func TestProcess_ConnectsToPortsOfTheServer(t *testing.T) {
	at := listenOn(t, "tcp", "127.0.0.1:0")
	_, text, _ := net.SplitHostPort(at)
	port, _ := strconv.Atoi(text)
	j := Job{Token: "tries", Encoder: "connect " + at, Programs: []Program{{Destinations: []Destination{{ID: "a", HLS: &HLS{Directory: t.TempDir(), Rendition: "r"}}}}}}
	if got := last(startJob(t, Config{Ports: []uint16{uint16(port)}}, j)); got != "connect "+at+" true\n" {
		t.Errorf("the worker reports %q", got)
	}
}

// This process and its threads keep their rights.
func TestProcess_ConfinesOnlyTheWorker(t *testing.T) {
	for range 20 {
		p := start(t, "works", Config{})
		<-p.Reports()
		p.Kill()
		_ = p.Wait()
	}
	statuses, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil || len(statuses) == 0 {
		t.Fatal(statuses, err)
	}
	for _, s := range statuses {
		if status, err := os.ReadFile(s); err == nil && strings.Contains(string(status), "NoNewPrivs:\t1") {
			t.Errorf("%s is confined", s)
		}
	}
	if _, err := os.ReadDir(t.TempDir()); err != nil {
		t.Error(err)
	}
}

func TestHandled_GrowsWithTheVersion(t *testing.T) {
	for abi, expected := range map[int]unix.LandlockRulesetAttr{
		1: {Handled_access_fs: 0x1fff},
		2: {Handled_access_fs: 0x3fff},
		3: {Handled_access_fs: 0x7fff},
		4: {Handled_access_fs: 0x7fff, Handled_access_net: 3},
		5: {Handled_access_fs: 0xffff, Handled_access_net: 3},
		6: {Handled_access_fs: 0xffff, Handled_access_net: 3, Scoped: 3},
		9: {Handled_access_fs: 0xffff, Handled_access_net: 3, Scoped: 3},
	} {
		if got := handled(abi); got != expected {
			t.Errorf("version %d: %+v, expected %+v", abi, got, expected)
		}
	}
}
