package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"rostrum/internal/config"
	"rostrum/internal/eventlog"
	"rostrum/internal/operator"
	"rostrum/internal/store"
)

// eventsCommands are the commands about the event log.
type eventsCommands struct {
	Tail eventsTailCommand `cmd:"" help:"Print events of the log, and with --follow new ones."`
}

type eventsTailCommand struct {
	Settings config.Settings `embed:""`

	Endpoint string `placeholder:"URL" help:"The server, with credentials of the AWS SDK; by default that of $$AWS_ENDPOINT_URL_IVS_REALTIME unless a flag names a server, and else the server of the settings, with its operator's key."`
	From     string `placeholder:"AGO|TIME" default:"10m" help:"Start: a duration before now such as 2h, or a time such as 2026-07-01T14:03:07Z."`
	After    int64  `placeholder:"CURSOR" help:"Start after this cursor instead."`
	Stage    string `placeholder:"ARN" help:"Only events of this stage."`
	Pattern  string `placeholder:"JSON" help:"Only events that match this EventBridge event pattern."`
	Follow   bool   `short:"f" help:"Continue with new events until interrupted."`
}

// Run prints the events that the log has, then those that come.
func (c *eventsTailCommand) Run(ctx context.Context, out *output) error {
	from, err := eventlog.ParseFrom(c.From, time.Now())
	if err != nil {
		return misuse(fmt.Errorf("--from: %w", err))
	}
	r, err := c.reader(ctx)
	if err != nil {
		return err
	}
	show := func(e eventlog.Entry) error { return out.print(e, e.Describe) }
	last, err := r.Read(ctx, eventlog.Start{After: c.After, From: from}, show)
	if err == nil && c.Follow {
		err = r.Follow(ctx, last, show)
	}
	if errors.Is(err, eventlog.ErrForbidden) {
		return denied{err}
	}
	return err
}

// reader asks the server of --endpoint, or of the environment, with credentials of the AWS
// SDK, or that of the settings with its operator's key. Flags win over the environment.
func (c *eventsTailCommand) reader(ctx context.Context) (*eventlog.Reader, error) {
	s := &c.Settings
	r := &eventlog.Reader{Endpoint: c.Endpoint, Region: string(s.Region), Filter: url.Values{}}
	if c.Stage != "" {
		r.Filter.Set("stage", c.Stage)
	}
	if c.Pattern != "" {
		r.Filter.Set("pattern", c.Pattern)
	}
	if r.Endpoint == "" && !s.FlagsNameServer() {
		r.Endpoint = os.Getenv("AWS_ENDPOINT_URL_IVS_REALTIME")
	}
	if r.Endpoint != "" {
		c, err := awsconfig.LoadDefaultConfig(ctx)
		if err != nil {
			return nil, fmt.Errorf("find AWS credentials: %w", err)
		}
		r.Credentials = c.Credentials
		if c.Region != "" && !s.IsFlag("region") {
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
