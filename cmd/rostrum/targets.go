package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"rostrum/internal/config"
	"rostrum/internal/store"
	"rostrum/internal/target"
)

// targetsCommands are the commands about where events go. They work on the store itself,
// also while a server runs on it, which follows within a second.
type targetsCommands struct {
	Add       targetsAddCommand       `cmd:"" help:"Deliver events to a webhook, an EventBridge bus or a file, from now on."`
	List      targetsListCommand      `cmd:"" help:"List targets and the state of their deliveries."`
	Test      targetsTestCommand      `cmd:"" help:"Send an event to a target now, from this machine."`
	Rotate    targetsRotateCommand    `cmd:"" help:"Give a webhook a new secret; the previous one also signs, until the next rotation."`
	Dead      targetsDeadCommand      `cmd:"" help:"List deliveries that were given up."`
	Redeliver targetsRedeliverCommand `cmd:"" help:"Try deliveries again that were given up."`
	Remove    targetsRemoveCommand    `cmd:"" help:"Remove a target, with all deliveries that wait for it."`
}

type targetsAddCommand struct {
	Settings config.Settings `embed:""`

	Name          string `arg:"" help:"Name of the target: small letters, digits, hyphens."`
	Webhook       string `xor:"kind" required:"" placeholder:"URL" help:"Post each event to this URL."`
	Bus           string `xor:"kind" required:"" placeholder:"NAME" help:"Put events on this EventBridge bus."`
	File          string `xor:"kind" required:"" placeholder:"PATH" help:"Append events to this file, one line each."`
	Pattern       string `placeholder:"JSON" help:"EventBridge event pattern; without one all events are delivered."`
	RostrumEvents bool   `help:"Also deliver Rostrum's own events: joins, leaves, sessions."`
	Disabled      bool   `help:"Do not deliver yet."`
	Replace       bool   `help:"Change the target of this name; it keeps its place in the log and its secret."`
	AllowPrivate  bool   `help:"Allow a webhook at a private address, and http:// on this machine."`
	BusRegion     string `placeholder:"REGION" help:"Region of the bus; by default that of the settings."`
	BusEndpoint   string `placeholder:"URL" help:"Endpoint of the bus; by default that of AWS."`
	BusSource     string `placeholder:"SOURCE" help:"Source of events on the bus; by default rostrum.ivs."`
	MaxBytes      int64  `placeholder:"BYTES" help:"Size at which the file is rotated; by default 100 MiB."`
	Keep          int    `placeholder:"N" help:"How many full files are kept; by default 5."`
}

// Run adds the target.
func (c *targetsAddCommand) Run(ctx context.Context, out *output) error {
	t := config.Target{Name: c.Name, RostrumEvents: c.RostrumEvents, Disabled: c.Disabled, Pattern: json.RawMessage(c.Pattern)}
	switch {
	case c.Webhook != "":
		t.Webhook = &config.Webhook{URL: c.Webhook, AllowPrivate: c.AllowPrivate}
	case c.Bus != "":
		t.Bus = &config.Bus{Name: c.Bus, Region: c.BusRegion, Endpoint: c.BusEndpoint, Source: c.BusSource}
	default:
		t.File = &config.File{Path: c.File, MaxBytes: c.MaxBytes, Keep: c.Keep}
	}
	added, err := t.EventTarget(&c.Settings)
	if err != nil {
		return err
	}
	added.Configured = false
	if err := added.Check(); err != nil {
		return misuse(err)
	}
	return withTargets(ctx, &c.Settings, func(m *target.Manager) error {
		now, err := m.Add(ctx, added, c.Replace)
		if err != nil {
			return err
		}
		return out.print(now, now.Describe)
	})
}

// withTargets runs fn on the targets of the settings' account.
func withTargets(ctx context.Context, s *config.Settings, fn func(*target.Manager) error) error {
	return s.WithStore(ctx, func(st *store.Store) error {
		return fn(&target.Manager{Store: st, Account: string(s.Account)})
	})
}

type targetsListCommand struct {
	Settings config.Settings `embed:""`
}

// Run lists the account's targets by name.
func (c *targetsListCommand) Run(ctx context.Context, out *output) error {
	return withTargets(ctx, &c.Settings, func(m *target.Manager) error {
		all, err := m.List(ctx)
		if err != nil {
			return err
		}
		return out.print(all, func(w io.Writer) { target.DescribeAll(w, all) })
	})
}

type targetsTestCommand struct {
	Settings config.Settings `embed:""`
	Name     string          `arg:"" help:"Name of the target."`
}

// Run sends one event and reports how long the target took.
func (c *targetsTestCommand) Run(ctx context.Context, out *output) error {
	return withTargets(ctx, &c.Settings, func(m *target.Manager) error {
		e, took, err := m.Test(ctx, c.Name)
		if err != nil {
			return err
		}
		return out.print(map[string]any{"target": c.Name, "eventId": e.ID, "tookMs": took.Milliseconds()}, func(w io.Writer) {
			fmt.Fprintf(w, "%s accepted event %s in %v.\n", c.Name, e.ID, took.Round(time.Millisecond))
		})
	})
}

type targetsRotateCommand struct {
	Settings config.Settings `embed:""`
	Name     string          `arg:"" help:"Name of the target."`
}

// Run makes a new secret and prints it.
func (c *targetsRotateCommand) Run(ctx context.Context, out *output) error {
	return withTargets(ctx, &c.Settings, func(m *target.Manager) error {
		now, err := m.Rotate(ctx, c.Name)
		if err != nil {
			return err
		}
		return out.print(now, now.Describe)
	})
}

type targetsRemoveCommand struct {
	Settings config.Settings `embed:""`
	Name     string          `arg:"" help:"Name of the target."`
}

// Run removes the target.
func (c *targetsRemoveCommand) Run(ctx context.Context, out *output) error {
	return withTargets(ctx, &c.Settings, func(m *target.Manager) error {
		if err := m.Remove(ctx, c.Name); err != nil {
			return err
		}
		return out.print(map[string]string{"removed": c.Name}, func(w io.Writer) {
			fmt.Fprintf(w, "%s is removed.\n", c.Name)
		})
	})
}
