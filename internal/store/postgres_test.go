package store

import (
	"context"
	"database/sql"
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
	"testing"
	"time"
)

// cluster is the private PostgreSQL server of this test run: started when first
// needed, on a Unix socket in a temporary directory.
var cluster postgresCluster

var errNoPostgres = errors.New("no PostgreSQL to test on: install the package postgresql")

type postgresCluster struct {
	once    sync.Once
	missing error // why there is none
	bin     string
	dir     string
	as      []string // the beginning of a command line that drops root's rights, which PostgreSQL refuses

	server *exec.Cmd
	alive  io.Closer // when it closes, the server ends

	mu sync.Mutex // guards n
	n  int        // databases created
}

// database creates an empty database and returns its URL; without PostgreSQL's
// programs the test is skipped.
func (c *postgresCluster) database(t testing.TB) string {
	t.Helper()
	c.once.Do(func() { c.missing = c.start() })
	if errors.Is(c.missing, errNoPostgres) {
		t.Skip(c.missing)
	}
	if c.missing != nil {
		t.Fatalf("start PostgreSQL to test on: %v", c.missing)
	}
	c.mu.Lock()
	c.n++
	name := fmt.Sprintf("store_%d", c.n)
	c.mu.Unlock()
	db, err := sql.Open("pgx", c.url("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(context.Background(), "CREATE DATABASE "+name); err != nil {
		t.Fatalf("create database: %v", err)
	}
	return c.url(name)
}

func (c *postgresCluster) url(database string) string {
	return "postgres:///" + database + "?" + url.Values{"host": {c.dir}, "user": {"rostrum"}}.Encode()
}

func (c *postgresCluster) start() error {
	bins, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // where Debian keeps them
	if name, err := exec.LookPath("initdb"); err == nil && len(bins) == 0 {
		bins = append(bins, name)
	}
	if len(bins) == 0 {
		return errNoPostgres
	}
	c.bin = filepath.Dir(bins[len(bins)-1])
	dir, err := os.MkdirTemp("", "rostrum-pg-")
	if err != nil {
		return err
	}
	c.dir = dir
	if os.Geteuid() == 0 {
		if err := c.becomeSomebody(); err != nil {
			return err
		}
	}
	data := filepath.Join(dir, "data")
	if err := c.command("initdb", "-D", data, "-U", "rostrum", "-A", "trust", "-E", "UTF8", "--no-sync").Run(); err != nil {
		return c.told("initdb", err)
	}
	return c.serve(data)
}

// serve starts the server so that it ends with this process, even a killed one:
// the shell beside it waits for the end of a pipe that this process holds.
func (c *postgresCluster) serve(data string) error {
	const untilPipeEnds = `"$0" "$@" & read -r _; kill -QUIT $!; wait $!; rm -rf "$PWD"`
	c.server = c.command("postgres", "-D", data, "-k", c.dir,
		"-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=200")
	c.server.Args = slices.Insert(c.server.Args, len(c.as), "sh", "-c", untilPipeEnds)
	if c.as == nil {
		c.server.Path = "/bin/sh"
	}
	pipe, err := c.server.StdinPipe()
	if err != nil {
		return err
	}
	c.alive = pipe
	if err := c.server.Start(); err != nil {
		return err
	}
	for range 100 { // ready within seconds; each try takes a process, and so a while
		if err = c.command("pg_isready", "-h", c.dir, "-t", "1").Run(); err == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return c.told("pg_isready", err)
}

// becomeSomebody picks the user the server runs as when the tests run as root.
func (c *postgresCluster) becomeSomebody() error {
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
		c.as = []string{"runuser", "-u", name, "--"}
		return os.Chown(c.dir, uid, gid)
	}
	return errors.New("no user to run it as")
}

// command is one of PostgreSQL's programs, which tells what it has to say in a file.
func (c *postgresCluster) command(name string, args ...string) *exec.Cmd {
	line := slices.Concat(c.as, []string{filepath.Join(c.bin, name)}, args)
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Dir = c.dir
	if out, err := os.OpenFile(filepath.Join(c.dir, name+".out"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err == nil {
		cmd.Stdout, cmd.Stderr = out, out
	}
	return cmd
}

func (c *postgresCluster) told(name string, err error) error {
	text, _ := os.ReadFile(filepath.Join(c.dir, name+".out"))
	return fmt.Errorf("%s: %w\n%s", name, err, text)
}

func (c *postgresCluster) stop() {
	if c.alive != nil {
		_ = c.alive.Close()
		_ = c.server.Wait()
	}
	if c.dir != "" {
		_ = os.RemoveAll(c.dir)
	}
}
