package recorder

import (
	"bytes"
	"context"
	"errors"
	"time"

	"rostrum/internal/bucket"
	"rostrum/internal/event"
	"rostrum/ivsrealtime"
)

// fail ends the recording with a failure, discards what waits, and goes on discarding what
// the worker writes until ctx ends.
func (r *Recorder) fail(ctx context.Context, err error) {
	why := failureOf(err)
	r.config.Log.Error("recording failed", "error", err, "discardedBytes", r.pending.Load())
	r.Finish(&why)
	r.mu.Lock()
	r.failure = &why
	r.mu.Unlock()
	r.reportFailure(ctx, why)
	r.config.Notify(Failed)
	tick := time.NewTicker(clearEvery)
	defer tick.Stop()
	for {
		if err := r.config.Spool.clear(); err != nil {
			r.config.Log.Warn("remove the spool of a failed recording", "error", err)
		}
		r.pending.Store(0)
		select {
		case <-r.wake:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// reportFailure ends the playlist in the bucket and puts failedFile beside it, if the
// bucket takes them.
func (r *Recorder) reportFailure(ctx context.Context, why event.Failure) {
	ctx, cancel := context.WithTimeout(ctx, maxReport)
	defer cancel()
	started, ending := r.state()
	meta := &r.config.Metadata
	list, err := r.config.Spool.stored(meta.playlist())
	if err != nil {
		r.config.Log.Warn("end the playlist in the bucket", "error", err)
	}
	if len(list.Segments) > 0 {
		list.Ended = true
		_ = r.config.Bucket.Put(ctx, r.key(meta.playlist()), bytes.NewReader(list.Marshal()))
	}
	r.duration.Store(int64(list.Duration()))
	if data, err := meta.failed(started, ending.time, list.Duration(), why); err == nil {
		_ = r.config.Bucket.Put(ctx, r.key(failedFile), bytes.NewReader(data))
	}
}

// failureOf is a bucket's error as the API's events describe it.
func failureOf(err error) event.Failure {
	switch {
	case errors.Is(err, bucket.ErrNoBucket):
		return event.Failure{Code: ivsrealtime.ResourceNotFound, Reason: "Bucket not found. Check that the bucket exists."}
	case errors.Is(err, bucket.ErrRegion):
		return event.Failure{Code: ivsrealtime.ResourceNotFound, Reason: "The bucket is in another region. Use one in the region of the stage."}
	case errors.Is(err, bucket.ErrDenied):
		return event.Failure{Code: ivsrealtime.AccessDenied, Reason: "Access to the bucket was denied. Check the bucket's policy."}
	}
	f := event.Failure{Code: ivsrealtime.InternalServerError, Reason: "The bucket did not take the recording for too long. Check that it can be reached."}
	switch {
	case isDiskFull(err):
		f.Reason = "The disk of the server was full for too long."
	case errors.Is(err, errSpoolFull):
		f.Reason = "The bucket did not take the recording, and what waits for it has reached the limit. Check that the bucket can be reached."
	}
	return f
}
