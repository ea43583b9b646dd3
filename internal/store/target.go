package store

import (
	"encoding/json"
	"errors"
	"fmt"

	"rostrum/internal/event"
	"rostrum/ivsrealtime"
)

// PutTarget keeps a target of events under its name. A new one gets the events
// that come from now on; one that is there keeps its place, what is parked for
// it, and its secrets unless others are given.
func (tx *Tx) PutTarget(t event.Target) error {
	if err := t.Check(); err != nil {
		return ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "%v", err)
	}
	before, err := tx.Target(t.Name)
	switch {
	case errors.Is(err, ivsrealtime.ResourceNotFound):
	case err != nil:
		return err
	case before.Account != t.Account:
		return conflict("target %s belongs to another account", t.Name)
	case len(t.Secrets) == 0:
		t.Secrets = before.Secrets
	}
	body, sealed, err := tx.encodeTarget(t)
	if err != nil {
		return err
	}
	now, err := tx.LastCursor()
	if err != nil {
		return err
	}
	_, err = tx.exec(`INSERT INTO target (name, account, enabled, revision, place, holder, until, body, sealed) VALUES ($1, $2, $3, 1, $4, '', 0, $5, $6)
		ON CONFLICT (name) DO UPDATE SET enabled = $3, revision = target.revision + 1, body = $5, sealed = $6`,
		t.Name, t.Account, !t.Disabled, now, body, sealed)
	if err != nil {
		return fmt.Errorf("keep target %s: %w", t.Name, err)
	}
	return nil
}

func (tx *Tx) encodeTarget(t event.Target) (body string, sealed []byte, err error) {
	text, err := json.Marshal(t)
	if err != nil {
		return "", nil, fmt.Errorf("encode target %s: %w", t.Name, err)
	}
	secrets, err := json.Marshal(t.Secrets)
	if err != nil {
		return "", nil, fmt.Errorf("encode the secrets of target %s: %w", t.Name, err)
	}
	return string(text), tx.store.vault.seal(targetPlace(t.Name), secrets), nil
}

func targetPlace(name string) string { return "target " + name }

// Target finds a target of events.
func (tx *Tx) Target(name string) (*event.Target, error) {
	found, err := tx.targets(` WHERE name = $1`, name)
	if err == nil && len(found) == 0 {
		err = notFound("target", name)
	}
	if err != nil {
		return nil, err
	}
	return &found[0], nil
}

// Targets lists the targets of events of an account by name; of all accounts
// when it is empty.
func (tx *Tx) Targets(account string) ([]event.Target, error) {
	if account == "" {
		return tx.targets(``)
	}
	return tx.targets(` WHERE account = $1`, account)
}

func (tx *Tx) targets(where string, args ...any) ([]event.Target, error) {
	found, err := collect(tx, func(scan func(...any) error) (t event.Target, err error) {
		var body string
		var sealed []byte
		var revision int64
		if err := scan(&t.Name, &revision, &body, &sealed); err != nil {
			return t, err
		}
		secrets, err := tx.store.vault.open(targetPlace(t.Name), sealed)
		if err != nil {
			return t, err
		}
		if err := json.Unmarshal([]byte(body), &t); err != nil {
			return t, err
		}
		t.Revision = revision
		return t, json.Unmarshal(secrets, &t.Secrets)
	}, `SELECT name, revision, body, sealed FROM target`+where+` ORDER BY name`, args...)
	if err != nil {
		return nil, fmt.Errorf("list the targets of events: %w", err)
	}
	return found, nil
}

// RemoveTarget forgets a target, with all that waits for it.
func (tx *Tx) RemoveTarget(name string) error {
	n, err := tx.exec(`DELETE FROM target WHERE name = $1`, name)
	return one(n, err, "target", name)
}

// A TargetState is how deliveries to a target stand.
type TargetState struct {
	Behind int64 // events of the log that come after its cursor
	Parked int   // deliveries that failed, or wait behind one that did
	Dead   int   // deliveries given up

	// LastError is the newest of those of parked and dead deliveries.
	LastError string
}

// TargetState tells how deliveries to a target stand.
func (tx *Tx) TargetState(name string) (s TargetState, err error) {
	var place, all, dead int64
	newest, err := tx.LastCursor()
	if err != nil {
		return s, err
	}
	found, err := tx.find([]any{&place}, `SELECT place FROM target WHERE name = $1`, name)
	if err == nil && !found {
		err = notFound("target", name)
	}
	if err != nil {
		return s, err
	}
	if _, err = tx.find([]any{&all, &dead}, `SELECT COUNT(*), COUNT(CASE WHEN dead THEN 1 END) FROM delivery WHERE target = $1`, name); err != nil {
		return s, fmt.Errorf("count the deliveries of target %s: %w", name, err)
	}
	s = TargetState{Behind: newest - place, Parked: int(all - dead), Dead: int(dead)}
	if _, err = tx.find([]any{&s.LastError}, `SELECT error FROM delivery WHERE target = $1 AND error <> '' ORDER BY since DESC LIMIT 1`, name); err != nil {
		return s, fmt.Errorf("read the last error of target %s: %w", name, err)
	}
	return s, nil
}

// DeadDeliveries lists what could not be delivered to a target for a day, after
// a cursor, oldest event first.
func (tx *Tx) DeadDeliveries(target string, after int64, limit int) ([]event.ParkedDelivery, error) {
	return tx.deliveries(`target = $1 AND delivery.place > $2 AND dead`, limit, target, after)
}

// Redeliver has dead deliveries tried once more: the one of an event, or with
// the cursor 0 all. It tells how many they are. Those that fail again are dead
// again.
func (tx *Tx) Redeliver(target string, cursor int64) (int64, error) {
	condition, args := "", []any{target}
	if cursor != 0 {
		condition, args = " AND place = $2", append(args, cursor)
	}
	n, err := tx.exec(`UPDATE delivery SET dead = FALSE, due = 0 WHERE target = $1 AND dead`+condition, args...)
	if err != nil {
		return 0, fmt.Errorf("redeliver to %s: %w", target, err)
	}
	changed, err := tx.exec(`UPDATE target SET revision = revision + 1 WHERE name = $1`, target) // who delivers looks anew
	return n, one(changed, err, "target", target)
}
