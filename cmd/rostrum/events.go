package main

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

	"rostrum/internal/config"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"rostrum/internal/operator"
	"rostrum/internal/store"
)

// eventsVerbs groups the verbs about what happened.
type eventsVerbs struct {
	Tail eventsTailVerb `cmd:"" help:"Print events of the log, and with --follow those to come."`
}

type eventsTailVerb struct {
	Settings config.Settings `embed:""`

	Endpoint string `env:"AWS_ENDPOINT_URL_IVS_REALTIME" placeholder:"URL" help:"The server, asked with the AWS SDK's credentials; by default the one of the settings, with its operator's key."`
	From     string `placeholder:"AGO|TIME" default:"10m" help:"Where to begin: a duration such as 2h ago, or a time such as 2026-07-01T14:03:07Z."`
	After    int64  `placeholder:"CURSOR" help:"Begin after this cursor instead."`
	Stage    string `placeholder:"ARN" help:"Only events of this stage."`
	Pattern  string `placeholder:"JSON" help:"Only events that match this EventBridge event pattern."`
	Follow   bool   `short:"f" help:"Go on with events as they come, until told to stop."`
}

// A logReader asks a server for its event log.
type logReader struct {
	endpoint, region string
	credentials      aws.CredentialsProvider
	filter           url.Values
}

// printedEvent is an event with its place in the log.
type printedEvent struct {
	Cursor int64           `json:"cursor"`
	Event  json.RawMessage `json:"event"`
}

// Run prints what the log holds, then what comes.
func (v *eventsTailVerb) Run(ctx context.Context, out *output) error {
	r, err := v.reader(ctx)
	if err != nil {
		return err
	}
	query := url.Values{"after": {strconv.FormatInt(v.After, 10)}}
	if v.After == 0 {
		from, err := beginning(v.From, time.Now())
		if err != nil {
			return misuse(err)
		}
		query = url.Values{"from": {from.UTC().Format(time.RFC3339Nano)}}
	}
	var last int64
	for {
		page, err := r.page(ctx, query)
		if err != nil {
			return err
		}
		for _, e := range page.Events {
			if err := e.print(out); err != nil {
				return err
			}
		}
		last = page.Next
		if page.AtEnd {
			break
		}
		query = url.Values{"after": {strconv.FormatInt(last, 10)}}
	}
	for v.Follow && ctx.Err() == nil {
		last, err = r.follow(ctx, last, out)
		if refused, ok := errors.AsType[denied](err); ok {
			return refused
		}
		select { // the server restarts, or the line broke
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
	return nil
}

// beginning reads how long ago, or when.
func beginning(text string, now time.Time) (time.Time, error) {
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return at, fmt.Errorf("--from %q is neither a duration such as 2h nor a time such as 2026-07-01T14:03:07Z", text)
	}
	return at, nil
}

func (v *eventsTailVerb) reader(ctx context.Context) (*logReader, error) {
	s := &v.Settings
	r := &logReader{endpoint: v.Endpoint, region: string(s.Region), filter: url.Values{}}
	if v.Stage != "" {
		r.filter.Set("stage", v.Stage)
	}
	if v.Pattern != "" {
		r.filter.Set("pattern", v.Pattern)
	}
	if r.endpoint != "" {
		c, err := awsconfig.LoadDefaultConfig(ctx)
		if err != nil {
			return nil, fmt.Errorf("find AWS credentials: %w", err)
		}
		r.credentials = c.Credentials
		if c.Region != "" {
			r.region = c.Region
		}
		return r, nil
	}
	var err error
	if r.endpoint, err = s.Endpoint(string(s.Listen)); err != nil {
		return nil, err
	}
	return r, s.WithStore(ctx, func(st *store.Store) error {
		key, _, err := operator.Ensure(ctx, st, s.Operator())
		r.credentials = credentials.NewStaticCredentialsProvider(key.ID, key.Secret, "")
		return err
	})
}

// ask sends a signed request for the log.
func (r *logReader) ask(ctx context.Context, query url.Values, accept string) (*http.Response, error) {
	for name, values := range r.filter {
		query[name] = values
	}
	// A space is %20 where it is signed.
	where := r.endpoint + "/event-log?" + strings.ReplaceAll(query.Encode(), "+", "%20")
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	q.Header.Set("Accept", accept)
	key, err := r.credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("find credentials: %w", err)
	}
	const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" // SHA-256 of no body
	if err := v4.NewSigner().SignHTTP(ctx, key, q, emptyHash, "ivs", r.region, time.Now()); err != nil {
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
	err = fmt.Errorf("read events: the server answered %d: %s", a.StatusCode, fault.Message)
	if a.StatusCode == http.StatusForbidden {
		return nil, denied{err}
	}
	return nil, err
}

// logPage is a part of the log.
type logPage struct {
	Events []printedEvent
	Next   int64
	AtEnd  bool
}

func (r *logReader) page(ctx context.Context, query url.Values) (page logPage, err error) {
	a, err := r.ask(ctx, query, "application/json")
	if err != nil {
		return page, err
	}
	defer a.Body.Close()
	if err := json.NewDecoder(a.Body).Decode(&page); err != nil {
		return page, fmt.Errorf("read a page of events: %w", err)
	}
	return page, nil
}

// follow prints events as they come, until the stream breaks. It tells the
// cursor of the last.
func (r *logReader) follow(ctx context.Context, after int64, out *output) (int64, error) {
	a, err := r.ask(ctx, url.Values{"after": {strconv.FormatInt(after, 10)}}, "text/event-stream")
	if err != nil {
		return after, err
	}
	defer a.Body.Close()
	lines := bufio.NewScanner(a.Body)
	lines.Buffer(nil, 1<<20)
	e := printedEvent{Cursor: after}
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "id":
			if e.Cursor, err = strconv.ParseInt(value, 10, 64); err != nil {
				return after, fmt.Errorf("read the stream of events: %w", err)
			}
		case "data":
			e.Event = json.RawMessage(value)
			if err := e.print(out); err != nil {
				return after, err
			}
			after = e.Cursor
		}
	}
	return after, lines.Err()
}

// print writes an event: for people what they look for, for programs all of it.
func (e printedEvent) print(out *output) error {
	return out.say(e, func(w io.Writer) {
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
	})
}
