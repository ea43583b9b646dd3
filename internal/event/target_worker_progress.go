package event

import (
	"context"
	"errors"
	"time"
)

// finishTimeout bounds how long a stopping worker waits for running calls and saves its
// progress.
const finishTimeout = 2 * time.Second

func (w *targetWorker) hasUnsaved() bool {
	return w.cursor > w.savedCursor || len(w.dirty) > 0
}

// saveProgress starts saving the progress made; one save runs at a time.
func (w *targetWorker) saveProgress(ctx context.Context) {
	if w.saving || !w.hasUnsaved() || time.Now().Before(w.saveAt) {
		return
	}
	w.saving = true
	s := w.takeProgress()
	go func() {
		s.err = w.store.SaveProgress(ctx, w.target.Name, w.holder, s.progress)
		w.saved <- s
	}()
}

// takeProgress removes and returns the progress made so far.
func (w *targetWorker) takeProgress() savedProgress {
	s := savedProgress{progress: w.progress, dirty: w.dirty}
	s.progress.Cursor = w.cursor
	w.progress, w.dirty = Progress{}, nil
	return s
}

// handleSaved applies the result of a save. Progress that was not saved is saved again
// together with what was added since.
func (w *targetWorker) handleSaved(s savedProgress) error {
	w.saving = false
	if errors.Is(s.err, ErrNotHeld) {
		return s.err
	}
	if s.err != nil {
		w.log.Error("save delivery progress", "error", s.err)
		w.restore(s)
		w.saveAt = time.Now().Add(storeRetryDelay)
		return nil
	}
	w.saveAt = time.Now().Add(saveInterval)
	w.savedCursor = s.progress.Cursor
	for _, q := range s.dirty {
		q.unsaved--
		if q.unsaved == 0 {
			w.schedule(q)
		}
	}
	return nil
}

// restore puts unsaved progress back, before what was added since.
func (w *targetWorker) restore(s savedProgress) {
	w.progress = Progress{
		Parked:    append(s.progress.Parked, w.progress.Parked...),
		Delivered: append(s.progress.Delivered, w.progress.Delivered...),
		Failed:    append(s.progress.Failed, w.progress.Failed...),
	}
	w.dirty = append(s.dirty, w.dirty...)
}

// finish waits for running calls, which have been cancelled, and saves the progress.
func (w *targetWorker) finish(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
	defer cancel()
	for w.calls > 0 || w.saving || w.reading > 0 {
		select {
		case r := <-w.results:
			w.calls--
			for _, p := range r.parts {
				for i, delivery := range p.deliveries {
					if r.errs[i] != nil {
						break
					}
					w.recordSuccess(p.queue, delivery)
				}
				r.errs = r.errs[len(p.deliveries):]
			}
			w.advance()
		case <-w.loads:
			w.reading--
		case s := <-w.saved:
			w.saving = false
			if errors.Is(s.err, ErrNotHeld) {
				return s.err
			}
			if s.err != nil {
				w.restore(s)
			} else {
				w.savedCursor = s.progress.Cursor
			}
		}
	}
	if !w.hasUnsaved() {
		return nil
	}
	return w.store.SaveProgress(ctx, w.target.Name, w.holder, w.takeProgress().progress)
}
