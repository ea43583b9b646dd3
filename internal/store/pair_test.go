package store

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"rostrum/internal/arn"
	"rostrum/ivsrealtime"
)

// kept makes a directory with a stage in its database, and closes it.
func kept(t *testing.T) (dir, stageARN string) {
	t.Helper()
	dir, stageARN = t.TempDir(), newARN(arn.Stage, here)
	s := opened(t, Config{Dir: dir})
	write(t, s, func(tx *Tx) error { return tx.Stages().Create(&ivsrealtime.Stage{ARN: stageARN}) })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, stageARN
}

func expectStage(t *testing.T, dir, stageARN string) {
	t.Helper()
	s := opened(t, Config{Dir: dir})
	defer s.Close()
	read(t, s, func(tx *Tx) error {
		_, err := tx.Stages().Get(stageARN)
		if err != nil {
			t.Errorf("the stage is missing: %v", err)
		}
		return nil
	})
}

func copyFiles(t *testing.T, from, to string, names ...string) {
	t.Helper()
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(from, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func namesIn(t *testing.T, dir string) string {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range all {
		names = append(names, f.Name())
	}
	return strings.Join(names, " ")
}

func TestClose_LeavesEverythingInTheDatabaseFile(t *testing.T) {
	dir, stageARN := kept(t)
	if names := namesIn(t, dir); names != databaseFile+" "+keyFile {
		t.Errorf("the directory has %s, expected no log of the database", names)
	}
	copied := t.TempDir()
	copyFiles(t, dir, copied, databaseFile, keyFile)
	expectStage(t, copied, stageARN)
}

func TestClose_LeavesEverythingInTheDatabaseFileBesideATool(t *testing.T) {
	dir, stageARN := t.TempDir(), newARN(arn.Stage, here)
	s := opened(t, Config{Dir: dir, Exclusive: true})
	tool := opened(t, Config{Dir: dir})
	defer tool.Close()
	read(t, tool, func(tx *Tx) error { _, err := tx.LastCursor(); return err })
	write(t, s, func(tx *Tx) error { return tx.Stages().Create(&ivsrealtime.Stage{ARN: stageARN}) })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	copied := t.TempDir()
	copyFiles(t, dir, copied, databaseFile, keyFile)
	expectStage(t, copied, stageARN)
}

func TestOpen_RefusesADirectoryThatHasLostAPart(t *testing.T) {
	remove := func(names ...string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			for _, name := range names {
				if err := os.Remove(filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for name, c := range map[string]struct {
		change   func(*testing.T, string)
		expected []string
	}{
		"no database": {remove(databaseFile), []string{"rostrum.db is missing or empty", "start on a backup", "move secret.key away"}},
		"an empty database": {func(t *testing.T, dir string) {
			if err := os.Truncate(filepath.Join(dir, databaseFile), 0); err != nil {
				t.Fatal(err)
			}
		}, []string{"rostrum.db is missing or empty", "start on a backup"}},
		"a database without tables": {func(t *testing.T, dir string) { // as a copy without the log was
			remove(databaseFile)(t, dir)
			execute(t, dir, `PRAGMA journal_mode = WAL; PRAGMA user_version = 1`)
		}, []string{"rostrum.db is missing or empty", "-wal"}},
		"a database of another program": {func(t *testing.T, dir string) {
			remove(databaseFile)(t, dir)
			execute(t, dir, `CREATE TABLE note (text TEXT)`)
		}, []string{"rostrum.db is a database of another program"}},
		"no key": {remove(keyFile), []string{"no secret.key", "start on a backup", "move the database away"}},
		"the key of another": {func(t *testing.T, dir string) {
			other, _ := kept(t)
			copyFiles(t, other, dir, keyFile)
		}, []string{"secret.key does not belong to the database", "a backup has both"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir, _ := kept(t)
			c.change(t, dir)
			before := namesIn(t, dir)
			s, err := Open(t.Context(), Config{Dir: dir})
			if err == nil {
				_ = s.Close()
				t.Fatal("it opens")
			}
			for _, part := range c.expected {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("expected %q in %v", part, err)
				}
			}
			if after := namesIn(t, dir); after != before {
				t.Errorf("the directory had %s, and has %s", before, after)
			}
		})
	}
}

// execute runs statements on a directory's database, with nothing of ours around them.
func execute(t *testing.T, dir, statements string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, databaseFile))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statements); err != nil {
		t.Fatal(err)
	}
}

func TestOpen_GoesOnWithAnInterruptedFirstStart(t *testing.T) {
	for name, interrupt := range map[string]func(*testing.T, string){
		"before the database":              func(t *testing.T, dir string) { _ = os.Remove(filepath.Join(dir, databaseFile)) },
		"before the database knew the key": func(t *testing.T, dir string) { execute(t, dir, `DELETE FROM secret`) },
		"before the key had its name":      func(*testing.T, string) {},
	} {
		t.Run(name, func(t *testing.T) {
			dir, _ := kept(t)
			if err := os.Rename(filepath.Join(dir, keyFile), filepath.Join(dir, newKeyFile)); err != nil {
				t.Fatal(err)
			}
			key, err := os.ReadFile(filepath.Join(dir, newKeyFile))
			if err != nil {
				t.Fatal(err)
			}
			interrupt(t, dir)
			if err := opened(t, Config{Dir: dir}).Close(); err != nil {
				t.Fatal(err)
			}
			if again, err := os.ReadFile(filepath.Join(dir, keyFile)); err != nil || string(again) != string(key) {
				t.Errorf("the key is not the one of the first start: %v", err)
			}
			if names := namesIn(t, dir); names != databaseFile+" "+keyFile {
				t.Errorf("the directory has %s", names)
			}
		})
	}
}

func TestOpen_GivesOneKeyToAllThatStartAtOnce(t *testing.T) {
	dir := t.TempDir()
	stores := make([]*Store, 8)
	var group sync.WaitGroup
	for i := range stores {
		group.Go(func() {
			s, err := Open(t.Context(), Config{Dir: dir})
			if err != nil {
				t.Error(err)
				return
			}
			stores[i] = s
		})
	}
	group.Wait()
	for _, s := range stores {
		if s == nil {
			continue
		}
		if string(s.vault.key) != string(stores[0].vault.key) {
			t.Error("there are two keys")
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if names := namesIn(t, dir); names != databaseFile+" "+keyFile {
		t.Errorf("the directory has %s", names)
	}
}

func TestStore_NamesADamagedDatabaseAndTheBackup(t *testing.T) {
	const page = 4096
	for name, damage := range map[string]func(content []byte) []byte{
		"its header is overwritten": func(b []byte) []byte { copy(b, "what stands here is no database"); return b },
		"it is cut":                 func(b []byte) []byte { return b[:2*page] },
		"its pages are overwritten": func(b []byte) []byte {
			for i := page; i < len(b); i++ {
				b[i] = 0xa5
			}
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, stageARN := kept(t)
			path := filepath.Join(dir, databaseFile)
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, damage(content), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := Open(t.Context(), Config{Dir: dir})
			if err == nil {
				err = s.Read(t.Context(), func(tx *Tx) error { _, err := tx.Stages().Get(stageARN); return err })
				_ = s.Close()
			}
			if err == nil || !strings.Contains(err.Error(), path+" is damaged") || !strings.Contains(err.Error(), "rostrum backup") {
				t.Errorf("got %v", err)
			}
		})
	}
}
