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
		ended    bool
		uploaded bool
	}{
		{"short, after a segment", 30_000, 2 * time.Second, false, true},
		{"short, at once again", 30_000, 100 * time.Millisecond, false, false},
		{"of a day, after a segment", 1_200_000, 2 * time.Second, false, false},
		{"of a day, after a minute", 1_200_000, time.Minute, false, true},
		{"of a day, at the end", 1_200_000, 2 * time.Second, true, true},
		{"after the clock was set back", 1_200_000, -time.Hour, false, true},
	} {
		s := Spool(t.TempDir())
		uploads := 0
		upload := func(ended bool) {
			t.Helper()
			if err := s.upload(ended, func(_ string, file io.ReadSeeker) error {
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
		upload(false)
		write(c.size+30, 0)
		upload(c.ended)
		if got := uploads == 2; got != c.uploaded || uploads == 0 {
			t.Errorf("%s: it is uploaded %d times", c.title, uploads)
		}
	}
}
