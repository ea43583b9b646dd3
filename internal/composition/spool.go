package composition

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"rostrum/internal/hls"
)

// A spool is a folder of files on their way into a bucket, under the names they
// will have there. Media go first and are removed; playlists follow, so that they
// name only what is there, and stay; events/ comes last.
type spool string

// growing ends the name of a file that isn't complete yet (rostrum-media).
const growing = ".new"

// sent ends the name of a note of what a playlist contained when it was put last.
const sent = ".sent"

// maxPlaylist bounds a playlist: 24 hours of segments of 2 s are 4 MB.
const maxPlaylist = 64 << 20

func (s spool) path(name string) string { return filepath.Join(string(s), filepath.FromSlash(name)) }

// put adds a file; it appears whole.
func (s spool) put(name string, data []byte) error {
	at := s.path(name)
	if err := os.MkdirAll(filepath.Dir(at), 0o750); err != nil {
		return err
	}
	if err := os.WriteFile(at+growing, data, 0o640); err != nil {
		return err
	}
	return os.Rename(at+growing, at)
}

// A waiting file is one that is to be put into the bucket.
type waiting struct {
	name     string // with slashes
	written  time.Time
	size     int64
	playlist []byte // as it was before the others were looked for
}

func (w waiting) rank() int {
	switch {
	case strings.HasPrefix(w.name, "events/"):
		return 2
	case w.playlist != nil:
		return 1
	}
	return 0
}

// list names what waits, in the order in which it is to go; over tells that nothing
// will come after it.
func (s spool) list(over bool) ([]waiting, error) {
	playlists, err := s.playlists(over)
	if err != nil {
		return nil, err
	}
	all := playlists
	err = s.walk(func(name string, info fs.FileInfo) error {
		if !isPlaylist(name) {
			all = append(all, waiting{name: name, written: info.ModTime(), size: info.Size()})
		}
		return nil
	})
	slices.SortStableFunc(all, func(a, b waiting) int {
		if a.rank() != b.rank() {
			return a.rank() - b.rank()
		}
		return a.written.Compare(b.written)
	})
	return all, err
}

func isPlaylist(name string) bool { return strings.HasSuffix(name, ".m3u8") }

// playlists reads the playlists that changed since they were put. What they name
// was written before them, so whoever lists the rest afterwards finds it. A worker ends
// its playlists whenever it ends; those of a recording that another goes on with, which
// players may be following, aren't told to have ended.
func (s spool) playlists(over bool) (all []waiting, err error) {
	err = s.walk(func(name string, info fs.FileInfo) error {
		if !isPlaylist(name) {
			return nil
		}
		now, err := os.ReadFile(s.path(name))
		if err != nil {
			return err
		}
		if !over {
			now = hls.Unended(now)
		}
		was, err := os.ReadFile(s.path(name) + sent)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !bytes.Equal(now, was) {
			all = append(all, waiting{name: name, written: info.ModTime(), size: info.Size(), playlist: now})
			return nil
		}
		return err
	})
	return all, err
}

// walk calls see for each file that is complete.
func (s spool) walk(see func(name string, info fs.FileInfo) error) error {
	return filepath.WalkDir(string(s), func(at string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // gone meanwhile, or nothing was written yet
		}
		if err != nil || d.IsDir() || strings.HasSuffix(at, growing) || strings.HasSuffix(at, sent) {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		name, err := filepath.Rel(string(s), at)
		if err != nil {
			return err
		}
		return see(filepath.ToSlash(name), info)
	})
}

// size is how many bytes wait, playlists left out.
func (s spool) size() (n int64, err error) {
	err = s.walk(func(name string, info fs.FileInfo) error {
		if !isPlaylist(name) {
			n += info.Size()
		}
		return nil
	})
	return n, err
}

// empty puts what waits, until a put fails; over is as of list.
func (s spool) empty(over bool, put func(name string, file io.ReadSeeker) error) error {
	all, err := s.list(over)
	if err != nil {
		return err
	}
	for _, w := range all {
		if w.playlist != nil {
			err = s.tell(w, put)
		} else {
			err = s.move(w, put)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// tell puts a playlist and notes what it said.
func (s spool) tell(w waiting, put func(string, io.ReadSeeker) error) error {
	if err := put(w.name, bytes.NewReader(w.playlist)); err != nil {
		return err
	}
	return os.WriteFile(s.path(w.name)+sent, w.playlist, 0o640)
}

// told is a playlist as it was put last; an empty one if it never was.
func (s spool) told(name string) (hls.Playlist, error) {
	was, err := os.ReadFile(s.path(name) + sent)
	if errors.Is(err, fs.ErrNotExist) {
		return hls.Playlist{}, nil
	}
	if err != nil {
		return hls.Playlist{}, err
	}
	return hls.Parse(was)
}

// move puts a file and removes it, unless it was written anew meanwhile.
func (s spool) move(w waiting, put func(string, io.ReadSeeker) error) error {
	file, err := os.Open(s.path(w.name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	if err := put(w.name, file); err != nil {
		return err
	}
	if now, err := os.Stat(s.path(w.name)); err != nil || !now.ModTime().Equal(w.written) {
		return nil
	}
	return os.Remove(s.path(w.name))
}

// isEmpty tells that nothing waits of a recording that goes on.
func (s spool) isEmpty() bool {
	all, err := s.list(false)
	return err == nil && len(all) == 0
}

// remove drops everything.
func (s spool) remove() error { return os.RemoveAll(string(s)) }
