package recorder

import (
	"bytes"
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rostrum/internal/hls"
)

// smallDisk is a folder with space for 256 kB.
func smallDisk(t *testing.T) string {
	disk := t.TempDir()
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("no small disk can be made here: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(disk, unix.MNT_DETACH) })
	return disk
}

func TestSpoolWriter_HoldsFilesWhileTheDiskIsFull(t *testing.T) {
	disk := smallDisk(t)
	budget := &memoryBudget{}
	w := &spoolWriter{spool: Spool(filepath.Join(disk, "spool")), budget: budget, log: slog.New(slog.DiscardHandler), ready: func() {}}
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
	w := &spoolWriter{spool: Spool(t.TempDir()), budget: &memoryBudget{}, ready: func() {}}
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

// Uploads make the space that the files about the end need.
func TestRecorder_UploadsFromAFullDisk(t *testing.T) {
	disk := smallDisk(t)
	into := &memoryBucket{files: map[string][]byte{}}
	r := newRecorder(t, into, new([]Update))
	r.config.Spool = Spool(disk)
	begins := time.Now()
	r.Start(begins)
	list := hls.Playlist{Target: 2 * time.Second, Segments: []hls.Segment{{Name: "0.mp4", Duration: 2 * time.Second, Init: "init-0.mp4", Begins: begins}}}
	if err := errors.Join(r.config.Spool.put(rendition+"0.mp4", make([]byte, 10_000)), r.config.Spool.put(rendition+"playlist.m3u8", list.Marshal())); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(r.config.Spool.path("filler.mp4"+incompleteSuffix), make([]byte, 1<<20), 0o600); !isDiskFull(err) {
		t.Fatal(err)
	}
	r.Finish(nil)
	if _, complete, err := r.upload(t.Context()); !isDiskFull(err) || complete {
		t.Errorf("complete %v: %v", complete, err)
	}
	if len(into.files["p/"+rendition+"0.mp4"]) != 10_000 {
		t.Error("the segment is not uploaded")
	}
	if _, complete, err := r.upload(t.Context()); err != nil || !complete {
		t.Errorf("with space on the disk: complete %v: %v", complete, err)
	}
	if ended, err := hls.Parse(into.files["p/"+rendition+"playlist.m3u8"]); err != nil || !ended.Ended || into.files["p/"+endedFile] == nil {
		t.Errorf("the playlist has ended %v: %v; the bucket has %v", ended.Ended, err, slices.Collect(maps.Keys(into.files)))
	}
}
