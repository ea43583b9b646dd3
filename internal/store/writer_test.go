package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"rostrum/internal/arn"
	"rostrum/internal/event"
	"rostrum/ivsrealtime"
)

var errUnwilling = errors.New("unwilling")

func TestWrite_UndoesTheFailingOneAlone(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		const callers = 200
		var kept, failed atomic.Int64
		var group sync.WaitGroup
		for i := range callers {
			group.Go(func() {
				defer func() {
					if p := recover(); p != nil && p != errUnwilling {
						t.Errorf("panic %v", p)
					}
				}()
				err := s.Write(context.Background(), func(tx *Tx) error {
					name := newARN(arn.Stage, here)
					if err := tx.Stages().Create(&ivsrealtime.Stage{ARN: name}); err != nil {
						return err
					}
					tx.Emit(event.SessionStarted(name, "st-1", tenOClock))
					switch i % 4 {
					case 1:
						return errUnwilling
					case 2:
						panic(errUnwilling)
					case 3:
						// a statement fails, as a constraint would make it
						_, err := tx.exec(`INSERT INTO secret (name, sealed) VALUES ($1, NULL)`, name)
						return err
					}
					return nil
				})
				switch {
				case err == nil:
					kept.Add(1)
				case i%4 == 1 && errors.Is(err, errUnwilling), i%4 == 3:
					failed.Add(1)
				default:
					t.Errorf("write %d: %v", i, err)
				}
			})
		}
		group.Wait()
		read(t, s, func(tx *Tx) error {
			n, err := tx.Stages().Count(here)
			events, err2 := tx.Events(EventQuery{Limit: callers})
			if kept.Load() != callers/4 || failed.Load() != callers/2 || n != callers/4 || len(events) != callers/4 {
				t.Errorf("%d writes succeeded, %d failed; %d stages and %d events are there; expected %d, %d, %[1]d", kept.Load(), failed.Load(), n, len(events), callers/4, callers/2)
			}
			return errors.Join(err, err2)
		})
	})
}

func TestWrite_KeepsNothingAfterAFailedStatement(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		name := newARN(arn.Stage, here)
		err := s.Write(context.Background(), func(tx *Tx) error {
			_, failed := tx.exec(`INSERT INTO secret (name, sealed) VALUES ('x', NULL)`)
			if err := tx.Stages().Create(&ivsrealtime.Stage{ARN: name}); err == nil || failed == nil {
				t.Errorf("after a statement that failed with %v the next one answers %v", failed, err)
			}
			return nil // as if nothing had happened
		})
		if err == nil {
			t.Error("a write with a failed statement is acknowledged")
		}
		expectCode(t, s.Read(context.Background(), func(tx *Tx) error { _, err := tx.Stages().Get(name); return err }), ivsrealtime.ResourceNotFound, "afterwards")
	})
}

func TestWrite_SurvivesAFunctionThatEndsItsGoroutine(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		name := newARN(arn.Stage, here)
		var group sync.WaitGroup
		group.Go(func() {
			_ = s.Write(context.Background(), func(tx *Tx) error {
				if err := tx.Stages().Create(&ivsrealtime.Stage{ARN: name}); err != nil {
					t.Error(err)
				}
				runtime.Goexit()
				return nil
			})
		})
		group.Wait()
		aStage(t, s, here)
		expectCode(t, s.Read(context.Background(), func(tx *Tx) error { _, err := tx.Stages().Get(name); return err }), ivsrealtime.ResourceNotFound, "afterwards")
	})
}

func TestWrite_HonoursItsContextWhileItWaits(t *testing.T) {
	s := opened(t, Config{Dir: t.TempDir()})
	inside, finish := make(chan struct{}), make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		write(t, s, func(tx *Tx) error {
			close(inside)
			<-finish
			return tx.Stages().Create(&ivsrealtime.Stage{ARN: newARN(arn.Stage, here)})
		})
	})
	<-inside
	ctx, cancel := context.WithCancel(context.Background())
	waiting := make(chan error, 1)
	go func() {
		waiting <- s.Write(ctx, func(*Tx) error { t.Error("a write whose caller has gone away runs"); return nil })
	}()
	cancel()
	if err := <-waiting; !errors.Is(err, context.Canceled) {
		t.Errorf("the waiting write answers %v, expected %v", err, context.Canceled)
	}
	close(finish)
	group.Wait()
}

func TestStore_AnswersErrClosedOnceClosed(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		if err := errors.Join(s.Close(), s.Close()); err != nil {
			t.Errorf("closing twice: %v", err)
		}
		if err := s.Write(context.Background(), func(*Tx) error { return nil }); !errors.Is(err, ErrClosed) {
			t.Errorf("Write answers %v, expected %v", err, ErrClosed)
		}
		if err := s.Read(context.Background(), func(*Tx) error { return nil }); !errors.Is(err, ErrClosed) {
			t.Errorf("Read answers %v, expected %v", err, ErrClosed)
		}
	})
}

func TestClose_FinishesTheWritesThatWait(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, Config{Dir: dir})
	var kept atomic.Int64
	var started, group sync.WaitGroup
	for range 50 {
		started.Add(1)
		group.Go(func() {
			started.Done()
			err := s.Write(context.Background(), func(tx *Tx) error {
				return tx.Stages().Create(&ivsrealtime.Stage{ARN: newARN(arn.Stage, here)})
			})
			if err == nil {
				kept.Add(1)
			} else if !errors.Is(err, ErrClosed) {
				t.Error(err)
			}
		})
	}
	started.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	group.Wait()
	read(t, opened(t, Config{Dir: dir}), func(tx *Tx) error {
		n, err := tx.Stages().Count(here)
		if n != int(kept.Load()) {
			t.Errorf("%d writes were acknowledged, %d are there", kept.Load(), n)
		}
		return err
	})
}

func TestRead_SeesOneMoment(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		stage := aStage(t, s, here)
		read(t, s, func(tx *Tx) error {
			if _, err := tx.Stages().Get(stage.ARN); err != nil {
				return err
			}
			aStage(t, s, here) // a write goes on beside it
			n, err := tx.Stages().Count(here)
			if n != 1 {
				t.Errorf("a read that began with one stage sees %d", n)
			}
			return err
		})
	})
}

func TestRead_CannotWrite(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		err := s.Read(context.Background(), func(tx *Tx) error {
			return tx.Stages().Create(&ivsrealtime.Stage{ARN: newARN(arn.Stage, here)})
		})
		if err == nil {
			t.Error("a stage was created by a read")
		}
	})
}

func TestWrite_SurvivesAFullDisk(t *testing.T) {
	s := opened(t, Config{Dir: t.TempDir()})
	limit := func(pages int) {
		write(t, s, func(tx *Tx) error {
			_, err := tx.exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages))
			return err
		})
	}
	const tight = 200 // pages of 4 KiB
	limit(tight)
	var kept, refused atomic.Int64
	var group sync.WaitGroup
	for range 64 {
		group.Go(func() {
			err := s.Write(context.Background(), func(tx *Tx) error {
				return tx.Stages().Create(&ivsrealtime.Stage{ARN: newARN(arn.Stage, here), Name: strings.Repeat("x", 64<<10)})
			})
			if err == nil {
				kept.Add(1)
			} else {
				refused.Add(1)
			}
		})
	}
	group.Wait()
	limit(1 << 30)
	aStage(t, s, here)
	read(t, s, func(tx *Tx) error {
		n, err := tx.Stages().Count(here)
		if refused.Load() == 0 || n != int(kept.Load())+1 {
			t.Errorf("%d writes were acknowledged, %d refused, and there are %d stages with the one afterwards", kept.Load(), refused.Load(), n)
		}
		return err
	})
}

func TestOpen_SyncsEveryCommitUnlessEphemeral(t *testing.T) {
	for name, c := range map[string]struct {
		config      Config
		synchronous int // SQLite: 2 is FULL, 0 is OFF
	}{
		"durable":   {Config{Dir: t.TempDir()}, 2},
		"ephemeral": {Config{Ephemeral: true}, 0},
	} {
		write(t, opened(t, c.config), func(tx *Tx) error {
			var synchronous, foreignKeys int
			var journal string
			_, err := tx.find([]any{&synchronous}, `PRAGMA synchronous`)
			_, err2 := tx.find([]any{&foreignKeys}, `PRAGMA foreign_keys`)
			_, err3 := tx.find([]any{&journal}, `PRAGMA journal_mode`)
			if synchronous != c.synchronous || foreignKeys != 1 || journal != "wal" {
				t.Errorf("%s: synchronous %d, foreign keys %d, journal %s, expected %d, 1, wal", name, synchronous, foreignKeys, journal, c.synchronous)
			}
			return errors.Join(err, err2, err3)
		})
	}
}

func TestOpen_RefusesWhatItCannotKeepSafe(t *testing.T) {
	for name, c := range map[string]Config{
		"no directory":                   {},
		"a database of another kind":     {Dir: t.TempDir(), URL: "mysql://host/db"},
		"an ephemeral one that is named": {Dir: t.TempDir(), Ephemeral: true},
	} {
		if s, err := Open(context.Background(), c); err == nil {
			_ = s.Close()
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestOpen_RefusesADatabaseFromTheFuture(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, Config{Dir: dir})
	write(t, s, func(tx *Tx) error {
		_, err := tx.exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, TRUE)`)
		return err
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(context.Background(), Config{Dir: dir}); err == nil {
		_ = s.Close()
		t.Error("a database with a newer schema is opened")
	}
}

func TestEphemeral_LeavesNothingHoweverItEnds(t *testing.T) {
	parent := t.TempDir()
	t.Setenv("TMPDIR", parent)
	s := opened(t, Config{Ephemeral: true})
	left := func(when string) {
		t.Helper()
		if names := globbed(t, parent); len(names) != 0 {
			t.Errorf("%s there is %v", when, names)
		}
	}
	if runtime.GOOS != "windows" {
		left("while it runs")
	}
	var group sync.WaitGroup
	for range 20 { // all connections are in use
		group.Go(func() {
			stage := aStage(t, s, here)
			read(t, s, func(tx *Tx) error {
				_, err := tx.Stages().Get(stage.ARN)
				return err
			})
		})
	}
	group.Wait()
	if err := s.Backup(context.Background(), filepath.Join(parent, "copy")); err == nil {
		t.Error("an ephemeral store was backed up")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	left("afterwards")
}
