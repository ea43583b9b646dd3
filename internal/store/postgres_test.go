package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"rostrum/test/postgres"
)

func TestStore_WaitsForAConnectionForALimitedTime(t *testing.T) {
	s := opened(t, Config{Dir: t.TempDir(), URL: postgres.Database(t), Connections: 1})
	err := s.Read(t.Context(), func(*Tx) error { // holds the one connection
		return s.Read(t.Context(), func(*Tx) error { return nil })
	})
	if !errors.Is(err, ErrBusy) {
		t.Errorf("without a free connection: %v, expected %v", err, ErrBusy)
	}
	held := func(*Tx) error { time.Sleep(150 * time.Millisecond); return nil }
	if err := errors.Join(s.Read(t.Context(), held), s.Write(t.Context(), held)); err != nil {
		t.Errorf("once it is free: %v", err)
	}
}

func TestNamePool_NamesPoolsWithoutPreparedStatements(t *testing.T) {
	for code, named := range map[string]bool{noSuchStatement: true, duplicateStatement: true, uniqueViolation: false} {
		cause := &pgconn.PgError{Code: code}
		err := namePool(fmt.Errorf("list stages: %w", cause))
		if errors.Is(err, errPreparedStatements) != named || !errors.Is(err, cause) {
			t.Errorf("%s: %v", code, err)
		}
	}
}

// Nodes that are deployed together have the key before there is a database, and start at once.
func TestPostgres_KeyMayBeMadeBeforeTheFirstNodeStarts(t *testing.T) {
	url := postgres.Database(t)
	opened := make(chan error)
	const nodes = 3
	for range nodes {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, keyFile), []byte(strings.Repeat("0123456789abcdef", 4)+"\n"), 0o440); err != nil {
			t.Fatal(err)
		}
		go func() {
			s, err := Open(t.Context(), Config{Dir: dir, URL: url})
			if err == nil {
				err = s.Close()
			}
			opened <- err
		}()
	}
	for range nodes {
		if err := <-opened; err != nil {
			t.Error(err)
		}
	}
}
