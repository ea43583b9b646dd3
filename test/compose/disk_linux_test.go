//go:build cgo

package compose

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"rostrum/ivsrealtime"
)

// smallDisk puts a file system of so many bytes in the place of a folder until the
// test ends.
func smallDisk(t *testing.T, folder string, size string) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", folder, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("no small disk can be made here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(folder, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// fill takes all of the disk that a folder is on; give gives it back.
func fill(t *testing.T, folder string) (give func()) {
	t.Helper()
	name := filepath.Join(folder, "filler")
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 4096)
	for err == nil {
		_, err = file.Write(block)
	}
	_ = file.Close() // the disk is full, which is what was wanted
	if err.(*os.PathError).Err != syscall.ENOSPC {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(name); err != nil {
			t.Error(err)
		}
	}
}

func TestComposition_OutlivesAFullDisk(t *testing.T) {
	beside(t)
	for whose, on := range map[string]string{"of the buckets": "buckets", "of the spool": "spool", "of all the data": "."} {
		t.Run(whose, func(t *testing.T) {
			beside(t)
			data := filepath.Join(t.TempDir(), "data")
			disk := filepath.Join(data, on)
			smallDisk(t, disk, "64m")
			s := openKeptIn(t, data)
			first, second := s.publish("--size", "640x360"), s.publish("--size", "640x360")
			arn, folder := s.start()
			s.awaitComposition(arn, "a segment", segment(folder, 0))
			worker := s.worker(t)
			give := fill(t, disk)
			if on == "." { // then what happens can't be kept either, and the state stays
				s.await("a worker and a server that find no place", func() bool {
					said := s.running.Output()
					return strings.Contains(said, "destination is interrupted") && strings.Contains(said, "store the composition's state")
				})
			} else {
				s.awaitComposition(arn, "RECONNECTING", destinationIs(ivsrealtime.DestinationReconnecting))
			}
			give()
			s.awaitComposition(arn, "ACTIVE again", composing)
			before, _ := filepath.Glob(filepath.Join(folder, "media/hls/720p30-*", "[0-9]*.mp4"))
			s.awaitComposition(arn, "more segments", segment(folder, len(before)+lastSegments))
			if now := s.worker(t); now != worker {
				t.Errorf("worker %d was replaced by %d", worker, now)
			}
			s.stop(arn)
			s.expectSound(folder)
			s.expectRecording(folder, first, second)
			if told := s.events(arn); told[0] != "Session Start" || told[len(told)-1] != "Session End" {
				t.Errorf("events are %q", told)
			}
		})
	}
}
