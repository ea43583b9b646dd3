package main

import (
	"context"
	"fmt"
	"io"

	"rostrum/internal/config"
	"rostrum/internal/target"
)

type targetsDeadCommand struct {
	Settings config.Settings `embed:""`
	Name     string          `arg:"" help:"Name of the target."`
	Limit    int             `default:"100" help:"Largest number of deliveries to list, oldest first."`
}

// Run lists the deliveries that were given up.
func (c *targetsDeadCommand) Run(ctx context.Context, out *output) error {
	return withTargets(ctx, &c.Settings, func(m *target.Manager) error {
		all, err := m.Dead(ctx, c.Name, c.Limit)
		if err != nil {
			return err
		}
		return out.print(all, func(w io.Writer) { target.DescribeDead(w, all) })
	})
}

type targetsRedeliverCommand struct {
	Settings config.Settings `embed:""`
	Name     string          `arg:"" help:"Name of the target."`
	Cursor   int64           `placeholder:"CURSOR" help:"Only the event of this cursor; by default all."`
}

// Run tries dead deliveries again.
func (c *targetsRedeliverCommand) Run(ctx context.Context, out *output) error {
	return withTargets(ctx, &c.Settings, func(m *target.Manager) error {
		n, err := m.Redeliver(ctx, c.Name, c.Cursor)
		if err != nil {
			return err
		}
		return out.print(map[string]any{"target": c.Name, "deliveries": n}, func(w io.Writer) {
			fmt.Fprintf(w, "%d deliveries to %s are tried again.\n", n, c.Name)
		})
	})
}
