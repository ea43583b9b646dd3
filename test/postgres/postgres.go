// Package postgres gives tests empty databases on a real PostgreSQL server,
// which runs for as long as the test process.
package postgres

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var errNotInstalled = errors.New("no PostgreSQL to test on: install the package postgresql")

// A server listens on a Unix socket in a temporary directory.
type server struct {
	bin   string
	dir   string
	as    []string  // prefix of command lines that drops root's rights, which PostgreSQL refuses
	alive io.Closer // the server ends when it closes
}

// start starts the server of this process when a test first needs it.
var start = sync.OnceValues(newServer)

var databases atomic.Int64

// Database creates an empty database and returns its URL. The test is skipped
// where PostgreSQL is not installed.
func Database(t testing.TB) string {
	t.Helper()
	s, err := start()
	if errors.Is(err, errNotInstalled) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatalf("start PostgreSQL to test on: %v", err)
	}
	name := fmt.Sprintf("test_%d", databases.Add(1))
	if err := s.run("createdb", "-h", s.dir, "-U", "rostrum", name); err != nil {
		t.Fatal(err)
	}
	return "postgres://localhost/" + name + "?" + url.Values{"host": {s.dir}, "user": {"rostrum"}}.Encode()
}

func newServer() (*server, error) {
	bins, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // where Debian keeps them
	if name, err := exec.LookPath("initdb"); err == nil && len(bins) == 0 {
		bins = append(bins, name)
	}
	if len(bins) == 0 {
		return nil, errNotInstalled
	}
	dir, err := os.MkdirTemp("", "rostrum-pg-")
	if err != nil {
		return nil, err
	}
	s := &server{bin: filepath.Dir(bins[len(bins)-1]), dir: dir}
	if os.Geteuid() == 0 {
		if err := s.dropRoot(); err != nil {
			return nil, err
		}
	}
	data := filepath.Join(dir, "data")
	if err := s.run("initdb", "-D", data, "-U", "rostrum", "-A", "trust", "-E", "UTF8", "--no-sync"); err != nil {
		return nil, err
	}
	return s, s.serve(data)
}

// serve starts the server so that it ends with this process, even a killed one:
// the shell that starts it waits for the end of a pipe that this process holds.
func (s *server) serve(data string) error {
	const untilPipeEnds = `"$0" "$@" & read -r _; kill -QUIT $!; wait $!; rm -rf "$PWD"`
	cmd := s.command("postgres", "-D", data, "-k", s.dir,
		"-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=200")
	cmd.Args = slices.Insert(cmd.Args, len(s.as), "sh", "-c", untilPipeEnds)
	if s.as == nil {
		cmd.Path = "/bin/sh"
	}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	s.alive = pipe
	if err := cmd.Start(); err != nil {
		return err
	}
	for range 100 { // ready within seconds; each try starts a process, which takes a while
		if err = s.run("pg_isready", "-h", s.dir, "-t", "1"); err == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return err
}

// dropRoot chooses the user that runs the server when the tests run as root.
func (s *server) dropRoot() error {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		s.as = []string{"runuser", "-u", name, "--"}
		return os.Chown(s.dir, uid, gid)
	}
	return errors.New("no user to run it as")
}

// run runs one of PostgreSQL's programs to its end.
func (s *server) run(name string, args ...string) error {
	if err := s.command(name, args...).Run(); err != nil {
		text, _ := os.ReadFile(filepath.Join(s.dir, name+".out"))
		return fmt.Errorf("%s: %w\n%s", name, err, text)
	}
	return nil
}

// command is one of PostgreSQL's programs, with its output in a file.
func (s *server) command(name string, args ...string) *exec.Cmd {
	line := slices.Concat(s.as, []string{filepath.Join(s.bin, name)}, args)
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Dir = s.dir
	if out, err := os.OpenFile(filepath.Join(s.dir, name+".out"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err == nil {
		cmd.Stdout, cmd.Stderr = out, out
	}
	return cmd
}
