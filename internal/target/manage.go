package target

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"rostrum/internal/event"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// A Manager changes and lists the targets of one account.
type Manager struct {
	Store   *store.Store
	Account string
}

// A Status is a target and how its deliveries stand. Secret is set only when it is new.
type Status struct {
	event.Target
	KeyIDs []string          `json:"keyIds,omitempty"`
	Secret string            `json:"secret,omitempty"`
	State  store.TargetState `json:"state"`
}

// A DeadDelivery is an event that a target did not accept in all attempts.
type DeadDelivery struct {
	Cursor   int64       `json:"cursor"`
	Attempts int         `json:"attempts"`
	Since    time.Time   `json:"since"`
	Error    string      `json:"error"`
	Event    event.Event `json:"event"`
}

// Add stores a new target. With replace it changes the one of that name, which must exist.
func (m *Manager) Add(ctx context.Context, t event.Target, replace bool) (Status, error) {
	return m.change(ctx, t.Name, func(tx *store.Tx) error {
		before, err := m.find(tx, t.Name)
		switch {
		case errors.Is(err, ivsrealtime.ResourceNotFound) && !replace:
		case err != nil:
			return err
		case !replace:
			return ivsrealtime.Errorf(ivsrealtime.Conflict, "target %s exists: --replace changes it", t.Name)
		case before.Configured:
			return errConfigured(t.Name)
		}
		return Put(tx, t)
	})
}

// Rotate gives a webhook a new secret and keeps the newest of those before.
func (m *Manager) Rotate(ctx context.Context, name string) (Status, error) {
	return m.change(ctx, name, func(tx *store.Tx) error {
		t, err := m.editable(tx, name)
		if err != nil {
			return err
		}
		if t.Webhook == nil {
			return ivsrealtime.Errorf(ivsrealtime.Conflict, "target %s is not a webhook", name)
		}
		secret, err := event.NewSecret("")
		if err != nil {
			return err
		}
		t.Secrets = append([]event.Secret{secret}, t.Secrets[:min(1, len(t.Secrets))]...)
		return tx.PutTarget(*t)
	})
}

// Remove removes a target and all deliveries that wait for it.
func (m *Manager) Remove(ctx context.Context, name string) error {
	return m.Store.Write(ctx, func(tx *store.Tx) error {
		if _, err := m.editable(tx, name); err != nil {
			return err
		}
		return tx.RemoveTarget(name)
	})
}

// List lists the account's targets by name.
func (m *Manager) List(ctx context.Context) ([]Status, error) {
	all := []Status{}
	err := m.Store.Read(ctx, func(tx *store.Tx) error {
		kept, err := tx.Targets(m.Account)
		for _, t := range kept {
			s, err := status(tx, t)
			if err != nil {
				return err
			}
			all = append(all, s)
		}
		return err
	})
	return all, err
}

// Send delivers one event of the log again, from this process. What the target did not accept
// before goes on to wait for its time.
func (m *Manager) Send(ctx context.Context, name string, cursor int64) (took time.Duration, err error) {
	var t *event.Target
	var events []event.Event
	err = m.Store.Read(ctx, func(tx *store.Tx) (err error) {
		if t, err = m.find(tx, name); err != nil {
			return err
		}
		events, err = tx.Events(store.EventQuery{After: cursor - 1, Limit: 1, Account: m.Account})
		return err
	})
	if err != nil {
		return 0, err
	}
	if len(events) == 0 || events[0].Cursor != cursor {
		return 0, ivsrealtime.Errorf(ivsrealtime.ResourceNotFound, "event %d is not in the log", cursor)
	}
	return deliver(ctx, *t, events[0])
}

// Test delivers one event of a detail-type of Rostrum's own, from this process.
func (m *Manager) Test(ctx context.Context, name string) (e event.Event, took time.Duration, err error) {
	var t *event.Target
	err = m.Store.Read(ctx, func(tx *store.Tx) (err error) {
		t, err = m.find(tx, name)
		return err
	})
	if err != nil {
		return e, 0, err
	}
	e = event.TargetTested(*t, time.Now())
	took, err = deliver(ctx, *t, e)
	return e, took, err
}

// deliver delivers an event to a target now.
func deliver(ctx context.Context, t event.Target, e event.Event) (took time.Duration, err error) {
	sender, err := event.OpenSender(ctx, t)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	err = errors.Join(sender.Send(ctx, []event.Event{e})[0], sender.Close())
	if err != nil {
		return 0, fmt.Errorf("target %s did not accept the event: %w", t.Name, err)
	}
	return time.Since(began), nil
}

// Dead lists at most limit deliveries that were given up, oldest first.
func (m *Manager) Dead(ctx context.Context, name string, limit int) ([]DeadDelivery, error) {
	all := []DeadDelivery{}
	err := m.Store.Read(ctx, func(tx *store.Tx) error {
		if _, err := m.find(tx, name); err != nil {
			return err
		}
		dead, err := tx.DeadDeliveries(name, 0, limit)
		for _, d := range dead {
			all = append(all, DeadDelivery{d.Event.Cursor, d.Attempts, d.Since, d.Error, d.Event})
		}
		return err
	})
	return all, err
}

// Redeliver tries deliveries again that were given up: that of one cursor, or all if it is
// 0. They come after events that came later.
func (m *Manager) Redeliver(ctx context.Context, name string, cursor int64) (n int64, err error) {
	err = m.Store.Write(ctx, func(tx *store.Tx) error {
		_, err := m.find(tx, name)
		if err == nil {
			n, err = tx.Redeliver(name, cursor)
		}
		return err
	})
	return n, err
}

func errConfigured(name string) error {
	return ivsrealtime.Errorf(ivsrealtime.Conflict, "target %s is in the configuration file: change it there", name)
}

// find finds a target of the account.
func (m *Manager) find(tx *store.Tx, name string) (*event.Target, error) {
	t, err := tx.Target(name)
	if err == nil && t.Account != m.Account {
		return nil, ivsrealtime.Errorf(ivsrealtime.Conflict, "target %s belongs to another account", name)
	}
	return t, err
}

// editable finds a target of the account that the configuration file does not name.
func (m *Manager) editable(tx *store.Tx, name string) (*event.Target, error) {
	t, err := m.find(tx, name)
	if err == nil && t.Configured {
		return nil, errConfigured(name)
	}
	return t, err
}

// change changes a target. The status has its newest secret, if that is new.
func (m *Manager) change(ctx context.Context, name string, change func(*store.Tx) error) (now Status, err error) {
	err = m.Store.Write(ctx, func(tx *store.Tx) error {
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
		now, err = status(tx, *after)
		if after.Webhook != nil && len(after.Secrets) > 0 && !known[after.Secrets[0].ID] {
			now.Secret = after.Secrets[0].Key
		}
		return err
	})
	return now, err
}

func status(tx *store.Tx, t event.Target) (Status, error) {
	s := Status{Target: t}
	for _, secret := range t.Secrets {
		s.KeyIDs = append(s.KeyIDs, secret.ID)
	}
	var err error
	s.State, err = tx.TargetState(t.Name)
	return s, err
}

// Describe writes where the target is, and its secret if that is new.
func (s Status) Describe(w io.Writer) {
	fmt.Fprintf(w, "%s delivers to %s.\n", s.Name, s.address())
	if s.Secret != "" {
		fmt.Fprintf(w, "\nkey     %s\nsecret  %s\n\nThe secret is not shown again.\n", s.KeyIDs[0], s.Secret)
	}
}

// address says where a target is.
func (s Status) address() string {
	switch {
	case s.Webhook != nil:
		return s.Webhook.URL
	case s.Bus != nil:
		return "bus " + s.Bus.Name + " in " + s.Bus.Region
	}
	return s.File.Path
}

// DescribeAll writes a table of targets.
func DescribeAll(w io.Writer, all []Status) {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "TARGET\tTO\tBEHIND\tPARKED\tDEAD\tSTATE")
	for _, s := range all {
		state := "delivering"
		if s.Disabled {
			state = "disabled"
		}
		fmt.Fprintf(tab, "%s\t%s\t%d\t%d\t%d\t%s\n", s.Name, s.address(), s.State.Behind, s.State.Parked, s.State.Dead, state)
	}
	_ = tab.Flush()
}

// DescribeDead writes a table of deliveries that were given up.
func DescribeDead(w io.Writer, all []DeadDelivery) {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "CURSOR\tSINCE\tATTEMPTS\tSTAGE\tERROR")
	for _, d := range all {
		fmt.Fprintf(tab, "%d\t%s\t%d\t%s\t%s\n", d.Cursor, d.Since.Format(time.RFC3339), d.Attempts, d.Event.StageARN, strconv.Quote(d.Error))
	}
	_ = tab.Flush()
}
