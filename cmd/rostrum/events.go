package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"rostrum/internal/config"
	"rostrum/internal/eventlog"
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

// Run prints the events that the log has, then those that come.
func (v *eventsTailVerb) Run(ctx context.Context, out *output) error {
	from, err := eventlog.ParseFrom(v.From, time.Now())
	if err != nil {
		return misuse(fmt.Errorf("--from: %w", err))
	}
	r, err := v.reader(ctx)
	if err != nil {
		return err
	}
	print := func(e eventlog.Entry) error { return out.say(e, e.Describe) }
	last, err := r.Read(ctx, eventlog.Start{After: v.After, From: from}, print)
	if err == nil && v.Follow {
		err = r.Follow(ctx, last, print)
	}
	if errors.Is(err, eventlog.ErrForbidden) {
		return denied{err}
	}
	return err
}

// reader asks the server of --endpoint with credentials of the AWS SDK, or that of the
// settings with its operator's key.
func (v *eventsTailVerb) reader(ctx context.Context) (*eventlog.Reader, error) {
	s := &v.Settings
	r := &eventlog.Reader{Endpoint: v.Endpoint, Region: string(s.Region), Filter: url.Values{}}
	if v.Stage != "" {
		r.Filter.Set("stage", v.Stage)
	}
	if v.Pattern != "" {
		r.Filter.Set("pattern", v.Pattern)
	}
	if r.Endpoint != "" {
		c, err := awsconfig.LoadDefaultConfig(ctx)
		if err != nil {
			return nil, fmt.Errorf("find AWS credentials: %w", err)
		}
		r.Credentials = c.Credentials
		if c.Region != "" {
			r.Region = c.Region
		}
		return r, nil
	}
	var err error
	if r.Endpoint, err = s.Endpoint(string(s.Listen)); err != nil {
		return nil, err
	}
	return r, s.WithStore(ctx, func(st *store.Store) error {
		key, _, err := operator.Ensure(ctx, st, s.Operator())
		r.Credentials = credentials.NewStaticCredentialsProvider(key.ID, key.Secret, "")
		return err
	})
}
