package composition

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"rostrum/internal/bucket"
	"rostrum/internal/event"
	"rostrum/ivsrealtime"
)

// A recording brings what a worker writes into a bucket, and tells how that goes.
type recording struct {
	spool    spool
	bucket   bucket.Bucket
	patience time.Duration
	most     int64 // bytes that may wait
	news     func(recordingNews)
	log      *slog.Logger

	wake    chan struct{}
	lost    chan error    // why it can't go on, if it can't
	held    atomic.Int64  // bytes that wait
	putting atomic.Int64  // when the put under way began, Unix nanoseconds; 0 is none
	why     event.Failure // read after gaveUp

	noted bool // that it began is told among the files; of run

	mu    sync.Mutex // guards what follows
	meta  metadata
	final *ending // once the worker is done with it
}

// recordingNews is what became of a recording's way into its bucket.
type recordingNews int

const (
	through     recordingNews = iota // what there was got into the bucket
	interrupted                      // the bucket doesn't take it for now
	brought                          // the recording is complete in the bucket; the last news
	gaveUp                           // it will not be; the last news, failure tells why
)

// An ending is how a recording ended.
type ending struct {
	at      time.Time
	failure *event.Failure // nil: as it should
}

// retries of a bucket that doesn't answer, and what one file may take: after slowPut
// the destination counts as interrupted, after putWithin the file is tried again.
const (
	firstRetry = 500 * time.Millisecond
	lastRetry  = 15 * time.Second
	slowPut    = 10 * time.Second
	putWithin  = time.Minute
)

// measureEvery is how often what waits is measured while files are brought away.
const measureEvery = time.Second

// errSpoolFull says that a bucket didn't take files for so long that no more can wait.
var errSpoolFull = errors.New("as much as may wait for the bucket does")

// run brings files into the bucket until the recording is complete there, can't
// be, or ctx ends.
func (r *recording) run(ctx context.Context) {
	var since time.Time // nothing gets through
	retry := time.NewTimer(0)
	defer retry.Stop()
	for wait := firstRetry; ; {
		select {
		case <-r.wake:
		case <-retry.C:
		case err := <-r.lost:
			r.fail(ctx, err)
			return
		case <-ctx.Done():
			return
		}
		put, complete, err := r.bring(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && complete:
			r.news(brought)
			return
		case err == nil:
			if put || !since.IsZero() {
				r.news(through)
			}
			since, wait = time.Time{}, firstRetry
			continue
		case since.IsZero():
			since = time.Now()
			r.log.Warn("bring the recording into its bucket", "error", err)
			r.news(interrupted)
		}
		if hopeless(err) || time.Since(since) > r.patience {
			r.fail(ctx, err)
			return
		}
		retry.Reset(wait)
		wait = min(2*wait, lastRetry)
	}
}

func hopeless(err error) bool {
	return errors.Is(err, bucket.ErrNoBucket) || errors.Is(err, bucket.ErrDenied) || errors.Is(err, errSpoolFull)
}

// bring puts everything there is into the bucket, and the end of it once that is known.
func (r *recording) bring(ctx context.Context) (put, complete bool, err error) {
	meta, final := r.known()
	if final != nil && !meta.started.IsZero() { // what another node told last, where no worker went on with it
		if err := r.fetch(ctx); err != nil {
			return false, false, err
		}
	}
	if err := r.note(&meta, final); err != nil {
		return false, false, err
	}
	held, err := r.measure()
	if err != nil {
		return false, false, err
	}
	measured := time.Now()
	err = r.spool.empty(final != nil, func(name string, file io.ReadSeeker) error {
		if time.Since(measured) > measureEvery {
			if held, err = r.measure(); err != nil {
				return err
			}
			if measured = time.Now(); held > r.most {
				return errors.New("it takes files slower than they come")
			}
		}
		ctx, cancel := context.WithTimeout(ctx, putWithin)
		defer cancel()
		put = true
		r.putting.Store(time.Now().UnixNano())
		defer r.putting.Store(0)
		return r.bucket.Put(ctx, meta.prefix+"/"+name, file)
	})
	if err != nil {
		if held > r.most {
			err = fmt.Errorf("%w: %w", errSpoolFull, err)
		}
		return put, false, err
	}
	r.held.Store(0)
	return put, final != nil, nil
}

// note writes what is told of the recording's start, once, and of its end into the
// spool; a full disk may keep it from that for a while.
func (r *recording) note(meta *metadata, final *ending) error {
	if !meta.started.IsZero() && !r.noted {
		if err := meta.begin(r.spool); err != nil {
			return err
		}
		r.noted = true
	}
	if final == nil {
		return nil
	}
	return meta.end(r.spool, *final)
}

// measure looks how much waits.
func (r *recording) measure() (held int64, err error) {
	held, err = r.spool.size()
	if err == nil {
		r.held.Store(held)
	}
	return held, err
}

// stuck tells that the bucket is taking its time over a file.
func (r *recording) stuck() bool {
	began := r.putting.Load()
	return began != 0 && time.Since(time.Unix(0, began)) > slowPut
}

// fail gives the recording up: what waits is dropped, and the bucket is told if
// it can be.
func (r *recording) fail(ctx context.Context, err error) {
	why := failureOf(err)
	r.log.Error("recording failed", "error", err, "dropped", r.held.Load())
	r.finish(ending{at: time.Now(), failure: &why})
	r.tellFailure(ctx)
	r.why = why
	r.news(gaveUp)
	tick := time.NewTicker(dropEvery)
	defer tick.Stop()
	for { // the worker writes on until it is stopped
		if err := r.spool.remove(); err != nil {
			r.log.Warn("remove what waited for the bucket", "error", err)
		}
		r.held.Store(0)
		select {
		case <-r.wake:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// dropEvery is how often what a worker writes for a destination that has failed is
// removed.
const dropEvery = 5 * time.Second

// tellFailure makes of what got into the bucket a whole: a playlist that is over,
// and the file that tells why. It likely can't.
func (r *recording) tellFailure(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	meta, final := r.known()
	there, err := r.spool.told(meta.playlist())
	if err != nil {
		r.log.Warn("end the playlist in the bucket", "error", err)
	}
	if len(there.Segments) > 0 {
		there.Ended = true
		_ = r.bucket.Put(ctx, meta.prefix+"/"+meta.playlist(), bytes.NewReader(there.Marshal()))
	}
	if data, err := meta.failed(*final, there.Duration()); err == nil {
		_ = r.bucket.Put(ctx, meta.prefix+"/"+failedFile, bytes.NewReader(data))
	}
}

// failureOf is an error of a bucket in the words of the API's events.
func failureOf(err error) event.Failure {
	switch {
	case errors.Is(err, bucket.ErrNoBucket):
		return event.Failure{Code: ivsrealtime.ResourceNotFound, Reason: "Bucket not found. Check that the bucket exists."}
	case errors.Is(err, bucket.ErrDenied):
		return event.Failure{Code: ivsrealtime.AccessDenied, Reason: "Access to the bucket was denied. Check the bucket's policy."}
	}
	return event.Failure{Code: ivsrealtime.InternalServerError, Reason: "The bucket did not take the recording for too long. Check that it can be reached."}
}

var internalError = event.Failure{Code: ivsrealtime.InternalServerError, Reason: "Service internal error"}

func (r *recording) known() (metadata, *ending) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.meta, r.final
}

// nudge has the recording look into its spool.
func (r *recording) nudge() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// begin has the start of the recording told among its files.
func (r *recording) begin(at time.Time) {
	r.mu.Lock()
	r.meta.started = at
	r.mu.Unlock()
	r.nudge()
}

// abandon gives the recording up.
func (r *recording) abandon(why error) {
	select {
	case r.lost <- why:
	default: // it is given up already
	}
}

// finish ends the recording, once no worker writes to it any more.
func (r *recording) finish(e ending) {
	r.mu.Lock()
	if r.final == nil {
		r.final = &e
	}
	r.mu.Unlock()
	r.nudge()
}

// fetch makes the spool ready for a worker that goes on with a recording: its
// playlist is there, from an earlier worker or out of the bucket.
func (r *recording) fetch(ctx context.Context) error {
	meta, _ := r.known()
	name := meta.playlist()
	if _, err := os.Stat(r.spool.path(name)); err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	from, err := r.bucket.Get(ctx, meta.prefix+"/"+name)
	if errors.Is(err, bucket.ErrNoFile) {
		return nil // nothing was recorded yet
	}
	if err != nil {
		return err
	}
	defer from.Close()
	data, err := io.ReadAll(io.LimitReader(from, maxPlaylist))
	if err != nil {
		return fmt.Errorf("get %s: %w", name, err)
	}
	return r.spool.put(name, data)
}

// folderOf is where this node spools a destination's files. Those of the node that
// had it before are taken over, if it was of this machine. Older ones are removed:
// another node went on since, with a playlist that doesn't know them.
func folderOf(all, destination, node, former string) (spool, error) {
	own := filepath.Join(all, destination, node)
	others, err := os.ReadDir(filepath.Dir(own))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	for _, o := range others {
		at := filepath.Join(filepath.Dir(own), o.Name())
		switch o.Name() {
		case node:
		case former: // under its new name no worker of the past can reach it
			err = os.Rename(at, own)
		default:
			err = os.RemoveAll(at)
		}
		if err != nil {
			return "", err
		}
	}
	return spool(own), os.MkdirAll(own, 0o750)
}
