package recording

import (
	"context"
	"encoding/json"
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
	err := b.List(ctx, below, func(f bucket.File) error {
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
	file, err := r.bucket.Get(ctx, path.Join(r.Prefix, name))
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

// A Description is what a recording's own files say of it.
type Description struct {
	Recording     string `json:"recording"` // bucket and prefix
	StageARN      string `json:"stageArn,omitempty"`
	SessionID     string `json:"sessionId,omitempty"`
	ParticipantID string `json:"participantId,omitempty"` // empty for a composition's
	Status        string `json:"status"`
	Message       string `json:"message,omitempty"`
	Started       string `json:"startedAt,omitempty"`
	Ended         string `json:"endedAt,omitempty"`
	DurationMS    int64  `json:"durationMs"`
	Files         int    `json:"files"`
	Bytes         int64  `json:"bytes"`
}

// Describe reads what the recording says of itself.
func (r *Recording) Describe(ctx context.Context) (Description, error) {
	d := Description{Recording: r.Name(), Files: len(r.files)}
	for _, size := range r.files {
		d.Bytes += size
	}
	for _, name := range []string{failedFile, endedFile, startedFile} {
		data, err := r.read(ctx, name, maxMetadata)
		if errors.Is(err, errMissing) {
			continue
		}
		var m metadata
		if err == nil {
			err = json.Unmarshal(data, &m)
		}
		if err != nil {
			return d, fmt.Errorf("%s/%s: %w", d.Recording, name, err)
		}
		d.StageARN, d.SessionID, d.ParticipantID = m.StageARN, m.SessionID, m.ParticipantID
		d.Status, d.Message, d.Started, d.Ended = m.Status, m.Message, m.StartedAt, m.EndedAt
		if m.Media.HLS != nil && m.Media.HLS.DurationMS != nil {
			d.DurationMS = *m.Media.HLS.DurationMS
		}
		break
	}
	return d, nil
}
