package main

import (
	"context"
	"errors"
	"io"

	"rostrum/internal/config"
	"rostrum/internal/doctor"
)

// doctorCommand checks whether a server can run and be reached on this machine.
type doctorCommand struct {
	Settings config.Settings `embed:""`
}

// errBroken makes doctor exit with 1 when a check found something broken. The findings say
// what.
var errBroken = errors.New("something is broken: see above")

// Run prints one line for each check.
func (c *doctorCommand) Run(ctx context.Context, out *output) error {
	all := doctor.Examine(ctx, &c.Settings)
	if err := out.print(all, func(w io.Writer) { doctor.Describe(w, all) }); err != nil {
		return err
	}
	for _, f := range all {
		if f.State == doctor.Broken {
			return errBroken
		}
	}
	return nil
}
