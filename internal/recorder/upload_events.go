package recorder

import (
	"context"
	"log/slog"
	"time"

	"rostrum/internal/event"
	"rostrum/internal/store"
)

// uploadEvents emits events about the upload of a recording. It is for the recorder's
// goroutine.
type uploadEvents struct {
	store       *store.Store
	log         *slog.Logger
	subject     event.Recording
	interrupted bool
}

const (
	maxEmit           = 2 * time.Second // that an event may delay uploads
	interruptedReason = "The bucket takes no files at the moment. The log of the server says why."
)

// update emits an event when the bucket begins to refuse files, and when it takes them again.
func (u *uploadEvents) update(ctx context.Context, now Update, pending int64) {
	if now != Current && now != Interrupted || u.interrupted == (now == Interrupted) {
		return
	}
	u.interrupted = now == Interrupted
	e := event.UploadResumed(u.subject, time.Now())
	if u.interrupted {
		e = event.UploadInterrupted(u.subject, time.Now(), interruptedReason, pending)
	}
	ctx, cancel := context.WithTimeout(ctx, maxEmit)
	defer cancel()
	err := u.store.Write(ctx, func(tx *store.Tx) error {
		tx.Emit(e)
		return nil
	})
	if err != nil {
		u.log.Warn("store an event about an upload", "error", err)
	}
}
