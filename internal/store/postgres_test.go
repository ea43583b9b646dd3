package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
)

// cluster is the private PostgreSQL server of this test run: started when first
// needed, on a Unix socket in a temporary directory.
var cluster postgresCluster

type postgresCluster struct {
	once    sync.Once
	missing error // why there is none
	bin     string
	dir     string
	as      []string // the beginning of a command line that drops root's rights, which PostgreSQL refuses

	mu sync.Mutex // guards n
	n  int        // databases created
}

// database creates an empty database and returns its URL; without PostgreSQL's
// programs the test is skipped.
func (c *postgresCluster) database(t testing.TB) string {
	t.Helper()
	c.once.Do(func() { c.missing = c.start() })
	if c.missing != nil {
		t.Skipf("no PostgreSQL to test on (install the package postgresql): %v", c.missing)
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
	bins, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if name, err := exec.LookPath("initdb"); err == nil {
		bins = append(bins, name)
	}
	if len(bins) == 0 {
		return errors.New("initdb is not here")
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
	if err := c.command("initdb", "-D", data, "-U", "rostrum", "-A", "trust", "-E", "UTF8", "--no-sync"); err != nil {
		return err
	}
	return c.command("pg_ctl", "-D", data, "-w", "-l", filepath.Join(dir, "log"),
		"-o", "-c listen_addresses='' -c fsync=off -c max_connections=200 -k "+dir, "start")
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

func (c *postgresCluster) command(name string, args ...string) error {
	line := slices.Concat(c.as, []string{filepath.Join(c.bin, name)}, args)
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Dir = c.dir
	// Its output goes to a file: the server inherits it, and a pipe would stay open.
	out, err := os.CreateTemp(c.dir, name+"-*.out")
	if err != nil {
		return err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(out.Name())
		return fmt.Errorf("%s: %w\n%s", name, err, text)
	}
	return nil
}

func (c *postgresCluster) stop() {
	if c.dir == "" {
		return
	}
	if c.missing == nil {
		_ = c.command("pg_ctl", "-D", filepath.Join(c.dir, "data"), "-m", "immediate", "-w", "stop")
	}
	_ = os.RemoveAll(c.dir)
}
