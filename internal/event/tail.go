package event

import (
	"context"
	"sync"
)

// tailLength is how many of the newest events are kept at hand.
const tailLength = 4096

// A happening is an event of the log, parsed once for the patterns of all targets.
type happening struct {
	Event
	document Document
}

// A tail is the newest part of the log, read once for all targets. A target
// that stands further back reads the log itself.
type tail struct {
	ledger Ledger

	mu     sync.Mutex  // guards what follows; held while the log is read
	after  int64       // cursor before the first of recent
	upTo   int64       // cursor of the last of recent
	recent []happening // never changed, only appended to and replaced
}

// read gives events after a cursor, in order, at most limit. None mean that
// there are none yet.
func (t *tail) read(ctx context.Context, after int64, limit int) ([]happening, error) {
	t.mu.Lock()
	if after < t.after { // long past: beside the others
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
	if after > t.upTo { // what lies between was never read
		keep = nil
	}
	if keep == nil || len(keep)+len(more) > tailLength {
		// A new slice: readers may still look at the old one.
		keep = append(make([]happening, 0, tailLength), keep[len(keep)-min(len(keep), tailLength/2):]...)
		t.after = after
		if len(keep) > 0 {
			t.after = keep[0].Cursor - 1
		}
	}
	t.recent = append(keep, more...)
	t.upTo = more[len(more)-1].Cursor
	return more, nil
}

// cut finds the events after a cursor among the recent ones. The log has no
// gaps there: nothing so new is swept.
func (t *tail) cut(after int64, limit int) []happening {
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

func (t *tail) fetch(ctx context.Context, after int64, limit int) ([]happening, error) {
	events, err := t.ledger.Log(ctx, after, limit)
	if err != nil {
		return nil, err
	}
	more := make([]happening, len(events))
	for i, e := range events {
		more[i].Event = e
		// One that is no JSON matches no pattern; it goes to who asks for all.
		more[i].document, _ = e.Document()
	}
	return more, nil
}
