package recorder

import (
	"bytes"
	"io"
	"os"
	"testing"
	"time"
)

// A playlist of a day is uploaded seldom, but at the end, and one of an hour with each segment.
func TestSpool_BoundsUploadsOfALongPlaylist(t *testing.T) {
	const name = "media/hls/high/playlist.m3u8"
	for _, c := range []struct {
		title    string
		size     int
		age      time.Duration // of what was uploaded
		phase    phase
		uploaded bool
	}{
		{"short, after a segment", 30_000, 2 * time.Second, writing, true},
		{"short, at once again", 30_000, 100 * time.Millisecond, writing, false},
		{"of a day, after a segment", 1_200_000, 2 * time.Second, writing, false},
		{"of a day, after a minute", 1_200_000, time.Minute, writing, true},
		{"of a day, at the end", 1_200_000, 2 * time.Second, ended, true},
		{"after the clock was set back", 1_200_000, -time.Hour, writing, true},
		{"of a day, once nothing is written", 1_200_000, 2 * time.Second, paused, true},
	} {
		s := Spool(t.TempDir())
		uploads := 0
		upload := func(p phase) {
			t.Helper()
			if err := s.upload(p, func(_ string, file io.ReadSeeker) error {
				uploads++
				_, err := io.Copy(io.Discard, file)
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		write := func(size int, age time.Duration) {
			t.Helper()
			if err := s.put(name, bytes.Repeat([]byte{'#'}, size)); err != nil {
				t.Fatal(err)
			}
			at := time.Now().Add(-age)
			if err := os.Chtimes(s.path(name), at, at); err != nil {
				t.Fatal(err)
			}
		}
		write(c.size, c.age)
		upload(writing)
		write(c.size+30, 0)
		if s.isEmpty() {
			t.Errorf("%s: the spool is empty", c.title)
		}
		upload(c.phase)
		if got := uploads == 2; got != c.uploaded || uploads == 0 {
			t.Errorf("%s: it is uploaded %d times", c.title, uploads)
		}
	}
}
