package main

import (
	"context"
	"errors"
	"io"

	"rostrum/internal/config"
	"rostrum/internal/doctor"
)

// doctorVerb looks for what would keep rostrum serve from working well here.
type doctorVerb struct {
	Settings config.Settings `embed:""`
}

// errUnwell makes doctor exit with 1 when something is broken. What it is
// stands in the findings.
var errUnwell = errors.New("something is broken: see above")

// Run prints one line for each check.
func (v *doctorVerb) Run(ctx context.Context, out *output) error {
	all := doctor.Examine(ctx, &v.Settings)
	if err := out.say(all, func(w io.Writer) { doctor.Describe(w, all) }); err != nil {
		return err
	}
	for _, f := range all {
		if f.State == doctor.Broken {
			return errUnwell
		}
	}
	return nil
}
