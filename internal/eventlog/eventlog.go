// Package eventlog reads the event log of a server over HTTP.
package eventlog

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// ErrForbidden reports that the server refuses the credentials.
var ErrForbidden = errors.New("read events: the server refuses these credentials")

// A Reader asks one server for its event log.
type Reader struct {
	Endpoint    string
	Region      string
	Credentials aws.CredentialsProvider
	Filter      url.Values // query parameters that select events: stage, pattern
}

// An Entry is an event with its place in the log.
type Entry struct {
	Cursor int64           `json:"cursor"`
	Event  json.RawMessage `json:"event"`
}

// A Start is where reading begins: after a cursor, or at a time if that is 0.
type Start struct {
	After int64
	From  time.Time
}

func (s Start) query() url.Values {
	if s.After == 0 {
		return url.Values{"from": {s.From.UTC().Format(time.RFC3339Nano)}}
	}
	return afterCursor(s.After)
}

func afterCursor(cursor int64) url.Values {
	return url.Values{"after": {strconv.FormatInt(cursor, 10)}}
}

// ParseFrom reads a duration before now, or a time.
func ParseFrom(text string, now time.Time) (time.Time, error) {
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return at, fmt.Errorf("%q is neither a duration such as 2h nor a time such as 2026-07-01T14:03:07Z", text)
	}
	return at, nil
}

// Read calls handle for each event that the log has from start on. It returns the
// cursor after which new events come.
func (r *Reader) Read(ctx context.Context, start Start, handle func(Entry) error) (last int64, err error) {
	for query := start.query(); ; query = afterCursor(last) {
		page, err := r.page(ctx, query)
		if err != nil {
			return last, err
		}
		for _, e := range page.Events {
			if err := handle(e); err != nil {
				return last, err
			}
		}
		last = page.Next
		if page.AtEnd {
			return last, nil
		}
	}
}

// reconnectDelay is the pause before a stream that broke is opened again.
const reconnectDelay = time.Second

// Follow calls handle for each event after a cursor as it comes, until ctx ends, handle
// fails or the server refuses the credentials. It reconnects when the stream breaks.
func (r *Reader) Follow(ctx context.Context, last int64, handle func(Entry) error) error {
	for ctx.Err() == nil {
		var failed error // of handle
		err := r.stream(ctx, last, func(e Entry) error {
			if failed = handle(e); failed == nil {
				last = e.Cursor
			}
			return failed
		})
		if failed != nil || errors.Is(err, ErrForbidden) {
			return err
		}
		select { // the server restarts, or the network failed
		case <-time.After(reconnectDelay):
		case <-ctx.Done():
		}
	}
	return nil
}

// A page is a part of the log.
type page struct {
	Events []Entry
	Next   int64
	AtEnd  bool
}

func (r *Reader) page(ctx context.Context, query url.Values) (p page, err error) {
	a, err := r.get(ctx, query, "application/json")
	if err != nil {
		return p, err
	}
	defer a.Body.Close()
	if err := json.NewDecoder(a.Body).Decode(&p); err != nil {
		return p, fmt.Errorf("read a page of events: %w", err)
	}
	return p, nil
}

// stream reads server-sent events until the connection breaks.
func (r *Reader) stream(ctx context.Context, after int64, handle func(Entry) error) error {
	a, err := r.get(ctx, afterCursor(after), "text/event-stream")
	if err != nil {
		return err
	}
	defer a.Body.Close()
	lines := bufio.NewScanner(a.Body)
	lines.Buffer(nil, 1<<20)
	e := Entry{Cursor: after}
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "id":
			if e.Cursor, err = strconv.ParseInt(value, 10, 64); err != nil {
				return fmt.Errorf("read the stream of events: %w", err)
			}
		case "data":
			e.Event = json.RawMessage(value)
			if err := handle(e); err != nil {
				return err
			}
		}
	}
	return lines.Err()
}

// get sends a signed request for the log.
func (r *Reader) get(ctx context.Context, query url.Values, accept string) (*http.Response, error) {
	for name, values := range r.Filter {
		query[name] = values
	}
	// A space is %20 where it is signed.
	where := r.Endpoint + "/event-log?" + strings.ReplaceAll(query.Encode(), "+", "%20")
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	q.Header.Set("Accept", accept)
	key, err := r.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("find credentials: %w", err)
	}
	const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" // SHA-256 of no body
	if err := v4.NewSigner().SignHTTP(ctx, key, q, emptyHash, "ivs", r.Region, time.Now()); err != nil {
		return nil, fmt.Errorf("sign the request for events: %w", err)
	}
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	if a.StatusCode == http.StatusOK {
		return a, nil
	}
	defer a.Body.Close()
	var fault struct{ Message string }
	_ = json.NewDecoder(io.LimitReader(a.Body, 1<<16)).Decode(&fault) // the status says enough
	if a.StatusCode == http.StatusForbidden {
		return nil, fmt.Errorf("%w: %s", ErrForbidden, fault.Message)
	}
	return nil, fmt.Errorf("read events: the server answered %d: %s", a.StatusCode, fault.Message)
}

// Describe writes the event as one line for people.
func (e Entry) Describe(w io.Writer) {
	var d struct {
		Type      string `json:"detail-type"`
		Time      string
		Resources []string
		Detail    struct {
			Name        string `json:"event_name"`
			PreciseTime string `json:"event_time_precise"`
			Participant string `json:"participant_id"`
			User        string `json:"user_id"`
			Code        string `json:"error_code"`
		}
	}
	if json.Unmarshal(e.Event, &d) != nil || len(d.Resources) == 0 {
		fmt.Fprintln(w, string(e.Event))
		return
	}
	at := d.Time
	if d.Detail.PreciseTime != "" {
		at = d.Detail.PreciseTime
	}
	_, resource, _ := strings.Cut(d.Resources[0], "/")
	line := fmt.Sprintf("%-24s  %-27s %s", at, d.Detail.Name, resource)
	for _, more := range []string{d.Detail.Participant, d.Detail.User, d.Detail.Code} {
		if more != "" {
			line += " " + more
		}
	}
	fmt.Fprintln(w, line)
}
