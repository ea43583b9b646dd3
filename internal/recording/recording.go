package recording

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"rostrum/internal/bucket"
)

// A Recording is a prefix of a bucket.
type Recording struct {
	Place  string // of the bucket, for people
	Prefix string // of all keys; empty if the bucket is one recording

	bucket bucket.Bucket
	files  map[string]int64 // sizes, by name below the prefix
}

// Name is the recording as people refer to it.
func (r *Recording) Name() string { return strings.TrimSuffix(r.Place+"/"+r.Prefix, "/") }

const (
	startedFile      = "events/recording-started.json"
	endedFile        = "events/recording-ended.json"
	failedFile       = "events/recording-failed.json"
	hlsFolder        = "media/hls"
	multivariantFile = hlsFolder + "/multivariant.m3u8"
)

// PlaylistName is the file of a recording that players open.
const PlaylistName = multivariantFile

// rootFiles are files that every recording has one of, and nothing else has.
var rootFiles = []string{startedFile, endedFile, failedFile, multivariantFile}

// Find returns the recordings of a bucket whose prefix is, or is below, a folder of it, in
// the order of their prefixes.
func Find(ctx context.Context, b bucket.Bucket, place, below string) ([]*Recording, error) {
	if below != "" {
		below = strings.TrimSuffix(below, "/") + "/"
	}
	sizes := map[string]int64{}
	found := map[string]*Recording{}
	err := b.List(ctx, below, "", func(f bucket.File) error {
		sizes[f.Key] = f.Size
		if prefix, ok := root(f.Key); ok && found[prefix] == nil {
			found[prefix] = &Recording{Place: place, Prefix: prefix, bucket: b, files: map[string]int64{}}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	all := make([]*Recording, 0, len(found))
	for _, r := range found {
		all = append(all, r)
	}
	for key, size := range sizes {
		for folder := path.Dir(key); ; folder = path.Dir(folder) {
			prefix := strings.TrimPrefix(folder, ".")
			if r := found[prefix]; r != nil {
				r.files[strings.TrimPrefix(strings.TrimPrefix(key, prefix), "/")] = size
			}
			if prefix == "" {
				break
			}
		}
	}
	slices.SortFunc(all, func(a, b *Recording) int { return strings.Compare(a.Prefix, b.Prefix) })
	return all, nil
}

// ErrTooLarge says that a recording has more files than asked for.
var ErrTooLarge = errors.New("the recording has too many files")

// Open returns the recording of a prefix with its files, of which there are at most limit.
func Open(ctx context.Context, b bucket.Bucket, place, prefix string, limit int) (*Recording, error) {
	r := &Recording{Place: place, Prefix: prefix, bucket: b, files: map[string]int64{}}
	err := b.List(ctx, prefix+"/", "", func(f bucket.File) error {
		if len(r.files) == limit {
			return ErrTooLarge
		}
		r.files[strings.TrimPrefix(f.Key, prefix+"/")] = f.Size
		return nil
	})
	return r, err
}

// HasMedia reports whether the recording has a playlist: one that failed to start has none.
func (r *Recording) HasMedia() bool {
	_, ok := r.files[multivariantFile]
	return ok
}

// root is the prefix of the recording that a file is one of rootFiles of.
func root(key string) (prefix string, ok bool) {
	for _, name := range rootFiles {
		if key == name {
			return "", true
		}
		if prefix, ok := strings.CutSuffix(key, "/"+name); ok {
			return prefix, true
		}
	}
	return "", false
}

const (
	maxMetadata = 1 << 20
	maxPlaylist = 64 << 20
	maxSegment  = 256 << 20
	maxImage    = 32 << 20
)

// errMissing says that the recording does not have a file.
var errMissing = errors.New("there is no such file")

// read reads a file of at most limit bytes.
func (r *Recording) read(ctx context.Context, name string, limit int64) ([]byte, error) {
	size, ok := r.files[name]
	if !ok {
		return nil, errMissing
	}
	if size > limit {
		return nil, fmt.Errorf("it has %d bytes, and may have %d", size, limit)
	}
	return readFile(ctx, r.bucket, path.Join(r.Prefix, name), limit)
}

// readFile reads a file of a bucket of at most limit bytes.
func readFile(ctx context.Context, b bucket.Bucket, key string, limit int64) ([]byte, error) {
	file, err := b.Get(ctx, key)
	if errors.Is(err, bucket.ErrNoFile) {
		return nil, errMissing
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(data)) > limit {
		return nil, fmt.Errorf("it has more than %d bytes", limit)
	}
	return data, err
}

// Files are the recording's files, by name below its prefix, in the order of their names.
func (r *Recording) Files() []File {
	all := make([]File, 0, len(r.files))
	for name, size := range r.files {
		all = append(all, File{name, size})
	}
	slices.SortFunc(all, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// A File is one of a recording.
type File struct {
	Name string `json:"name"` // below the prefix
	Size int64  `json:"size"`
}
