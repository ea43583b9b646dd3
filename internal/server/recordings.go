package server

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"

	"rostrum/internal/admin"
	"rostrum/internal/bucket"
	"rostrum/internal/config"
	"rostrum/internal/recorder"
	"rostrum/internal/store"
	"rostrum/internal/worker"
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

// spool is a folder for recordings that wait for upload.
func (r *recordingStorage) spool(name string) (string, error) {
	return filepath.Abs(filepath.Join(r.folder, name))
}

// newParticipantRecorder makes the recorder of participants.
func newParticipantRecorder(b *base, st *store.Store, r *runtime, thumbnailer, transcoder *worker.Streams) (*recorder.Participants, error) {
	spool, err := r.recordings.spool("participant-spool")
	if err != nil {
		return nil, err
	}
	p := recorder.NewParticipants(recorder.ParticipantsConfig{
		Store: st, Buckets: r.recordings.buckets, Node: r.node, Spool: spool,
		UploadRetry: b.settings.SpoolAge, MaxSpoolBytes: b.settings.SpoolBytes, Thumbnailer: thumbnailer, Transcoder: transcoder, Log: b.log, Panics: b.panics,
	})
	b.metrics.MustRegister(admin.Recordings(p.Stats))
	return p, nil
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

// Close deletes the recordings of an ephemeral server.
func (r *recordingStorage) Close() error {
	if !r.temporary {
		return nil
	}
	return os.RemoveAll(r.folder)
}
