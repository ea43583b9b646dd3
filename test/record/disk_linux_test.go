package record

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"rostrum/internal/hls"
	"rostrum/ivsrealtime"
)

// A full disk of the spool or of the bucket is a state: what is recorded meanwhile waits.
func TestRecording_GoesOnAfterAFullDisk(t *testing.T) {
	t.Parallel()
	for folder, sign := range map[string]string{"participant-spool": "the recording waits in memory", "buckets": "upload the recording"} {
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			s := &studio{t: t, binary: binary, data: filepath.Join(t.TempDir(), "data")}
			disk := filepath.Join(s.data, folder)
			if err := os.MkdirAll(disk, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=32m"); err != nil {
				t.Skipf("no small disk can be made here: %v", err)
			}
			t.Cleanup(func() { _ = unix.Unmount(disk, unix.MNT_DETACH) })
			s.begin()
			s.createStage("recordings", configuration())
			token, id := s.token()
			stop := s.publish(token)
			p := s.await(id, ivsrealtime.RecordingActive)
			s.awaitFile(p, "media/hls/high/0.mp4")
			filler := filepath.Join(disk, "filler")
			fillDisk(t, filler)
			s.eventually("the disk is full", func() bool { return strings.Contains(s.running.Output(), sign) })
			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
			list, err := hls.Parse(readFile(t, filepath.Join(s.folder(p), "media/hls/high/playlist.m3u8")))
			if err != nil {
				t.Fatal(err)
			}
			s.eventually("three more segments", func() bool {
				now, err := hls.Parse(readFile(t, filepath.Join(s.folder(p), "media/hls/high/playlist.m3u8")))
				return err == nil && len(now.Segments) >= len(list.Segments)+3
			})
			stop()
			list = s.expectComplete(s.await(id, ivsrealtime.RecordingStopped))
			for _, g := range list.Segments[1:] {
				if g.Discontinuity {
					t.Errorf("something is missing before %s", g.Name)
				}
			}
			s.expectPlayable(p)
			s.verify()
		})
	}
}

// fillDisk takes all the space that a file system has left.
func fillDisk(t *testing.T, name string) {
	t.Helper()
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for block := make([]byte, 4096); err == nil; {
		_, err = file.Write(block)
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
}
