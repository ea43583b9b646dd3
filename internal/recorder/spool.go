package recorder

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"rostrum/internal/durable"
	"rostrum/internal/hls"
)

// A Spool is a folder of files to upload, under the names that they will have in the
// bucket below the recording's prefix.
type Spool string

// OpenSpool makes the spool of a node for the output with an id, below root. The spool of
// the node that had the output before is taken over, if it was on this machine. Others
// are removed: another node has continued since, with a playlist that does not list them.
func OpenSpool(root, id, node, former string) (Spool, error) {
	own := filepath.Join(root, id, node)
	spools, err := os.ReadDir(filepath.Dir(own))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	for _, s := range spools {
		other := filepath.Join(filepath.Dir(own), s.Name())
		switch s.Name() {
		case node:
		case former: // renamed, so that no earlier worker writes to it any more
			err = os.Rename(other, own)
		default:
			err = os.RemoveAll(other)
		}
		if err != nil {
			return "", err
		}
	}
	return Spool(own), durable.MakeFolder(own)
}

// Remove removes the spool with all that waits, and the folder of its output.
func (s Spool) Remove() error { return os.RemoveAll(filepath.Dir(string(s))) }

// Suffixes of files in a spool that are not uploaded.
const (
	incompleteSuffix = durable.IncompleteSuffix // being written
	uploadedSuffix   = ".sent"                  // a copy of a playlist as it was uploaded last
)

// maxPlaylist bounds a playlist: 24 hours of segments of 2 s are 1.2 MB.
const maxPlaylist = 64 << 20

// playlistRate bounds the uploads of a playlist, in bytes a second: that of a day of 2 s segments
// has a megabyte, which each segment would upload again. Shorter ones than 64 kB, of more than
// an hour, are uploaded with each segment.
const playlistRate = 32_000

// A phase says what may still be written to a spool.
type phase int

const (
	writing phase = iota // files, at any time
	paused               // files, but not for now
	ended                // nothing
)

func (s Spool) path(name string) string { return filepath.Join(string(s), filepath.FromSlash(name)) }

// put adds a file. It is complete when it appears, and survives a power failure; names of media
// do with the playlist that follows them, in the same folder.
func (s Spool) put(name string, data []byte) error {
	file := s.path(name)
	err := durable.WriteFile(file, data)
	if err == nil && !strings.HasSuffix(name, ".mp4") {
		err = durable.SyncFolder(filepath.Dir(file))
	}
	return err
}

// A pendingFile is one to upload.
type pendingFile struct {
	name     string // with slashes
	modified time.Time
	playlist []byte // its content, read before other files were listed; nil for others
}

func (f pendingFile) rank() int {
	switch {
	case strings.HasPrefix(f.name, "events/"):
		return 2
	case f.playlist != nil:
		return 1
	}
	return 0
}

// list returns what is to be uploaded, in that order.
func (s Spool) list(p phase) ([]pendingFile, error) {
	playlists, err := s.changedPlaylists(p)
	if err != nil {
		return nil, err
	}
	all := playlists
	err = s.walk(func(name string, info fs.FileInfo) error {
		if !isPlaylist(name) {
			all = append(all, pendingFile{name: name, modified: info.ModTime()})
		}
		return nil
	})
	slices.SortStableFunc(all, func(a, b pendingFile) int {
		if a.rank() != b.rank() {
			return a.rank() - b.rank()
		}
		return a.modified.Compare(b.modified)
	})
	return all, err
}

func isPlaylist(name string) bool { return strings.HasSuffix(name, ".m3u8") }

func isInit(name string) bool { return strings.HasPrefix(path.Base(name), "init-") }

func isSegment(name string) bool { return strings.HasSuffix(name, ".mp4") && !isInit(name) }

// changedPlaylists reads the playlists that changed since their upload. The files that
// they name were written before them, so a listing that follows finds those. A worker
// ends its playlists whenever it exits; while the recording continues they are uploaded
// without that end, since players may follow them.
func (s Spool) changedPlaylists(p phase) (all []pendingFile, err error) {
	err = s.walk(func(name string, info fs.FileInfo) error {
		if !isPlaylist(name) || !s.isDue(name, info, p) {
			return nil
		}
		current, err := os.ReadFile(s.path(name))
		if err != nil {
			return err
		}
		if p != ended {
			current = hls.Unended(current)
		}
		uploaded, err := os.ReadFile(s.path(name) + uploadedSuffix)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !bytes.Equal(current, uploaded) {
			all = append(all, pendingFile{name: name, modified: info.ModTime(), playlist: current})
			return nil
		}
		return err
	})
	return all, err
}

// isDue reports whether a playlist may have to be uploaded: it was written since, and, while it is
// written, an upload of its size is due again.
func (s Spool) isDue(name string, info fs.FileInfo, p phase) bool {
	uploaded, err := os.Stat(s.path(name) + uploadedSuffix)
	if err != nil || p == ended {
		return true
	}
	if uploaded.ModTime().Equal(info.ModTime()) && uploaded.Size() == info.Size() { // it only grows
		return false
	}
	passed := time.Since(uploaded.ModTime())
	return p == paused || passed < 0 || passed >= time.Duration(info.Size())*time.Second/playlistRate
}

// walk calls visit for each complete file.
func (s Spool) walk(visit func(name string, info fs.FileInfo) error) error {
	return filepath.WalkDir(string(s), func(file string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed meanwhile, or nothing was written yet
		}
		if err != nil || d.IsDir() || strings.HasSuffix(file, incompleteSuffix) || strings.HasSuffix(file, uploadedSuffix) {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		name, err := filepath.Rel(string(s), file)
		if err != nil {
			return err
		}
		return visit(filepath.ToSlash(name), info)
	})
}

// size is the bytes to upload, without playlists.
func (s Spool) size() (bytes int64, err error) {
	err = s.walk(func(name string, info fs.FileInfo) error {
		if !isPlaylist(name) {
			bytes += info.Size()
		}
		return nil
	})
	return bytes, err
}

// upload puts what is listed, until a put fails.
func (s Spool) upload(p phase, put func(name string, file io.ReadSeeker) error) error {
	all, err := s.list(p)
	if err != nil {
		return err
	}
	for _, f := range all {
		if f.playlist != nil {
			err = s.uploadPlaylist(f, put)
		} else {
			err = s.move(f, put)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// uploadPlaylist puts a playlist and keeps a copy of what was uploaded.
func (s Spool) uploadPlaylist(f pendingFile, put func(string, io.ReadSeeker) error) error {
	if err := put(f.name, bytes.NewReader(f.playlist)); err != nil {
		return err
	}
	uploaded := s.path(f.name) + uploadedSuffix
	if err := os.WriteFile(uploaded, f.playlist, 0o640); err != nil {
		return err
	}
	return os.Chtimes(uploaded, time.Time{}, f.modified) // as isDue compares
}

// uploaded is a playlist as it was uploaded last; an empty one if it never was.
func (s Spool) uploaded(name string) (hls.Playlist, error) {
	data, err := os.ReadFile(s.path(name) + uploadedSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return hls.Playlist{}, nil
	}
	if err != nil {
		return hls.Playlist{}, err
	}
	return hls.Parse(data)
}

// stored is a playlist of the segments that are in the bucket: those that it lists, less
// those that wait, or wait for their initialization section.
func (s Spool) stored(name string) (hls.Playlist, error) {
	data, err := os.ReadFile(s.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return s.uploaded(name)
	}
	if err != nil {
		return hls.Playlist{}, err
	}
	list, err := hls.Parse(data)
	if err != nil {
		return hls.Playlist{}, err
	}
	waits := func(file string) bool {
		_, err := os.Stat(s.path(path.Join(path.Dir(name), file)))
		return err == nil
	}
	all, missing := list.Segments, false
	list.Segments = nil
	for _, g := range all {
		if waits(g.Name) || waits(g.Init) {
			missing = true
			continue
		}
		g.Discontinuity = g.Discontinuity || missing && len(list.Segments) > 0
		list.Segments, missing = append(list.Segments, g), false
	}
	return list, nil
}

// move puts a file and removes it, unless it was replaced meanwhile.
func (s Spool) move(f pendingFile, put func(string, io.ReadSeeker) error) error {
	file, err := os.Open(s.path(f.name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	if err := put(f.name, file); err != nil {
		return err
	}
	if now, err := os.Stat(s.path(f.name)); err != nil || !now.ModTime().Equal(f.modified) {
		return nil
	}
	return os.Remove(s.path(f.name))
}

// isEmpty reports whether nothing waits of a recording that continues.
func (s Spool) isEmpty() bool {
	all, err := s.list(paused)
	return err == nil && len(all) == 0
}

// clear removes the files of a recording that has failed.
func (s Spool) clear() error { return os.RemoveAll(string(s)) }
