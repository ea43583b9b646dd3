package event

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// lines reads the ids of the events in files, in order.
func lines(t *testing.T, paths ...string) (ids []string) {
	t.Helper()
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		for s := bufio.NewScanner(f); s.Scan(); {
			var e struct{ ID string }
			if err := json.Unmarshal(s.Bytes(), &e); err != nil {
				t.Errorf("%s holds %q: %v", path, s.Text(), err)
			}
			ids = append(ids, e.ID)
		}
		_ = f.Close()
	}
	return ids
}

func TestFile_RotatesBySizeAndKeepsSoMany(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	f, err := newFile(File{Path: path, MaxBytes: 1000, Keep: 2})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for range 20 {
		e := aJoin()
		ids = append(ids, e.ID)
		if errs := f.Send(t.Context(), []Event{e}); errs[0] != nil {
			t.Fatal(errs[0])
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	seen := lines(t, path+".2", path+".1", path)
	expect(t, "the newest events", seen, ids[len(ids)-len(seen):])
	if _, err := os.Stat(path + ".3"); len(seen) < 5 || len(seen) == 20 || err == nil {
		t.Errorf("%d of 20 events are kept (a third file: %v), expected those of three files", len(seen), err)
	}
}

func TestFile_CutsOffALineThatACrashLeft(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	first, second := aJoin(), aJoin()
	text, _ := first.MarshalJSON()
	if err := os.WriteFile(path, append(append(text, '\n'), text[:50]...), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := newFile(File{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if errs := f.Send(t.Context(), []Event{second}); errs[0] != nil {
		t.Fatal(errs[0])
	}
	expect(t, "the file", lines(t, path), []string{first.ID, second.ID})
}

func TestFile_GoesOnWhenItWasTakenAway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	f, err := newFile(File{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	first, second := aJoin(), aJoin()
	f.Send(t.Context(), []Event{first})
	if err := os.Rename(path, path+".mine"); err != nil {
		t.Fatal(err)
	}
	if errs := f.Send(t.Context(), []Event{second}); errs[0] != nil {
		t.Fatal(errs[0])
	}
	expect(t, "both files", lines(t, path+".mine", path), []string{first.ID, second.ID})
}
