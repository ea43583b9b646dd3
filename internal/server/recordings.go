package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"rostrum/internal/admin"
	"rostrum/internal/bucket"
	"rostrum/internal/config"
	"rostrum/internal/recorder"
	"rostrum/internal/recording"
	"rostrum/internal/store"
	"rostrum/internal/web"
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

// playlistPath is where a recording has its playlist, below its prefix.
const playlistPath = "/" + recording.PlaylistName

// RecordingURL is the URL of a recording's playlist. Until it expires it opens all files
// of the recording, and no others.
func RecordingURL(ctx context.Context, st *store.Store, endpoint, bucket, prefix string, expires time.Time) (string, error) {
	links, err := openLinks(ctx, st)
	return endpoint + playlistAddress(links, bucket, prefix, expires), err
}

// playlistAddress is the path and the query of [RecordingURL].
func playlistAddress(links bucket.Links, bucket, prefix string, expires time.Time) string {
	return web.RecordingsPath + bucket + "/" + prefix + playlistPath + "?" + links.Sign(bucket, prefix, expires).Encode()
}

// FindRecording returns an error if a bucket has no recording at a prefix.
func FindRecording(ctx context.Context, s *config.Settings, name, prefix string) error {
	buckets, err := openBuckets(ctx, s)
	if err != nil {
		return err
	}
	b, err := buckets(string(s.Region), name)
	if err != nil {
		return err
	}
	playlist, err := b.Get(ctx, prefix+playlistPath)
	if errors.Is(err, bucket.ErrNoFile) || errors.Is(err, bucket.ErrNoBucket) {
		return fmt.Errorf("there is no recording %s/%s: rostrum recordings list shows all, and one exists once its state is ACTIVE", name, prefix)
	}
	if err != nil {
		return err
	}
	return playlist.Close()
}

// Close deletes the recordings of an ephemeral server.
func (r *recordingStorage) Close() error {
	if !r.temporary {
		return nil
	}
	return os.RemoveAll(r.folder)
}
