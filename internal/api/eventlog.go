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

// The event log is Rostrum's own part of the API. Its requests are GET, signed as
// all others, and return events of the caller's account and region.
const (
	eventLogPath   = "/event-log"
	stageStatePath = "/event-log/state"
)

const (
	defaultEvents = 100
	maxEvents     = 1000

	// heartbeatInterval is the time between comments in an idle stream.
	heartbeatInterval = 15 * time.Second
	// streamWriteTimeout bounds the time of one write to a stream.
	streamWriteTimeout = 10 * time.Second
	// maxStreams bounds the open event streams of an account.
	maxStreams = 100
)

// eventLogTable adds the event log to the operations.
func (s *Server) eventLogTable() {
	s.operations["GET "+eventLogPath] = operation{ivsrealtime.Spec{Name: "ReadEvents", Method: http.MethodGet, Path: eventLogPath, Read: true}, maxSmallBody, s.readEvents}
	s.operations["GET "+stageStatePath] = operation{ivsrealtime.Spec{Name: "ReadStageState", Method: http.MethodGet, Path: stageStatePath, Read: true}, maxSmallBody, s.readStageState}
}

// eventPage is a page of the log.
type eventPage struct {
	Events []loggedEvent `json:"events"`
	Next   int64         `json:"next"`  // the after of the next page
	AtEnd  bool          `json:"atEnd"` // there is nothing newer
}

// loggedEvent is an event with its position in the log.
type loggedEvent struct {
	Cursor int64       `json:"cursor"`
	Event  event.Event `json:"event"`
}

func (s *Server) readEvents(ctx context.Context, caller control.Caller, r *http.Request, _ []byte) (any, error) {
	q, err := s.eventQuery(ctx, r)
	if err != nil {
		return nil, err
	}
	if err := s.plane.AuthorizeEvents(ctx, caller, q.StageARN); err != nil {
		return nil, err
	}
	if strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		if err := s.streams.add(caller.Account); err != nil {
			return nil, err
		}
		return &eventStream{server: s, caller: caller, query: q}, nil
	}
	page, err := s.plane.ReadEvents(ctx, caller, q)
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
func (s *Server) eventQuery(ctx context.Context, r *http.Request) (q control.EventLogQuery, err error) {
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
				err = fmt.Errorf("must be from 1 to %d", maxEvents)
			}
		default:
			err = fmt.Errorf("unknown parameter")
		}
		if err != nil {
			return q, ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "%s: %v", name, err)
		}
	}
	if last := r.Header.Get("Last-Event-ID"); last != "" { // a browser that reconnects
		if q.After, err = cursor(last); err != nil {
			return q, ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "Last-Event-ID: %v", err)
		}
		return q, nil
	}
	if !from.IsZero() {
		at, err := s.plane.EventCursor(ctx, from)
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
		return 0, fmt.Errorf("%q is not a cursor", text)
	}
	return n, nil
}

func moment(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return t, fmt.Errorf("%q is not a time such as 2026-07-01T14:03:07Z", text)
	}
	return t.UTC(), nil
}

func (s *Server) readStageState(ctx context.Context, caller control.Caller, r *http.Request, _ []byte) (any, error) {
	query := r.URL.Query()
	stage, at := query.Get("stage"), time.Now().UTC()
	if stage == "" {
		return nil, ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "stage: the ARN is missing")
	}
	if text := query.Get("at"); text != "" {
		var err error
		if at, err = moment(text); err != nil {
			return nil, ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "at: %v", err)
		}
	}
	if err := s.plane.AuthorizeEvents(ctx, caller, stage); err != nil {
		return nil, err
	}
	return s.plane.StageAt(ctx, caller, stage, at)
}

// A streamCount counts the open streams of each account.
type streamCount struct {
	mu   sync.Mutex
	open map[string]int
}

func (c *streamCount) add(account string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[account] >= maxStreams {
		return ivsrealtime.Errorf(ivsrealtime.Throttling, "an account may have at most %d open event streams", maxStreams)
	}
	if c.open == nil {
		c.open = map[string]int{}
	}
	c.open[account]++
	return nil
}

func (c *streamCount) remove(account string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[account]--; c.open[account] == 0 {
		delete(c.open, account)
	}
}

// An eventStream is the event log as server-sent events (HTML Standard §9.2):
// the cursor is the id, the event the data. It does not end by itself. A reader
// that is too slow is disconnected, and reconnects with Last-Event-ID.
type eventStream struct {
	server *Server
	caller control.Caller
	query  control.EventLogQuery
	// session ends with the session of the page that reads the stream; nil if that is none.
	session context.Context
}

// sessionEnded is closed when the session of the page has ended.
func (s *eventStream) sessionEnded() <-chan struct{} {
	if s.session == nil {
		return nil
	}
	return s.session.Done()
}

// ended reports whether the session of the page has ended, or the server stops.
func (s *eventStream) ended() bool {
	select {
	case <-s.sessionEnded():
		return true
	case <-s.server.stopping:
		return true
	default:
		return false
	}
}

// serve streams until the reader disconnects, is too slow, is no longer
// authorized, or the server stops. The error is the reason if it is not
// authorized.
func (s *eventStream) serve(w http.ResponseWriter, r *http.Request) error {
	defer s.server.streams.remove(s.caller.Account)
	ctx, out := r.Context(), http.NewResponseController(w)
	_ = out.SetReadDeadline(time.Time{}) // the deadline is for reading requests
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	heartbeat := time.NewTicker(heartbeatInterval)
	defer heartbeat.Stop()
	for text := []byte("retry: 1000\n\n"); ; {
		if !s.send(w, out, text) {
			return nil
		}
		changed := s.server.plane.EventsChanged() // before reading, so that no event is missed
		var more bool
		var err error
		if text, more, err = s.next(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("stream events: %w", err)
		}
		if s.ended() {
			return nil
		}
		if len(text) > 0 || more {
			continue
		}
		select {
		case <-changed:
		case <-heartbeat.C:
			text = []byte(": still here\n\n")
		case <-ctx.Done():
			return nil
		case <-s.sessionEnded():
			return nil
		case <-s.server.stopping:
			return nil
		}
	}
}

// next reads the next batch of events if the caller is still authorized. more
// reports that there are events after it.
func (s *eventStream) next(ctx context.Context) (text []byte, more bool, err error) {
	if s.caller, err = s.server.plane.Renew(ctx, s.caller); err != nil {
		return nil, false, err
	}
	if err := s.server.plane.AuthorizeEvents(ctx, s.caller, s.query.StageARN); err != nil {
		return nil, false, err
	}
	page, err := s.server.plane.ReadEvents(ctx, s.caller, s.query)
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

// send writes and flushes. It reports whether that succeeded.
func (s *eventStream) send(w http.ResponseWriter, out *http.ResponseController, text []byte) bool {
	if len(text) == 0 {
		return true
	}
	_ = out.SetWriteDeadline(time.Now().Add(streamWriteTimeout)) // an error means that the writer has no deadline
	if s.session != nil {                                        // a page that does not read would keep the stream beyond its session
		defer context.AfterFunc(s.session, func() { _ = out.SetWriteDeadline(time.Now()) })()
	}
	if _, err := w.Write(text); err != nil {
		return false
	}
	return out.Flush() == nil
}
