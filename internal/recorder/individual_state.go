package recorder

import (
	"context"
	"errors"
	"path"
	"time"

	"rostrum/internal/event"
	"rostrum/internal/stage"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// errTaken says that this node was declared dead, and another one has the recording.
var errTaken = errors.New("another node closed the recording")

const (
	firstStoreRetry = 50 * time.Millisecond
	maxStoreRetry   = 10 * time.Second
)

// retry calls a function that reads the database, until it succeeds, what it reads does not exist, or
// the publication is not to be recorded any more.
func (r *individual) retry(p *stage.Publication, read func() error) error {
	for pause := firstStoreRetry; ; pause = min(2*pause, maxStoreRetry) {
		err := read()
		if err == nil || errors.Is(err, ivsrealtime.ResourceNotFound) || errors.Is(err, store.ErrClosed) {
			return err
		}
		r.log.Warn("read whether to record a participant", "error", err)
		select {
		case <-time.After(pause):
		case <-r.wake:
		}
		if !r.isWanted(p) { // as at the end of the process
			return err
		}
	}
}

// create stores that the recording begins.
func (r *individual) create() error {
	return r.store(r.registry.ctx, ivsrealtime.RecordingStarting, func(tx *store.Tx) (bool, error) {
		return true, tx.CreateRecording(&r.state)
	})
}

// update stores the recording with its participant's state and the event that belongs to it. It
// gives up after some attempts, and reports whether it succeeded.
func (r *individual) update(state ivsrealtime.RecordingState, e *event.Event) bool {
	ctx, cancel := context.WithTimeout(r.registry.ctx, 2*maxStoreRetry)
	defer cancel()
	return r.store(ctx, state, func(tx *store.Tx) (bool, error) {
		if e != nil {
			tx.Emit(*e)
		}
		return tx.UpdateRecording(&r.state)
	}) == nil
}

// storeEnd stores the end and the event about it, once. It returns false if the process ends
// before, and the next one has to.
func (r *individual) storeEnd() bool {
	now, started := time.Now(), r.state.Started
	state, ended := r.end(now)
	err := r.store(r.registry.ctx, state, func(tx *store.Tx) (bool, error) {
		if !started.IsZero() && !r.startStored {
			tx.Emit(event.RecordingStarted(r.subject(), started))
		}
		if ended != nil {
			tx.Emit(*ended)
		}
		return tx.DeleteRecording(&r.state)
	})
	return err == nil || errors.Is(err, errTaken)
}

// end is the last state, and the event about it: none of a recording that never began.
func (r *individual) end(at time.Time) (ivsrealtime.RecordingState, *event.Event) {
	failure, started := r.state.Failure, !r.state.Started.IsZero()
	var e event.Event
	switch {
	case failure != nil && started:
		e = event.RecordingEndFailed(r.subject(), at, r.recorder.Duration(), *failure)
	case failure != nil:
		e = event.RecordingStartFailed(r.subject(), at, *failure)
	case started:
		e = event.RecordingEnded(r.subject(), at, r.recorder.Duration())
	default:
		return ivsrealtime.RecordingStopped, nil
	}
	if failure == nil {
		return ivsrealtime.RecordingStopped, &e
	}
	r.registry.counters.failures.Add(1)
	r.log.Error("a participant's recording failed", "reason", failure.Reason)
	return ivsrealtime.RecordingFailed, &e
}

// store changes the recording together with the state of its participant, in the session that
// it is in now. It tries again until ctx ends. Nothing is changed, with errTaken, if another
// node has the recording.
func (r *individual) store(ctx context.Context, state ivsrealtime.RecordingState, change func(*store.Tx) (owned bool, err error)) error {
	r.shown.Store(state)
	for pause := firstStoreRetry; ; pause = min(2*pause, maxStoreRetry) {
		err := r.registry.cfg.Store.Write(ctx, func(tx *store.Tx) error {
			owned, err := change(tx)
			if err == nil && !owned {
				err = errTaken
			}
			if err != nil {
				return err
			}
			return r.showState(tx, state)
		})
		if err == nil {
			r.left = nil
		}
		if err == nil || errors.Is(err, errTaken) || errors.Is(err, store.ErrClosed) || ctx.Err() != nil {
			return err
		}
		r.log.Error("store the state of a recording", "error", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
}

// showState shows the state on the participant, unless a newer recording of it does. In the
// sessions that the recording left it has stopped.
func (r *individual) showState(tx *store.Tx, state ivsrealtime.RecordingState) error {
	for _, session := range r.left {
		if err := r.showIn(tx, session, ivsrealtime.RecordingStopped); err != nil {
			return err
		}
	}
	return r.showIn(tx, r.state.LastSessionID, state)
}

func (r *individual) showIn(tx *store.Tx, session string, state ivsrealtime.RecordingState) error {
	ref := store.ParticipantRef{StageARN: r.state.StageARN, SessionID: session, ParticipantID: r.state.ParticipantID}
	_, err := tx.UpdateParticipant(ref, func(p *store.Participant) error {
		// A prefix ends with the time of its recording; before it are ids.
		if path.Base(p.RecordingS3Prefix) <= path.Base(r.state.Prefix) {
			p.RecordingState, p.RecordingS3BucketName, p.RecordingS3Prefix = state, r.state.Bucket, r.state.Prefix
		}
		return nil
	})
	if errors.Is(err, ivsrealtime.ResourceNotFound) {
		return nil // the stage was deleted
	}
	return err
}
