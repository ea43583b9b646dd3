package recorder

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/bucket"
	"rostrum/internal/durable"
	"rostrum/internal/event"
	"rostrum/internal/stage"
	"rostrum/internal/store"
	"rostrum/internal/worker"
	"rostrum/ivsrealtime"
)

// participantRendition is the only one of a participant's recording.
const participantRendition = "high"

// maxCheck is how long a recording waits for what its bucket says.
const maxCheck = time.Second

// An individual is the recording of one participant. Its goroutine owns it; the registry's lock
// guards wanted.
type individual struct {
	registry *Participants
	key      participantKey
	wanted   *stage.Publication // what is published now; nil while nothing is
	wake     chan struct{}
	updates  chan Update
	done     chan struct{} // closed when updates are not read any more

	began      time.Time          // in the second that its prefix has; zero before it has one
	seen       *stage.Publication // the last of wanted that this recording took note of
	now        *stage.Publication // that is being recorded
	settings   *ivsrealtime.AutoParticipantRecordingConfiguration
	thumbnails *thumbnails // nil without
	state      store.Recording
	left       []string // sessions where it is not stored yet that the recording left them
	folder     string   // of this machine, with the spool
	files      *spoolWriter
	recorder   *Recorder
	cancel     context.CancelFunc // ends the recorder
	uploaded   chan struct{}      // closed when the recorder has ended
	log        *slog.Logger

	videoRemark string       // what is missing of video that is transcoded
	startStored bool         // the event about the start is
	shown       atomic.Value // the ivsrealtime.RecordingState that was stored last, for Stats
}

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
	if !opened {
		r.release()
		if r.state.Failure != nil && r.storeEnd() { // it is stored, and has no spool
			_ = os.RemoveAll(r.folder) // or else that is done as one of a closed recording
		}
		return
	}
	failure := r.refusal()
	if failure == nil {
		failure = r.record(publication)
		r.files.discard()
	}
	r.finish(time.Now(), failure)
	r.release()
	r.awaitUpload()
}

// release lets the next recording of the participant begin, in another second: the prefix has no
// more.
func (r *individual) release() {
	if !r.began.IsZero() && !r.registry.isClosed() {
		time.Sleep(time.Second - time.Duration(r.began.Nanosecond()) - time.Since(r.began))
	}
	r.registry.release(r)
}

// refusal is why the bucket does not take the recording, if it says so at once.
func (r *individual) refusal() *event.Failure {
	ctx, cancel := context.WithTimeout(r.registry.ctx, maxCheck)
	defer cancel()
	if err := r.recorder.config.Bucket.Check(ctx); bucket.IsRefusal(err) {
		failure := failureOf(err)
		return &failure
	}
	return nil
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
	err := r.retry(p, func() (err error) {
		storage, err = r.readSettings(p)
		return err
	})
	if err != nil || storage == nil {
		return false, err
	}
	stageName, err := arn.Parse(p.StageARN)
	if err != nil {
		return false, err
	}
	r.began = time.Now().UTC()
	prefix := strings.Join([]string{stageName.ID, p.SessionID, p.ParticipantID, r.began.Format("2006-01-02T15-04-05Z")}, "/")
	r.state = store.Recording{
		ID: arn.NewID(), Node: r.registry.cfg.Node.ID(), StageARN: p.StageARN, SessionID: p.SessionID, LastSessionID: p.SessionID,
		ParticipantID: p.ParticipantID, Region: stageName.Region, Bucket: storage.S3.BucketName, Prefix: prefix,
		NoHLS:      !recordsMedia(r.settings),
		Sequential: r.storesThumbnails(ivsrealtime.ThumbnailSequential), Latest: r.storesThumbnails(ivsrealtime.ThumbnailLatest),
	}
	r.folder = r.registry.folder(r.state.ID)
	if err := r.create(); err != nil { // before the folder: one without a stored recording is removed
		return false, err
	}
	if err := r.openSpool(); err != nil {
		r.state.Ended, r.state.Failure = r.began, writeFailure(err)
		return false, err
	}
	return true, nil
}

// readSettings gets what the stage wants recorded: nil for nothing.
func (r *individual) readSettings(p *stage.Publication) (storage *ivsrealtime.StorageConfiguration, err error) {
	err = r.registry.cfg.Store.Read(r.registry.ctx, func(tx *store.Tx) error {
		doc, err := tx.Stages().Get(p.StageARN)
		if err != nil {
			return err
		}
		r.settings, storage = doc.AutoParticipantRecordingConfiguration, nil
		if !wants(r.settings, p) {
			return nil
		}
		storage, err = tx.Storages().Get(*r.settings.StorageConfigurationARN)
		return err
	})
	return storage, err
}

// wants reports whether a stage's configuration wants a publication recorded.
func wants(c *ivsrealtime.AutoParticipantRecordingConfiguration, p *stage.Publication) bool {
	return c != nil && *c.StorageConfigurationARN != "" && (recordsMedia(c) || wantsThumbnails(c)) &&
		(!p.Replica || *c.RecordParticipantReplicas)
}

func (r *individual) spool() Spool { return Spool(filepath.Join(r.folder, "files")) }

// openSpool makes the spool, and starts to upload what is written there.
func (r *individual) openSpool() error {
	if err := durable.MakeFolder(string(r.spool())); err != nil {
		return err
	}
	r.files = &spoolWriter{spool: r.spool(), budget: &r.registry.held, log: r.log}
	cfg := r.registry.cfg
	b, err := cfg.Buckets(r.state.Region, r.state.Bucket)
	if err != nil {
		return err
	}
	events := &uploadEvents{store: cfg.Store, log: r.log, subject: r.subject()}
	r.recorder = New(Config{
		Spool: r.spool(), Bucket: b, Prefix: r.state.Prefix, Started: r.state.Started,
		Metadata: Metadata{
			StageARN: r.state.StageARN, Session: r.state.SessionID, Participant: r.state.ParticipantID, Rendition: participantRendition,
			Sequential: r.state.Sequential, Latest: r.state.Latest, NoHLS: r.state.NoHLS,
		},
		RetryFor: cfg.UploadRetry, MaxBytes: cfg.MaxSpoolBytes, Log: r.log,
		Uploaded: r.registry.counters.addUpload,
		Notify: func(u Update) {
			events.update(r.registry.ctx, u, r.recorder.Pending())
			if u != Complete && u != Failed {
				return
			}
			select {
			case r.updates <- u:
			case <-r.done:
			}
		},
	})
	r.files.ready = r.recorder.Scan
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(r.registry.ctx)
	r.uploaded = make(chan struct{})
	go func() {
		defer close(r.uploaded)
		r.recorder.Run(ctx)
	}()
	return nil
}

// start says that the first frame is recorded.
func (r *individual) start(at time.Time) {
	r.state.Started = at
	r.recorder.Start(at)
	e := event.RecordingStarted(r.subject(), at)
	r.startStored = r.update(ivsrealtime.RecordingActive, &e)
}

// finish says that nothing more will be recorded.
func (r *individual) finish(at time.Time, failure *event.Failure) {
	r.state.Ended, r.state.Failure = at, failure
	r.state.Remark = r.remark()
	if !r.update(ivsrealtime.RecordingStopping, nil) {
		r.log.Warn("the end of a recording is not stored yet")
	}
	r.recorder.Remark(r.state.Remark)
	r.recorder.FinishAt(at, failure)
}

// remark says what is missing.
func (r *individual) remark() string {
	if r.thumbnails == nil {
		return r.videoRemark
	}
	return strings.TrimSpace(r.videoRemark + " " + r.thumbnails.remark())
}

// awaitUpload waits until all is in the bucket, or the recording has failed, and stores so. At
// the end of the process the spool stays for the next.
func (r *individual) awaitUpload() {
	defer func() {
		r.cancel()
		<-r.uploaded
	}()
	select {
	case <-r.updates:
	case <-r.registry.ctx.Done():
		return
	}
	if failure := r.recorder.Failure(); failure != nil && r.state.Failure == nil {
		r.state.Failure = failure
		r.update(ivsrealtime.RecordingStopping, nil)
	}
	r.cancel()
	<-r.uploaded
	if !r.storeEnd() {
		return
	}
	if err := os.RemoveAll(r.folder); err != nil {
		r.log.Warn("remove the spool", "error", err)
	}
}

func (r *individual) subject() event.Recording {
	return event.Recording{StageARN: r.state.StageARN, SessionID: r.state.LastSessionID, ParticipantID: r.state.ParticipantID, Bucket: r.state.Bucket, Prefix: r.state.Prefix}
}

// unrecordable is why a participant's VP8 is not recorded.
func unrecordable() *event.Failure {
	return &event.Failure{
		Code: ivsrealtime.ValidationFailed, Reason: "The participant publishes VP8 video, which is recorded as H.264: " + worker.ErrNoProgram.Error() + ". Install it, publish H.264, VP9 or AV1, or record AUDIO_ONLY.",
	}
}
