package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rostrum/internal/arn"
	"rostrum/ivsrealtime"
	"rostrum/test/postgres"
)

// TestMain is the child process of the crash test when it is asked to be.
func TestMain(m *testing.M) {
	if dir := os.Getenv(crashChild); dir != "" {
		writeUntilKilled(Config{Dir: dir, URL: os.Getenv(crashURL)})
		return
	}
	os.Exit(m.Run())
}

// onBoth runs a test on SQLite and on PostgreSQL.
func onBoth(t *testing.T, test func(t *testing.T, s *Store)) {
	t.Run("SQLite", func(t *testing.T) {
		test(t, opened(t, Config{Dir: t.TempDir()}))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		test(t, opened(t, Config{Dir: t.TempDir(), URL: postgres.Database(t)}))
	})
}

func opened(t testing.TB, c Config) *Store {
	t.Helper()
	s, err := Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close store: %v", err)
		}
	})
	return s
}

// write and read fail the test unless the transaction succeeds.
func write(t testing.TB, s *Store, fn func(tx *Tx) error) {
	t.Helper()
	if err := s.Write(context.Background(), fn); err != nil {
		t.Fatalf("write: %v", err)
	}
}

func read(t testing.TB, s *Store, fn func(tx *Tx) error) {
	t.Helper()
	if err := s.Read(context.Background(), fn); err != nil {
		t.Fatalf("read: %v", err)
	}
}

func expectCode(t testing.TB, err error, code ivsrealtime.Code, when string) {
	t.Helper()
	if !errors.Is(err, code) {
		t.Errorf("%s the error is %v, expected a %s", when, err, code)
	}
}

var (
	here  = Owner{Account: "111122223333", Region: "us-east-1"}
	there = Owner{Account: "111122223333", Region: "eu-west-1"}
	other = Owner{Account: "444455556666", Region: "us-east-1"}
)

func newARN(t arn.Type, o Owner) string { return arn.New(t, o.Account, o.Region).String() }

// aStage creates a stage with nothing special about it.
func aStage(t testing.TB, s *Store, o Owner) *ivsrealtime.Stage {
	t.Helper()
	stage := &ivsrealtime.Stage{ARN: newARN(arn.Stage, o), Name: "lobby"}
	write(t, s, func(tx *Tx) error { return tx.Stages().Create(stage) })
	return stage
}

func aSession(t testing.TB, s *Store, stageARN, node string, start time.Time) Session {
	t.Helper()
	session := Session{StageARN: stageARN, ID: arn.NewSessionID(), Start: start, Node: node}
	write(t, s, func(tx *Tx) error { return tx.OpenSession(session) })
	return session
}

// allPages walks a list to its end and checks that no page is longer than asked.
func allPages[T any](t testing.TB, limit int, list func(p Page) ([]T, int64, error)) (all []T) {
	t.Helper()
	for p := (Page{Limit: limit}); ; {
		items, next, err := list(p)
		if err != nil {
			t.Fatal(err)
		}
		if len(items) > limit || (next != 0 && len(items) != limit) {
			t.Fatalf("a page of %d holds %d items and goes on at %d", limit, len(items), next)
		}
		all = append(all, items...)
		if next == 0 {
			return all
		}
		p.After = next
	}
}

// files reads all files of a directory as one text.
func files(t testing.TB, dir string) (all []byte) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(names) == 0 {
		t.Fatal(fmt.Errorf("files of %s: %v, %w", dir, names, err))
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text...)
	}
	return all
}
