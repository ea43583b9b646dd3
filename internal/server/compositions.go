package server

import (
	"context"
	"crypto/rand"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"time"

	"rostrum/internal/authority"
	"rostrum/internal/bucket"
	"rostrum/internal/channel"
	"rostrum/internal/composition"
	"rostrum/internal/config"
	"rostrum/internal/node"
	"rostrum/internal/store"
	"rostrum/internal/web"
	"rostrum/internal/worker"
)

// tapes is where recordings rest, and wait to get there.
type recordingStorage struct {
	folder    string // of all that is on this machine
	temporary bool
	buckets   bucket.Buckets
	links     bucket.Links
}

// openTapes finds the buckets: folders in the data folder, or S3.
func openRecordingStorage(ctx context.Context, s *config.Settings, st *store.Store) (*recordingStorage, error) {
	t := &recordingStorage{folder: s.DataDir}
	if s.Ephemeral { // it is made with the first recording
		t.folder, t.temporary = filepath.Join(os.TempDir(), "rostrum-ephemeral-"+rand.Text()), true
	}
	var err error
	if t.links, err = openLinks(ctx, st); err != nil {
		return nil, err
	}
	t.buckets = bucket.Folders(filepath.Join(t.folder, "buckets"))
	if s.S3Endpoint != "" {
		t.buckets, err = bucket.NewS3(ctx, string(s.S3Endpoint))
	}
	return t, err
}

// openLinks makes signed links with the key that all nodes share.
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

// Close leaves nothing of what was not to be kept.
func (t *recordingStorage) Close() error {
	if !t.temporary {
		return nil
	}
	return os.RemoveAll(t.folder)
}

func openCompositions(s *config.Settings, st *store.Store, a *authority.Authority, n *node.Node, t *recordingStorage, channels *channel.Registry, log *slog.Logger) (*composition.Registry, error) {
	spool, err := filepath.Abs(filepath.Join(t.folder, "spool"))
	if err != nil {
		return nil, err
	}
	idle := s.Limits.CompositionIdle
	if idle == 0 { // no limit
		idle = math.MaxInt64
	}
	return composition.NewRegistry(composition.Parts{
		Store: st, Authority: a, Buckets: t.buckets, Channels: channels, Node: n, Spool: spool,
	}, composition.Config{
		Program: worker.FindProgram(), IdleTimeout: idle, MaxDuration: s.Limits.CompositionDuration,
		UploadRetry: s.SpoolAge, MaxSpoolBytes: s.SpoolBytes, Log: log,
	}), nil
}
