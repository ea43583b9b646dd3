package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rostrum/test/authority"
)

// A tcpPort is one of a server's, with what a client sends there and what the answer begins with.
type tcpPort struct {
	address      string
	tls          bool
	request      string
	answerPrefix string
}

// Addresses of clients: where there are too many connections, those of an address that has most
// are closed first.
const honest, attacker = "127.0.0.1", "127.0.0.2"

var (
	getHealth    = "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
	rtmpHello    = "\x03" + strings.Repeat("\x00", 1536)                                        // C0 and C1
	turnAllocate = "\x00\x03\x00\x00\x21\x12\xa4\x42abcdefghijkl"                               // asks for a relay
	turnRefused  = "\x01\x13"                                                                   // for it has no credentials
	keepAlive    = "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: keep-alive\r\n\r\n" // the connection is used again
)

// serveAllPorts starts a server with a listener of each kind, under a limit of descriptors if
// it is not 0.
func serveAllPorts(t *testing.T, limit int) (*served, map[string]tcpPort) {
	t.Helper()
	dir := t.TempDir()
	authority.SelfSigned(t, dir, "rostrum.example", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	at := func() string { return "127.0.0.1:" + freePort(t) }
	admin, rtmp, rtmps, turns := at(), at(), at(), at()
	cmd := rostrum(t, "serve", "--json", "--ephemeral", "--listen", "127.0.0.1:0", "--admin-listen", admin,
		"--rtmp-listen", rtmp, "--rtmps-listen", rtmps, "--turns-listen", turns,
		"--tls-cert", filepath.Join(dir, "cert.pem"), "--tls-key", filepath.Join(dir, "key.pem"))
	if limit > 0 {
		cmd.Args = append([]string{"sh", "-c", fmt.Sprintf(`ulimit -n %d && exec "$0" "$@"`, limit), cmd.Path}, cmd.Args[1:]...)
		cmd.Path = "/bin/sh"
	}
	s := start(t, cmd)
	media := ""
	for _, c := range s.Candidates {
		if address, ok := strings.CutPrefix(c, "tcp "); ok {
			media = address
		}
	}
	if _, err := netip.ParseAddrPort(media); err != nil {
		t.Fatalf("no TCP candidate in %q", s.Candidates)
	}
	return s, map[string]tcpPort{
		"http":  {strings.TrimPrefix(s.Endpoint, "https://"), true, getHealth, "HTTP/1.1 200"},
		"admin": {admin, false, "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "HTTP/1.1 200"},
		"rtmp":  {rtmp, false, rtmpHello, "\x03"},
		"rtmps": {rtmps, true, rtmpHello, "\x03"},
		"turns": {turns, true, turnAllocate, turnRefused},
		"media": {media, false, turnAllocate, turnRefused},
	}
}

// dial connects, until the end of the test, without waiting for the server.
func (p tcpPort) dial(t *testing.T, from string) net.Conn {
	t.Helper()
	dialer := net.Dialer{Timeout: 5 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := dialer.Dial("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// check sends a request and reads the beginning of its answer.
func (p tcpPort) check(t *testing.T, within time.Duration) error {
	t.Helper()
	conn := p.dial(t, honest)
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(within))
	if p.tls {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	}
	if _, err := io.WriteString(conn, p.request); err != nil {
		return err
	}
	answer := make([]byte, len(p.answerPrefix))
	if _, err := io.ReadFull(conn, answer); err != nil {
		return err
	}
	if string(answer) != p.answerPrefix {
		return fmt.Errorf("answered %q, expected %q", answer, p.answerPrefix)
	}
	return nil
}

// eventually repeats a check until it succeeds.
func eventually(t *testing.T, what string, within time.Duration, check func() error) {
	t.Helper()
	end := time.Now().Add(within)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// TestServe_OutlivesALackOfDescriptors takes all descriptors from a running server while clients
// come to each of its ports, and gives them back.
func TestServe_OutlivesALackOfDescriptors(t *testing.T) {
	s, ports := serveAllPorts(t, 0)
	// Metrics are read from a connection that is there before.
	conn := ports["admin"].dial(t, honest)
	answers := bufio.NewReader(conn)
	metrics := func() string {
		if _, err := io.WriteString(conn, keepAlive); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	metrics()
	var before unix.Rlimit
	if err := unix.Prlimit(s.cmd.Process.Pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 3, Max: 1 << 10}, &before); err != nil {
		t.Skip(err) // not with these rights
	}
	for _, p := range ports {
		p.dial(t, honest)
	}
	for name := range ports {
		failed := regexp.MustCompile(`rostrum_listener_errors_total\{listener="` + name + `"\} ([1-9])`)
		eventually(t, name+" is counted", 10*time.Second, func() error {
			if text := metrics(); !failed.MatchString(text) {
				return fmt.Errorf("there is no %s", failed)
			}
			return nil
		})
	}
	if err := unix.Prlimit(s.cmd.Process.Pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 1 << 10, Max: 1 << 10}, nil); err != nil {
		t.Fatal(err)
	}
	for name, p := range ports {
		if err := p.check(t, 10*time.Second); err != nil {
			t.Errorf("%s, when there are descriptors again: %v", name, err)
		}
	}
	if code, _ := s.stop(t, syscall.SIGTERM); code != exitOK {
		t.Errorf("exit %d", code)
	}
}

// TestServe_FilledPortLeavesDescriptorsToTheOthers fills each port in turn with connections that
// say nothing.
func TestServe_FilledPortLeavesDescriptorsToTheOthers(t *testing.T) {
	const limit = 320
	s, ports := serveAllPorts(t, limit)
	for name, p := range ports {
		t.Run(name, func(t *testing.T) {
			var silent []net.Conn
			for range limit {
				silent = append(silent, p.dial(t, attacker))
			}
			for other, o := range ports {
				if other == name {
					continue
				}
				if err := o.check(t, 10*time.Second); err != nil {
					t.Errorf("%s while %s is full: %v", other, name, err)
				}
			}
			t.Logf("%d descriptors are open", openFiles(t, s.cmd.Process.Pid))
			for _, c := range silent {
				c.Close()
			}
			eventually(t, name+" after it was full", 20*time.Second, func() error { return p.check(t, 5*time.Second) })
		})
	}
	if n := metric(t, ports["admin"].address, "rostrum_listener_errors_total"); n != 0 {
		t.Errorf("%v connections could not be accepted, although each port has its share", n)
	}
	if code, _ := s.stop(t, syscall.SIGTERM); code != exitOK {
		t.Errorf("exit %d", code)
	}
}

func openFiles(t *testing.T, pid int) int {
	t.Helper()
	all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// metric sums all values of a name.
func metric(t *testing.T, admin, name string) (sum float64) {
	t.Helper()
	_, text := fetch(t, "http://"+admin+"/metrics")
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, name+"{") {
			value, err := strconv.ParseFloat(line[strings.LastIndex(line, " ")+1:len(line)-1], 64)
			if err != nil {
				t.Fatal(err)
			}
			sum += value
		}
	}
	return sum
}

func TestServe_NamesWhoHasAnAddressAndWhatToChange(t *testing.T) {
	s, ports := serveAllPorts(t, 0)
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", s.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, mediaPort, _ := net.SplitHostPort(ports["media"].address)
	for setting, value := range map[string]string{
		"listen": ports["http"].address, "admin_listen": ports["admin"].address, "rtmp_listen": ports["rtmp"].address, "media_port": mediaPort,
	} {
		args := []string{"serve", "--ephemeral", "--listen", "127.0.0.1:0", "--" + strings.ReplaceAll(setting, "_", "-") + "=" + value}
		_, stderr, code := finish(t, rostrum(t, args...))
		expected := fmt.Sprintf("%s: bind: address already in use by %s (pid %d): free the address, or set %s to another",
			value, strings.TrimSpace(string(name)), s.cmd.Process.Pid, setting)
		if setting == "media_port" {
			expected = strings.Replace(expected, ": bind", "", 1)
		}
		if code != exitFailure || !strings.Contains(stderr, expected) {
			t.Errorf("expected exit 1 and %q, got exit %d and %s", expected, code, stderr)
		}
	}
}
