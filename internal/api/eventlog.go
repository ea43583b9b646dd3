package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"rostrum/internal/control"
	"rostrum/internal/event"
	"rostrum/ivsrealtime"
)

// The event log is Rostrum's own part of the API: it is asked for with GET,
// signed as all requests are, and shows the caller's account and region.
const (
	eventLogPath   = "/event-log"
	stageStatePath = "/event-log/state"
)

const (
	defaultEvents = 100
	maxEvents     = 1000

	// heartbeat is how often a stream says that it lives.
	heartbeat = 15 * time.Second
	// streamWrite is how long a reader may leave what it was sent unread.
	streamWrite = 10 * time.Second
	// maxStreams is how many streams of events an account may have open.
	maxStreams = 100
)

// eventLogTable adds the event log to the operations.
func (d *Door) eventLogTable() {
	d.operations["GET "+eventLogPath] = operation{ivsrealtime.Spec{Name: "ReadEvents", Method: http.MethodGet, Path: eventLogPath, Read: true}, maxSmallBody, d.readEvents}
	d.operations["GET "+stageStatePath] = operation{ivsrealtime.Spec{Name: "ReadStageState", Method: http.MethodGet, Path: stageStatePath, Read: true}, maxSmallBody, d.readStageState}
}

// eventPage is the answer to who reads the log page by page.
type eventPage struct {
	Events []loggedEvent `json:"events"`
	Next   int64         `json:"next"`  // the after of the next page
	AtEnd  bool          `json:"atEnd"` // there was nothing newer
}

// loggedEvent is an event with its place in the log.
type loggedEvent struct {
	Cursor int64       `json:"cursor"`
	Event  event.Event `json:"event"`
}

func (d *Door) readEvents(ctx context.Context, caller control.Caller, r *http.Request, _ []byte) (any, error) {
	q, err := d.eventQuery(ctx, r)
	if err != nil {
		return nil, err
	}
	if err := d.plane.AuthorizeEvents(ctx, caller, q.StageARN); err != nil {
		return nil, err
	}
	if strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		if err := d.streams.enter(caller.Account); err != nil {
			return nil, err
		}
		return &eventStream{door: d, caller: caller, query: q}, nil
	}
	page, err := d.plane.ReadEvents(ctx, caller, q)
	if err != nil {
		return nil, err
	}
	out := eventPage{Events: make([]loggedEvent, len(page.Events)), Next: page.Next, AtEnd: page.AtEnd}
	for i, e := range page.Events {
		out.Events[i] = loggedEvent{e.Cursor, e}
	}
	return out, nil
}

// eventQuery reads the query of a request, strictly.
func (d *Door) eventQuery(ctx context.Context, r *http.Request) (q control.EventLogQuery, err error) {
	q.Limit = defaultEvents
	var from time.Time
	for name, values := range r.URL.Query() {
		if strings.HasPrefix(name, "X-Amz-") { // the signature of a presigned request
			continue
		}
		value := values[0]
		var err error
		switch name {
		case "after":
			q.After, err = cursor(value)
		case "from":
			from, err = moment(value)
		case "stage":
			q.StageARN = value
		case "pattern":
			q.Pattern, err = event.ParsePattern([]byte(value))
		case "limit":
			if q.Limit, err = strconv.Atoi(value); err == nil && (q.Limit < 1 || q.Limit > maxEvents) {
				err = fmt.Errorf("it is not from 1 to %d", maxEvents)
			}
		default:
			err = fmt.Errorf("there is no such parameter")
		}
		if err != nil {
			return q, ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "%s: %v", name, err)
		}
	}
	if last := r.Header.Get("Last-Event-ID"); last != "" { // a browser that comes back
		if q.After, err = cursor(last); err != nil {
			return q, ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "Last-Event-ID: %v", err)
		}
		return q, nil
	}
	if !from.IsZero() {
		at, err := d.plane.EventCursor(ctx, from)
		if err != nil {
			return q, err
		}
		q.After = max(q.After, at)
	}
	return q, nil
}

func cursor(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q is no cursor", text)
	}
	return n, nil
}

func moment(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return t, fmt.Errorf("%q is no time such as 2026-07-01T14:03:07Z", text)
	}
	return t.UTC(), nil
}

func (d *Door) readStageState(ctx context.Context, caller control.Caller, r *http.Request, _ []byte) (any, error) {
	query := r.URL.Query()
	stage, at := query.Get("stage"), time.Now().UTC()
	if stage == "" {
		return nil, ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "stage: an ARN is missing")
	}
	if text := query.Get("at"); text != "" {
		var err error
		if at, err = moment(text); err != nil {
			return nil, ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "at: %v", err)
		}
	}
	if err := d.plane.AuthorizeEvents(ctx, caller, stage); err != nil {
		return nil, err
	}
	return d.plane.StageAt(ctx, caller, stage, at)
}

// A turnout counts the streams that each account has open.
type turnout struct {
	mu   sync.Mutex
	open map[string]int
}

func (t *turnout) enter(account string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open[account] >= maxStreams {
		return ivsrealtime.Errorf(ivsrealtime.Throttling, "an account may have %d streams of events open", maxStreams)
	}
	if t.open == nil {
		t.open = map[string]int{}
	}
	t.open[account]++
	return nil
}

func (t *turnout) leave(account string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open[account]--; t.open[account] == 0 {
		delete(t.open, account)
	}
}

// An eventStream is the event log as server-sent events (HTML Standard §9.2):
// the cursor is the id, an envelope the data. It never ends by itself. A reader
// that doesn't read is left behind; it comes back with Last-Event-ID.
type eventStream struct {
	door   *Door
	caller control.Caller
	query  control.EventLogQuery
}

// serve streams until the reader goes, falls behind, may no longer read, or the server
// stops. The error says why the reader may not.
func (s *eventStream) serve(w http.ResponseWriter, r *http.Request) error {
	defer s.door.streams.leave(s.caller.Account)
	ctx, out := r.Context(), http.NewResponseController(w)
	_ = out.SetReadDeadline(time.Time{}) // the request has been read; its bound is for requests
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for text := []byte("retry: 1000\n\n"); ; {
		if !send(w, out, text) {
			return nil
		}
		changed := s.door.plane.EventsChanged() // before reading, so that nothing slips between
		var more bool
		var err error
		if text, more, err = s.next(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("stream events: %w", err)
		}
		if len(text) > 0 || more {
			continue
		}
		select {
		case <-changed:
		case <-beat.C:
			text = []byte(": still here\n\n")
		case <-ctx.Done():
			return nil
		case <-s.door.stopping:
			return nil
		}
	}
}

// next reads the next batch of events, if the caller may still read it. More tells
// whether there are events behind it.
func (s *eventStream) next(ctx context.Context) (text []byte, more bool, err error) {
	if s.caller, err = s.door.plane.Renew(ctx, s.caller); err != nil {
		return nil, false, err
	}
	if err := s.door.plane.AuthorizeEvents(ctx, s.caller, s.query.StageARN); err != nil {
		return nil, false, err
	}
	page, err := s.door.plane.ReadEvents(ctx, s.caller, s.query)
	if err != nil {
		return nil, false, err
	}
	s.query.After = page.Next
	for _, e := range page.Events {
		envelope, err := json.Marshal(e)
		if err != nil {
			return nil, false, fmt.Errorf("event %s: %w", e.ID, err)
		}
		text = fmt.Appendf(text, "id: %d\ndata: %s\n\n", e.Cursor, envelope)
	}
	return text, !page.AtEnd, nil
}

// send writes and flushes, and reports whether the reader took it.
func send(w http.ResponseWriter, out *http.ResponseController, text []byte) bool {
	if len(text) == 0 {
		return true
	}
	_ = out.SetWriteDeadline(time.Now().Add(streamWrite)) // not every writer has one
	if _, err := w.Write(text); err != nil {
		return false
	}
	return out.Flush() == nil
}
