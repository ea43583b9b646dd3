package event

import (
	"context"
	"sync"
)

// tailLength is how many of the newest events are kept in memory.
const tailLength = 4096

// A parsedEvent is an event of the log, parsed once for the patterns of all targets.
type parsedEvent struct {
	Event
	document Document
}

// A tail holds the newest events of the log, read once for all targets. A target with an
// older cursor reads the log itself.
type tail struct {
	store DeliveryStore

	mu     sync.Mutex    // guards what follows; held while the log is read
	after  int64         // cursor before the first of recent
	upTo   int64         // cursor of the last of recent
	recent []parsedEvent // never changed, only appended to and replaced
}

// read returns up to limit events after a cursor, in order. None means that there are none
// yet.
func (t *tail) read(ctx context.Context, after int64, limit int) ([]parsedEvent, error) {
	t.mu.Lock()
	if after < t.after { // older than the tail: read it without blocking others
		t.mu.Unlock()
		return t.fetch(ctx, after, limit)
	}
	defer t.mu.Unlock()
	if after < t.upTo {
		return t.cut(after, limit), nil
	}
	more, err := t.fetch(ctx, after, limit)
	if err != nil || len(more) == 0 {
		return nil, err
	}
	keep := t.recent
	if after > t.upTo { // the events between were never read
		keep = nil
	}
	if keep == nil || len(keep)+len(more) > tailLength {
		// A new slice: readers may still use the old one.
		keep = append(make([]parsedEvent, 0, tailLength), keep[len(keep)-min(len(keep), tailLength/2):]...)
		t.after = after
		if len(keep) > 0 {
			t.after = keep[0].Cursor - 1
		}
	}
	t.recent = append(keep, more...)
	t.upTo = more[len(more)-1].Cursor
	return more, nil
}

// cut returns recent events after a cursor. There are no gaps: the sweep does not remove
// such new events.
func (t *tail) cut(after int64, limit int) []parsedEvent {
	low, high := 0, len(t.recent)
	for low < high {
		middle := (low + high) / 2
		if t.recent[middle].Cursor <= after {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return t.recent[low:min(low+limit, len(t.recent))]
}

func (t *tail) fetch(ctx context.Context, after int64, limit int) ([]parsedEvent, error) {
	events, err := t.store.Log(ctx, after, limit)
	if err != nil {
		return nil, err
	}
	more := make([]parsedEvent, len(events))
	for i, e := range events {
		more[i].Event = e
		// A detail that is not JSON matches no pattern; targets without a pattern get it.
		more[i].document, _ = e.Document()
	}
	return more, nil
}
