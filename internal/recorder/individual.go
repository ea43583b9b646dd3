package recorder

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/event"
	"rostrum/internal/hls"
	"rostrum/internal/media"
	"rostrum/internal/stage"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// participantRendition is the only one of a participant's recording.
const participantRendition = "high"

// An individual is the recording of one participant. Its goroutine owns it; the registry's lock
// guards wanted.
type individual struct {
	registry *Participants
	key      participantKey
	wanted   *stage.Publication // what is published now; nil while nothing is
	wake     chan struct{}
	updates  chan Update
	done     chan struct{} // closed when updates are not read any more

	seen     *stage.Publication // the last of wanted that this recording took note of
	now      *stage.Publication // that is being recorded
	settings *ivsrealtime.AutoParticipantRecordingConfiguration
	state    individualState
	folder   string
	recorder *Recorder
	cancel   context.CancelFunc // ends the recorder
	uploaded chan struct{}      // closed when the recorder has ended
	log      *slog.Logger
}

// individualState is what has to survive the process.
type individualState struct {
	StageARN      string    `json:"stageArn"`
	SessionID     string    `json:"sessionId"`
	ParticipantID string    `json:"participantId"`
	Region        string    `json:"region"`
	Bucket        string    `json:"bucket"`
	Prefix        string    `json:"prefix"`
	Started       time.Time `json:"started,omitzero"`
}

const stateFile = "recording.json"

func (r *individual) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// run records until the participant stopped, and the reconnect window is over.
func (r *individual) run() {
	defer close(r.done)
	publication := r.want()
	if publication == nil {
		r.registry.release(r)
		return
	}
	r.log = r.registry.cfg.Log.With("stage", publication.StageARN, "participant", publication.ParticipantID)
	opened, err := r.open(publication)
	if err != nil {
		r.log.Error("start to record a participant", "error", err)
	}
	if !opened || err != nil {
		r.registry.release(r)
		return
	}
	failure := r.record(publication)
	r.finish(time.Now(), failure)
	r.registry.release(r)
	r.awaitUpload()
}

func (r *individual) want() *stage.Publication {
	r.registry.mu.Lock()
	defer r.registry.mu.Unlock()
	r.seen = r.wanted
	return r.wanted
}

// open prepares a recording. It returns false if the stage wants none.
func (r *individual) open(p *stage.Publication) (bool, error) {
	var storage *ivsrealtime.StorageConfiguration
	err := r.registry.cfg.Store.Read(r.registry.ctx, func(tx *store.Tx) error {
		doc, err := tx.Stages().Get(p.StageARN)
		if err != nil {
			return err
		}
		r.settings = doc.AutoParticipantRecordingConfiguration
		if !wants(r.settings, p) {
			storage = nil
			return nil
		}
		storage, err = tx.Storages().Get(*r.settings.StorageConfigurationARN)
		return err
	})
	if err != nil || storage == nil {
		return false, err
	}
	stageName, err := arn.Parse(p.StageARN)
	if err != nil {
		return false, err
	}
	now := time.Now().UTC()
	prefix := strings.Join([]string{stageName.ID, p.SessionID, p.ParticipantID, now.Format("2006-01-02T15-04-05Z")}, "/")
	r.state = individualState{p.StageARN, p.SessionID, p.ParticipantID, stageName.Region, storage.S3.BucketName, prefix, time.Time{}}
	r.folder = filepath.Join(r.registry.cfg.Spool, r.registry.cfg.Node.ID(), arn.NewID())
	if err := r.openSpool(); err != nil {
		return false, err
	}
	r.write(ivsrealtime.RecordingStarting, nil)
	return true, nil
}

// wants reports whether a stage's configuration wants a publication recorded. Thumbnails alone,
// which NONE means, are not made.
func wants(c *ivsrealtime.AutoParticipantRecordingConfiguration, p *stage.Publication) bool {
	return c != nil && *c.StorageConfigurationARN != "" && c.MediaTypes[0] != ivsrealtime.RecordNone &&
		(!p.Replica || *c.RecordParticipantReplicas)
}

func (r *individual) spool() Spool { return Spool(filepath.Join(r.folder, "files")) }

// openSpool makes the spool, and starts to upload what is written there.
func (r *individual) openSpool() error {
	if err := os.MkdirAll(string(r.spool()), 0o750); err != nil {
		return err
	}
	if err := r.save(); err != nil {
		return err
	}
	cfg := r.registry.cfg
	b, err := cfg.Buckets(r.state.Region, r.state.Bucket)
	if err != nil {
		return err
	}
	r.recorder = New(Config{
		Spool: r.spool(), Bucket: b, Prefix: r.state.Prefix, Started: r.state.Started,
		Metadata: Metadata{StageARN: r.state.StageARN, Session: r.state.SessionID, Participant: r.state.ParticipantID, Rendition: participantRendition},
		RetryFor: cfg.UploadRetry, MaxBytes: cfg.MaxSpoolBytes, Log: r.log,
		Notify: func(u Update) {
			if u != Complete && u != Failed {
				return
			}
			select {
			case r.updates <- u:
			case <-r.done:
			}
		},
	})
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(r.registry.ctx)
	r.uploaded = make(chan struct{})
	go func() {
		defer close(r.uploaded)
		r.recorder.Run(ctx)
	}()
	return nil
}

func (r *individual) save() error {
	data, err := json.Marshal(r.state)
	if err != nil {
		return err
	}
	return Spool(r.folder).put(stateFile, data)
}

// load reads what another process was recording.
func (r *individual) load() error {
	data, err := os.ReadFile(filepath.Join(r.folder, stateFile))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &r.state); err != nil {
		return fmt.Errorf("read %s: %w", stateFile, err)
	}
	r.log = r.registry.cfg.Log.With("stage", r.state.StageARN, "participant", r.state.ParticipantID)
	return nil
}

// closeLeft ends a recording whose process did not.
func (r *individual) closeLeft() {
	defer close(r.done)
	ended := r.state.Started
	if info, err := os.Stat(r.spool().path(filepath.Join(hlsFolder, participantRendition, "playlist.m3u8"))); err == nil {
		ended = info.ModTime()
	}
	if err := r.openSpool(); err != nil {
		r.log.Error("continue the upload of a recording", "error", err)
		return
	}
	r.finish(ended, nil)
	r.awaitUpload()
}

// start says that the first frame is recorded.
func (r *individual) start(at time.Time) {
	r.state.Started = at
	if err := r.save(); err != nil {
		r.log.Error("store the state of a recording", "error", err)
	}
	r.recorder.Start(at)
	e := event.RecordingStarted(r.subject(), at)
	r.write(ivsrealtime.RecordingActive, &e)
}

func (r *individual) finish(at time.Time, failure *event.Failure) {
	r.write(ivsrealtime.RecordingStopping, nil)
	r.recorder.FinishAt(at, failure)
}

// awaitUpload waits until all is in the bucket, or the recording has failed, and tells so. At
// the end of the process the spool stays for the next.
func (r *individual) awaitUpload() {
	defer r.cancel()
	select {
	case <-r.updates:
	case <-r.registry.ctx.Done():
		return
	}
	r.cancel()
	<-r.uploaded
	r.writeEnd()
	if err := os.RemoveAll(r.folder); err != nil {
		r.log.Warn("remove the spool", "error", err)
	}
}

func (r *individual) writeEnd() {
	now, started := time.Now(), !r.state.Started.IsZero()
	failure := r.recorder.Failure()
	if _, e := r.recorder.state(); failure == nil && e != nil {
		failure = e.failure
	}
	var e event.Event
	switch {
	case failure != nil && started:
		e = event.RecordingEndFailed(r.subject(), now, r.duration(), *failure)
	case failure != nil:
		e = event.RecordingStartFailed(r.subject(), now, *failure)
	case started:
		e = event.RecordingEnded(r.subject(), now, r.duration())
	}
	switch {
	case failure != nil:
		r.log.Error("a participant's recording failed", "reason", failure.Reason)
		r.write(ivsrealtime.RecordingFailed, &e)
	case started:
		r.write(ivsrealtime.RecordingStopped, &e)
	default:
		r.write(ivsrealtime.RecordingStopped, nil)
	}
}

// duration is that of what is in the playlist.
func (r *individual) duration() time.Duration {
	data, err := os.ReadFile(r.spool().path(filepath.Join(hlsFolder, participantRendition, "playlist.m3u8")))
	if err != nil {
		return 0
	}
	list, _ := hls.Parse(data)
	return list.Duration()
}

func (r *individual) subject() event.Recording {
	session := r.state.SessionID
	if r.now != nil {
		session = r.now.SessionID
	}
	return event.Recording{StageARN: r.state.StageARN, SessionID: session, ParticipantID: r.state.ParticipantID, Bucket: r.state.Bucket, Prefix: r.state.Prefix}
}

// unrecordable is why a participant's video is not recorded.
func unrecordable(c media.Codec) *event.Failure {
	return &event.Failure{Code: ivsrealtime.ValidationFailed, Reason: fmt.Sprintf("The participant publishes %s video, which is not recorded. Publish H.264, or record AUDIO_ONLY.", c)}
}
