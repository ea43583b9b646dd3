package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"rostrum/internal/config"
	"rostrum/internal/event"
	"rostrum/internal/store"
	"rostrum/internal/target"
	"rostrum/ivsrealtime"
)

// targetsVerbs groups the verbs about where events go. They work on the store
// itself, also while a server runs on it, which follows within a second.
type targetsVerbs struct {
	Add       targetsAddVerb       `cmd:"" help:"Deliver events to a webhook, an EventBridge bus or a file, from now on."`
	List      targetsListVerb      `cmd:"" help:"List targets and how deliveries to them stand."`
	Test      targetsTestVerb      `cmd:"" help:"Send an event to a target now, from here."`
	Rotate    targetsRotateVerb    `cmd:"" help:"Give a webhook a new secret; the one before signs too, until the next."`
	Dead      targetsDeadVerb      `cmd:"" help:"List deliveries that were given up."`
	Redeliver targetsRedeliverVerb `cmd:"" help:"Try deliveries that were given up once more."`
	Remove    targetsRemoveVerb    `cmd:"" help:"Remove a target, with all that waits for it."`
}

type targetsAddVerb struct {
	Settings config.Settings `embed:""`

	Name          string `arg:"" help:"Name of the target: small letters, digits, hyphens."`
	Webhook       string `xor:"kind" required:"" placeholder:"URL" help:"Post each event to this URL."`
	Bus           string `xor:"kind" required:"" placeholder:"NAME" help:"Put events on this EventBridge bus."`
	File          string `xor:"kind" required:"" placeholder:"PATH" help:"Append events to this file, a line each."`
	Pattern       string `placeholder:"JSON" help:"EventBridge event pattern; without one all events are delivered."`
	RostrumEvents bool   `help:"Deliver Rostrum's own events too: joins, leaves, sessions."`
	Disabled      bool   `help:"Don't deliver yet."`
	Replace       bool   `help:"Change the target of this name; it keeps its place in the log and its secret."`
	AllowPrivate  bool   `help:"Let the webhook be at a private address, and http:// be on this machine."`
	BusRegion     string `placeholder:"REGION" help:"Region of the bus; by default that of the settings."`
	BusEndpoint   string `placeholder:"URL" help:"Endpoint of the bus; by default AWS's."`
	BusSource     string `placeholder:"SOURCE" help:"Source of events on the bus; by default rostrum.ivs."`
	MaxBytes      int64  `placeholder:"BYTES" help:"Size at which the file is rotated; by default 100 MiB."`
	Keep          int    `placeholder:"N" help:"How many full files are kept; by default 5."`
}

// listedTarget is a target as printed. Its secret is set only when it is new.
type listedTarget struct {
	event.Target
	KeyIDs []string          `json:"keyIds,omitempty"`
	Secret string            `json:"secret,omitempty"`
	State  store.TargetState `json:"state"`
}

// Run adds the target.
func (v *targetsAddVerb) Run(ctx context.Context, out *output) error {
	s := &v.Settings
	written := config.Target{Name: v.Name, RostrumEvents: v.RostrumEvents, Disabled: v.Disabled, Pattern: json.RawMessage(v.Pattern)}
	switch {
	case v.Webhook != "":
		written.Webhook = &config.Webhook{URL: v.Webhook, AllowPrivate: v.AllowPrivate}
	case v.Bus != "":
		written.Bus = &config.Bus{Name: v.Bus, Region: v.BusRegion, Endpoint: v.BusEndpoint, Source: v.BusSource}
	default:
		written.File = &config.File{Path: v.File, MaxBytes: v.MaxBytes, Keep: v.Keep}
	}
	t, err := written.EventTarget(s)
	if err != nil {
		return err
	}
	t.Configured = false
	if err := t.Check(); err != nil {
		return misuse(err)
	}
	return changeTarget(ctx, s, v.Name, out, func(tx *store.Tx) error {
		before, err := accountTarget(s, tx, v.Name)
		switch {
		case errors.Is(err, ivsrealtime.ResourceNotFound) && !v.Replace:
		case err != nil:
			return err
		case !v.Replace:
			return fmt.Errorf("target %s exists: --replace changes it", v.Name)
		case before.Configured:
			return errConfigured(v.Name)
		}
		return target.Put(tx, t)
	})
}

func errConfigured(name string) error {
	return fmt.Errorf("target %s stands in the configuration file: change it there", name)
}

// target finds a target of the settings' account.
func accountTarget(s *config.Settings, tx *store.Tx, name string) (*event.Target, error) {
	t, err := tx.Target(name)
	if err == nil && t.Account != string(s.Account) {
		return nil, fmt.Errorf("target %s belongs to another account", name)
	}
	return t, err
}

// changeTarget changes a target and prints what became of it: with its newest
// secret, if that is new.
func changeTarget(ctx context.Context, s *config.Settings, name string, out *output, change func(*store.Tx) error) error {
	return s.WithStore(ctx, func(st *store.Store) error {
		var now listedTarget
		err := st.Write(ctx, func(tx *store.Tx) error {
			known := map[string]bool{}
			if before, err := tx.Target(name); err == nil {
				for _, secret := range before.Secrets {
					known[secret.ID] = true
				}
			}
			if err := change(tx); err != nil {
				return err
			}
			after, err := tx.Target(name)
			if err != nil {
				return err
			}
			now, err = listTarget(tx, *after)
			if after.Webhook != nil && len(after.Secrets) > 0 && !known[after.Secrets[0].ID] {
				now.Secret = after.Secrets[0].Key
			}
			return err
		})
		if err != nil {
			return err
		}
		return out.say(now, func(w io.Writer) {
			fmt.Fprintf(w, "%s delivers to %s.\n", now.Name, destination(now.Target))
			if now.Secret != "" {
				fmt.Fprintf(w, "\nkey     %s\nsecret  %s\n\nThe secret is not shown again.\n", now.KeyIDs[0], now.Secret)
			}
		})
	})
}

func listTarget(tx *store.Tx, t event.Target) (listedTarget, error) {
	l := listedTarget{Target: t}
	for _, secret := range t.Secrets {
		l.KeyIDs = append(l.KeyIDs, secret.ID)
	}
	var err error
	l.State, err = tx.TargetState(t.Name)
	return l, err
}

type targetsListVerb struct {
	Settings config.Settings `embed:""`
}

// Run lists the account's targets by name.
func (v *targetsListVerb) Run(ctx context.Context, out *output) error {
	return v.Settings.WithStore(ctx, func(st *store.Store) error {
		all := []listedTarget{}
		err := st.Read(ctx, func(tx *store.Tx) error {
			kept, err := tx.Targets(string(v.Settings.Account))
			for _, t := range kept {
				l, err := listTarget(tx, t)
				if err != nil {
					return err
				}
				all = append(all, l)
			}
			return err
		})
		if err != nil {
			return err
		}
		return out.say(all, func(w io.Writer) {
			tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
			fmt.Fprintln(tab, "TARGET\tTO\tBEHIND\tPARKED\tDEAD\tSTATE")
			for _, t := range all {
				state := "delivering"
				if t.Disabled {
					state = "disabled"
				}
				fmt.Fprintf(tab, "%s\t%s\t%d\t%d\t%d\t%s\n", t.Name, destination(t.Target), t.State.Behind, t.State.Parked, t.State.Dead, state)
			}
			_ = tab.Flush()
		})
	})
}

// destination says where a target is.
func destination(t event.Target) string {
	switch {
	case t.Webhook != nil:
		return t.Webhook.URL
	case t.Bus != nil:
		return "bus " + t.Bus.Name + " in " + t.Bus.Region
	}
	return t.File.Path
}

type targetsTestVerb struct {
	Settings config.Settings `embed:""`
	Name     string          `arg:"" help:"Name of the target."`
}

// Run sends one event, of a detail-type of Rostrum's own, and tells what the
// target said.
func (v *targetsTestVerb) Run(ctx context.Context, out *output) error {
	return v.Settings.WithStore(ctx, func(st *store.Store) error {
		var t *event.Target
		err := st.Read(ctx, func(tx *store.Tx) (err error) {
			t, err = accountTarget(&v.Settings, tx, v.Name)
			return err
		})
		if err != nil {
			return err
		}
		sender, err := event.OpenSender(ctx, *t)
		if err != nil {
			return err
		}
		began := time.Now()
		e := event.TargetTested(*t, began)
		err = errors.Join(sender.Send(ctx, []event.Event{e})[0], sender.Close())
		if err != nil {
			return fmt.Errorf("target %s did not take the event: %w", v.Name, err)
		}
		took := time.Since(began)
		return out.say(map[string]any{"target": v.Name, "eventId": e.ID, "tookMs": took.Milliseconds()}, func(w io.Writer) {
			fmt.Fprintf(w, "%s took event %s in %v.\n", v.Name, e.ID, took.Round(time.Millisecond))
		})
	})
}

type targetsRotateVerb struct {
	Settings config.Settings `embed:""`
	Name     string          `arg:"" help:"Name of the target."`
}

// Run makes a new secret and keeps the newest of those before.
func (v *targetsRotateVerb) Run(ctx context.Context, out *output) error {
	return changeTarget(ctx, &v.Settings, v.Name, out, func(tx *store.Tx) error {
		t, err := accountTarget(&v.Settings, tx, v.Name)
		switch {
		case err != nil:
			return err
		case t.Configured:
			return errConfigured(v.Name)
		case t.Webhook == nil:
			return fmt.Errorf("target %s is no webhook", v.Name)
		}
		secret, err := event.NewSecret("")
		if err != nil {
			return err
		}
		t.Secrets = append([]event.Secret{secret}, t.Secrets[:min(1, len(t.Secrets))]...)
		return tx.PutTarget(*t)
	})
}

type targetsDeadVerb struct {
	Settings config.Settings `embed:""`
	Name     string          `arg:"" help:"Name of the target."`
	Limit    int             `default:"100" help:"List at most so many, oldest first."`
}

type listedDead struct {
	Cursor   int64       `json:"cursor"`
	Attempts int         `json:"attempts"`
	Since    time.Time   `json:"since"`
	Error    string      `json:"error"`
	Event    event.Event `json:"event"`
}

// Run lists what was given up.
func (v *targetsDeadVerb) Run(ctx context.Context, out *output) error {
	return v.Settings.WithStore(ctx, func(st *store.Store) error {
		all := []listedDead{}
		err := st.Read(ctx, func(tx *store.Tx) error {
			if _, err := accountTarget(&v.Settings, tx, v.Name); err != nil {
				return err
			}
			dead, err := tx.DeadDeliveries(v.Name, 0, v.Limit)
			for _, d := range dead {
				all = append(all, listedDead{d.Event.Cursor, d.Attempts, d.Since, d.Error, d.Event})
			}
			return err
		})
		if err != nil {
			return err
		}
		return out.say(all, func(w io.Writer) {
			tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
			fmt.Fprintln(tab, "CURSOR\tSINCE\tATTEMPTS\tSTAGE\tWHY")
			for _, d := range all {
				fmt.Fprintf(tab, "%d\t%s\t%d\t%s\t%s\n", d.Cursor, d.Since.Format(time.RFC3339), d.Attempts, d.Event.StageARN, strconv.Quote(d.Error))
			}
			_ = tab.Flush()
		})
	})
}

type targetsRedeliverVerb struct {
	Settings config.Settings `embed:""`
	Name     string          `arg:"" help:"Name of the target."`
	Cursor   int64           `placeholder:"CURSOR" help:"Only the event of this cursor; by default all."`
}

// Run has dead deliveries tried again. They come after events that came later.
func (v *targetsRedeliverVerb) Run(ctx context.Context, out *output) error {
	return v.Settings.WithStore(ctx, func(st *store.Store) error {
		var n int64
		err := st.Write(ctx, func(tx *store.Tx) error {
			_, err := accountTarget(&v.Settings, tx, v.Name)
			if err == nil {
				n, err = tx.Redeliver(v.Name, v.Cursor)
			}
			return err
		})
		if err != nil {
			return err
		}
		return out.say(map[string]any{"target": v.Name, "deliveries": n}, func(w io.Writer) {
			fmt.Fprintf(w, "%d deliveries to %s are tried once more.\n", n, v.Name)
		})
	})
}

type targetsRemoveVerb struct {
	Settings config.Settings `embed:""`
	Name     string          `arg:"" help:"Name of the target."`
}

// Run removes the target.
func (v *targetsRemoveVerb) Run(ctx context.Context, out *output) error {
	return v.Settings.WithStore(ctx, func(st *store.Store) error {
		err := st.Write(ctx, func(tx *store.Tx) error {
			t, err := accountTarget(&v.Settings, tx, v.Name)
			switch {
			case err != nil:
				return err
			case t.Configured:
				return errConfigured(v.Name)
			}
			return tx.RemoveTarget(v.Name)
		})
		if err != nil {
			return err
		}
		return out.say(map[string]string{"removed": v.Name}, func(w io.Writer) {
			fmt.Fprintf(w, "%s is removed.\n", v.Name)
		})
	})
}
