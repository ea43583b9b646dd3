package recorder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"rostrum/internal/bucket"
	"rostrum/internal/event"
)

// A Config describes one recording.
type Config struct {
	Spool    Spool
	Bucket   bucket.Bucket
	Prefix   string // of all keys
	Metadata Metadata
	Started  time.Time                     // of a recording that continues; zero for one that did not start
	RetryFor time.Duration                 // how long uploads may fail before the recording does
	MaxBytes int64                         // that may wait for the bucket
	Notify   func(Update)                  // called by Run
	Uploaded func(name string, size int64) // called by Run for each file; optional
	Log      *slog.Logger
}

// An Update says what became of a recording's uploads.
type Update int

const (
	Current     Update = iota // all there was is in the bucket
	Interrupted               // the bucket takes no file for now
	Complete                  // the recording ended and is in the bucket; the last update
	Failed                    // the recording failed, see Failure; the last update
)

// A Recorder uploads one recording. Run does the work; its other methods may be called
// by any goroutine.
type Recorder struct {
	config    Config
	wake      chan struct{}
	finished  chan struct{} // gets one when the recording ends
	abandoned chan struct{} // closed by abandon

	pending     atomic.Int64 // bytes that wait
	duration    atomic.Int64 // of the segments in the ended playlist, nanoseconds
	idle        atomic.Bool  // nothing is written for now
	uploadSince atomic.Int64 // when the current upload began, Unix nanoseconds; 0 without one
	startedKept bool         // the spool got startedFile; of Run
	accepted    bool         // the bucket took a file; of Run

	mu          sync.Mutex // guards what follows
	started     time.Time
	ending      *ending // set once no worker writes any more
	abandonment error   // why it was abandoned
	failure     *event.Failure
	remark      string    // for the file about the end
	notResumed  time.Time // since when Resume fails; zero while it does not
}

// An ending is when and how a recording ended.
type ending struct {
	time    time.Time
	failure *event.Failure // nil for success
	remark  string         // about a success
}

// New returns a recorder; Run starts its work.
func New(c Config) *Recorder {
	return &Recorder{config: c, started: c.Started, wake: make(chan struct{}, 1), finished: make(chan struct{}, 1), abandoned: make(chan struct{})}
}

const (
	firstRetry   = 500 * time.Millisecond
	maxRetry     = 15 * time.Second
	refusedFor   = time.Minute      // by a bucket that took files before, after which the recording fails
	slowUpload   = 10 * time.Second // of one file, after which the recording counts as interrupted
	maxUpload    = time.Minute      // of one file, after which it is tried again
	measureEvery = time.Second      // of the spool, while files are uploaded
	clearEvery   = 5 * time.Second  // of the spool, after a failure
	maxResume    = 10 * time.Second // of getting a playlist
	maxReport    = 5 * time.Second  // of reporting a failure in the bucket
)

// errSpoolFull says that the bucket did not take files for so long that no more may wait.
var errSpoolFull = errors.New("the spool is full")

// Run uploads until the recording is complete in the bucket, has failed, or ctx ends.
// After a failure it removes what is still written until ctx ends.
func (r *Recorder) Run(ctx context.Context) {
	var since, again time.Time // since when uploads fail, and when the next is tried; zero while they do not
	retry := time.NewTimer(0)
	defer retry.Stop()
	for wait := firstRetry; ; {
		select {
		case <-r.wake:
			if time.Now().Before(again) {
				continue
			}
		case <-r.finished: // a last one before the process ends
		case <-retry.C:
		case <-r.abandoned:
			r.fail(ctx, r.abandonedBecause())
			return
		case <-ctx.Done():
			return
		}
		uploaded, complete, err := r.upload(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && complete:
			r.config.Notify(Complete)
			return
		case err == nil:
			if uploaded || !since.IsZero() {
				r.config.Notify(Current)
			}
			since, again, wait = time.Time{}, time.Time{}, firstRetry
			continue
		case since.IsZero():
			since = time.Now()
			r.config.Log.Warn("upload the recording", "error", err)
			r.config.Notify(Interrupted)
		}
		if time.Since(since) >= r.retryFor(err) {
			r.fail(ctx, err)
			return
		}
		retry.Reset(wait)
		again = time.Now().Add(wait)
		wait = min(2*wait, maxRetry)
	}
}

// retryFor is how long an upload that failed is tried again. A bucket that took files before may
// refuse others while its credentials change.
func (r *Recorder) retryFor(err error) time.Duration {
	switch {
	case errors.Is(err, errSpoolFull), bucket.IsRefusal(err) && !r.accepted:
		return 0
	case bucket.IsRefusal(err):
		return min(refusedFor, r.config.RetryFor)
	}
	return r.config.RetryFor
}

// upload puts what is in the spool into the bucket, with the metadata that are due.
func (r *Recorder) upload(ctx context.Context) (uploaded, complete bool, err error) {
	started, ending := r.state()
	p := writing
	if r.idle.Load() {
		p = paused
	}
	written := r.complete(ctx, started, ending)
	if written != nil && !isDiskFull(written) { // uploads make space on the disk
		return false, false, written
	}
	if complete = ending != nil && written == nil; complete {
		p = ended
	}
	pending, err := r.measure()
	if err != nil {
		return false, false, err
	}
	measured := time.Now()
	err = r.config.Spool.upload(p, func(name string, file io.ReadSeeker) error {
		if time.Since(measured) > measureEvery {
			if pending, err = r.measure(); err != nil {
				return err
			}
			if measured = time.Now(); pending > r.config.MaxBytes {
				return errors.New("the bucket takes files more slowly than they are written")
			}
		}
		uploaded = true
		return r.put(ctx, name, file)
	})
	if err != nil {
		if pending > r.config.MaxBytes {
			err = fmt.Errorf("%w: %w", errSpoolFull, err)
		}
		return uploaded, false, err
	}
	r.pending.Store(0)
	return uploaded, complete, written
}

// complete puts into the spool what no worker does: the metadata, and at the end the playlist,
// if no worker of this node has fetched it.
func (r *Recorder) complete(ctx context.Context, started time.Time, e *ending) error {
	if e != nil && !started.IsZero() {
		if err := r.fetchPlaylist(ctx); err != nil {
			return err
		}
	}
	return r.writeMetadata(started, e)
}

// put uploads one file.
func (r *Recorder) put(ctx context.Context, name string, file io.ReadSeeker) error {
	ctx, cancel := context.WithTimeout(ctx, maxUpload)
	defer cancel()
	r.uploadSince.Store(time.Now().UnixNano())
	defer r.uploadSince.Store(0)
	size := sizeOf(file)
	err := r.config.Bucket.Put(ctx, r.key(name), file)
	r.accepted = r.accepted || err == nil
	if err == nil && r.config.Uploaded != nil {
		r.config.Uploaded(name, size)
	}
	return err
}

func (r *Recorder) key(name string) string { return r.config.Prefix + "/" + name }

// writeMetadata writes startedFile once, and the file about the end, into the spool.
func (r *Recorder) writeMetadata(started time.Time, e *ending) error {
	if !started.IsZero() && !r.startedKept {
		if err := r.config.Metadata.writeStarted(r.config.Spool, started); err != nil {
			return err
		}
		r.startedKept = true
	}
	if e == nil {
		return nil
	}
	duration, err := r.config.Metadata.writeEnded(r.config.Spool, started, *e)
	r.duration.Store(int64(duration))
	return err
}

// measure updates how many bytes wait.
func (r *Recorder) measure() (pending int64, err error) {
	pending, err = r.config.Spool.size()
	if err == nil {
		r.pending.Store(pending)
	}
	return pending, err
}

func (r *Recorder) state() (started time.Time, e *ending) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.started, r.ending
}

// Scan makes Run look into the spool.
func (r *Recorder) Scan() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// SetWriting says whether files are written, as a new recorder assumes. While none are, playlists
// are uploaded at once: another node may continue the recording with what the bucket has.
func (r *Recorder) SetWriting(writing bool) {
	r.idle.Store(!writing)
	r.Scan()
}

// Start says when the recording started.
func (r *Recorder) Start(at time.Time) {
	r.mu.Lock()
	r.started = at
	r.mu.Unlock()
	r.Scan()
}

// Remark says what is missing in a recording that does not fail. It is called before Finish.
func (r *Recorder) Remark(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.remark = text
}

// Finish ends the recording, with success if failure is nil. No worker may write to it
// any more. The first call decides.
func (r *Recorder) Finish(failure *event.Failure) { r.FinishAt(time.Now(), failure) }

// FinishAt is Finish for a recording that ended at a time.
func (r *Recorder) FinishAt(at time.Time, failure *event.Failure) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ending == nil {
		r.ending = &ending{at, failure, r.remark}
		r.finished <- struct{}{}
	}
}

// Resume gets the playlist that the next worker continues, from the spool or from the
// bucket. After an error it is called again, unless Failure says that the recording failed.
func (r *Recorder) Resume(ctx context.Context) error {
	err := r.fetchPlaylist(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.notResumed = time.Time{}
		return nil
	}
	if r.notResumed.IsZero() {
		r.notResumed = time.Now()
	}
	if r.failure == nil && (bucket.IsRefusal(err) || time.Since(r.notResumed) > r.config.RetryFor) {
		why := failureOf(err)
		r.failure, r.abandonment = &why, err
		close(r.abandoned)
	}
	return err
}

// fetchPlaylist makes sure that the spool has the playlist, if there is one.
func (r *Recorder) fetchPlaylist(ctx context.Context) error {
	if r.config.Metadata.NoHLS { // a bucket may deny to say that there is none
		return nil
	}
	name := r.config.Metadata.playlist()
	if _, err := os.Stat(r.config.Spool.path(name)); err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, maxResume)
	defer cancel()
	file, err := r.config.Bucket.Get(ctx, r.key(name))
	if errors.Is(err, bucket.ErrNoFile) {
		return nil // nothing was uploaded yet
	}
	if err != nil {
		return err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxPlaylist))
	if err != nil {
		return fmt.Errorf("get %s: %w", name, err)
	}
	return r.config.Spool.put(name, data)
}

func (r *Recorder) abandonedBecause() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.abandonment
}

// Failure is why the recording failed; nil while it did not.
func (r *Recorder) Failure() *event.Failure {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failure
}

// Stalled reports whether the current upload takes so long that the recording counts as
// interrupted.
func (r *Recorder) Stalled() bool {
	since := r.uploadSince.Load()
	return since != 0 && time.Since(time.Unix(0, since)) > slowUpload
}

// Duration is that of the segments that are in the bucket, once the recording has ended or failed.
func (r *Recorder) Duration() time.Duration { return time.Duration(r.duration.Load()) }

// Pending is how many bytes wait for the bucket.
func (r *Recorder) Pending() int64 { return r.pending.Load() }

// IsDrained reports whether all that was written so far is in the bucket.
func (r *Recorder) IsDrained() bool { return r.config.Spool.isEmpty() }
