package recorder

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSpoolWriter_HoldsFilesWhileTheDiskIsFull(t *testing.T) {
	disk := t.TempDir()
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("no small disk can be made here: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(disk, unix.MNT_DETACH) })
	budget := &memoryBudget{}
	w := &spoolWriter{spool: Spool(filepath.Join(disk, "spool")), budget: budget, log: slog.New(slog.DiscardHandler)}
	put := func(name string, size int) error { return w.put(name, bytes.Repeat([]byte{1}, size)) }
	if err := put("0.mp4", 10_000); err != nil || len(w.held) != 0 {
		t.Fatalf("held are %d files, %v", len(w.held), err)
	}
	filler := filepath.Join(disk, "filler")
	if err := os.WriteFile(filler, make([]byte, 1<<20), 0o600); !isDiskFull(err) {
		t.Fatal(err)
	}
	for name, size := range map[string]int{"1.mp4": 10_000, "2.mp4": 20_000} {
		if err := put(name, size); err != nil {
			t.Fatal(err)
		}
	}
	for size := range 3 { // of a playlist, the newest is enough
		if err := put("playlist.m3u8", 100+size); err != nil {
			t.Fatal(err)
		}
	}
	if n := budget.used.Load(); n != 30_102 {
		t.Errorf("%d bytes are held, expected 30,102", n)
	}
	budget.used.Add(maxHeld)
	if err := put("3.mp4", 10_000); !isDiskFull(err) {
		t.Errorf("more than all recordings may hold: %v", err)
	}
	budget.used.Add(-maxHeld)
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if err := w.flush(); err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]int64{"0.mp4": 10_000, "1.mp4": 10_000, "2.mp4": 20_000, "playlist.m3u8": 102} {
		if info, err := os.Stat(w.spool.path(name)); err != nil || info.Size() != size {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if n := budget.used.Load(); n != 0 || len(w.held) != 0 {
		t.Errorf("%d files and %d bytes are still held", len(w.held), n)
	}
}

// A process that is killed before the first segment of a section leaves none of it.
func TestSpoolWriter_WritesASectionWithItsFirstSegment(t *testing.T) {
	w := &spoolWriter{spool: Spool(t.TempDir()), budget: &memoryBudget{}}
	exists := func(name string) bool {
		_, err := os.Stat(w.spool.path(name))
		return err == nil
	}
	for _, step := range []struct {
		name    string
		section bool // is there after it
	}{{"init-0.mp4", false}, {"playlist.m3u8", false}, {"0.mp4", true}} {
		if err := w.put(step.name, []byte{1}); err != nil {
			t.Fatal(err)
		}
		if exists("init-0.mp4") != step.section {
			t.Errorf("after %s the section exists %v", step.name, !step.section)
		}
	}
}
