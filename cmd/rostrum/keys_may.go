package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"rostrum/internal/config"
	"rostrum/internal/control"
	"rostrum/internal/store"
)

type keysMayCommand struct {
	Settings config.Settings `embed:""`

	ID       string            `arg:"" name:"key" help:"The access key's id."`
	Action   string            `arg:"" help:"The action, such as ivs:GetStage."`
	Resource string            `arg:"" help:"The resource's ARN; ending in /* for what is to be created; \"*\" for no resource in particular."`
	Tag      map[string]string `name:"tag" placeholder:"KEY=VALUE" help:"Tag of the resource, besides those it has. For TagResource, and for what is to be created, a tag of the request."`
	Context  map[string]string `name:"context" placeholder:"KEY=VALUE" help:"Further condition key of the request, such as aws:SourceIp=203.0.113.7."`
}

// Run explains whether the key may do the action; exit code 3 says that it may not.
func (c *keysMayCommand) Run(ctx context.Context, out *output) error {
	var verdict control.Verdict
	err := c.Settings.WithStore(ctx, func(st *store.Store) (err error) {
		verdict, err = control.Explain(ctx, st, control.Question{
			Key: c.ID, Action: c.Action, Resource: c.Resource, Region: string(c.Settings.Region), Tags: c.Tag, Context: c.Context,
		})
		return err
	})
	if errors.Is(err, control.ErrQuestion) {
		return misuse(err)
	}
	if err != nil {
		return err
	}
	if err := out.print(verdict, func(w io.Writer) { printVerdict(w, verdict) }); err != nil {
		return err
	}
	if !verdict.Allowed {
		return denied{fmt.Errorf("%s may not %s", c.ID, c.Action)}
	}
	return nil
}

func printVerdict(w io.Writer, v control.Verdict) {
	fmt.Fprintf(w, "%s: %s\n", v.Decision, v.Because)
	for _, f := range v.Statements {
		said := "applies"
		if !f.Applies {
			said = f.Because
		}
		sid := ""
		if f.Sid != "" {
			sid = fmt.Sprintf(" %q", f.Sid)
		}
		fmt.Fprintf(w, "  policy %d Statement[%d]%s %s: %s\n", f.Policy+1, f.Statement, sid, f.Effect, said)
	}
}
