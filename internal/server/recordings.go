package server

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"time"

	"rostrum/internal/bucket"
	"rostrum/internal/config"
	"rostrum/internal/store"
	"rostrum/internal/web"
)

// recordingStorage is where recordings are stored, and wait for upload.
type recordingStorage struct {
	folder    string // of what is stored on this machine
	temporary bool
	buckets   bucket.Buckets
	links     bucket.Links
}

// openRecordingStorage opens the buckets: folders in the data folder, or S3.
func openRecordingStorage(ctx context.Context, s *config.Settings, st *store.Store) (*recordingStorage, error) {
	r := &recordingStorage{folder: s.DataDir}
	if s.Ephemeral { // created with the first recording
		r.folder, r.temporary = filepath.Join(os.TempDir(), "rostrum-ephemeral-"+rand.Text()), true
	}
	var err error
	if r.links, err = openLinks(ctx, st); err != nil {
		return nil, err
	}
	r.buckets = bucket.Folders(filepath.Join(r.folder, "buckets"))
	if s.S3Endpoint != "" {
		r.buckets, err = bucket.NewS3(ctx, string(s.S3Endpoint))
	}
	return r, err
}

// openLinks reads the key that all nodes share for signed links.
func openLinks(ctx context.Context, st *store.Store) (bucket.Links, error) {
	key, err := st.Secret(ctx, "bucket-link-key", func() ([]byte, error) {
		fresh := make([]byte, 32)
		_, _ = rand.Read(fresh) // never fails (crypto/rand)
		return fresh, nil
	})
	return bucket.NewLinks(key), err
}

// RecordingURL is the URL of a recording's playlist. Until it expires it opens all files
// of the recording, and no others.
func RecordingURL(ctx context.Context, st *store.Store, endpoint, bucket, prefix string, expires time.Time) (string, error) {
	links, err := openLinks(ctx, st)
	return endpoint + web.RecordingsPath + bucket + "/" + prefix + "/media/hls/multivariant.m3u8?" + links.Sign(bucket, prefix, expires).Encode(), err
}

// Close deletes the recordings of an ephemeral server.
func (r *recordingStorage) Close() error {
	if !r.temporary {
		return nil
	}
	return os.RemoveAll(r.folder)
}
