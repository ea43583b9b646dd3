package store

import (
	"database/sql"
	"fmt"
	"time"

	"rostrum/internal/arn"
)

// A Node is one running Rostrum, or one that ran.
type Node struct {
	ID      string
	Started time.Time
	Seen    time.Time // when it last said that it lives
}

// Beat says that a node lives. A node calls it every few seconds, with an id it
// minted at its start: what an earlier process left open bears another id.
func (tx *Tx) Beat(id string, now time.Time) error {
	_, err := tx.exec(`INSERT INTO node (id, started, seen) VALUES ($1, $2, $2) ON CONFLICT (id) DO UPDATE SET seen = $2`, id, now.UnixMicro())
	if err != nil {
		return fmt.Errorf("note that node %s lives: %w", id, err)
	}
	return nil
}

// SilentNodes are the nodes that were not seen since a time. Who closes what one
// had open gives the time it was last seen as the end, then forgets it.
func (tx *Tx) SilentNodes(since time.Time) ([]Node, error) {
	all, err := collect(tx, func(scan func(...any) error) (n Node, err error) {
		var started, seen sql.NullInt64
		err = scan(&n.ID, &started, &seen)
		n.Started, n.Seen = moment(started), moment(seen)
		return n, err
	}, `SELECT id, started, seen FROM node WHERE seen < $1 ORDER BY seen`, since.UnixMicro())
	if err != nil {
		return nil, fmt.Errorf("list silent nodes: %w", err)
	}
	return all, nil
}

// Alive reports whether a node was seen after a time.
func (tx *Tx) Alive(id string, since time.Time) (bool, error) {
	var seen int64
	return tx.find([]any{&seen}, `SELECT seen FROM node WHERE id = $1 AND seen > $2`, id, since.UnixMicro())
}

// ForgetNode removes a node that ended, or whose open things are closed.
func (tx *Tx) ForgetNode(id string) error {
	_, err := tx.exec(`DELETE FROM node WHERE id = $1`, id)
	return err
}

// Hold puts a live resource (an ingest configuration that is published through,
// a composition) into a node's hands; a conflict when it is in another's.
func (tx *Tx) Hold(name, node string) error {
	n, err := tx.exec(`INSERT INTO hold (arn, node) VALUES ($1, $2) ON CONFLICT (arn) DO UPDATE SET node = $2 WHERE hold.node = $2`, name, node)
	if err != nil {
		return fmt.Errorf("hold %s: %w", name, err)
	}
	if n == 0 {
		return conflict("%s is in use elsewhere", name)
	}
	return nil
}

// Release ends a hold; a resource that nobody holds is left as it is.
func (tx *Tx) Release(name, node string) error {
	_, err := tx.exec(`DELETE FROM hold WHERE arn = $1 AND node = $2`, name, node)
	return err
}

// An Orphan is a live resource in the hands of a node that ended or died.
type Orphan struct {
	ARN    string
	Former string // the node that had it last; empty if none did
}

// AdoptCompositions puts the open compositions that no live node holds into
// a node's hands and names them: those of nodes that ended or died.
func (tx *Tx) AdoptCompositions(node string) ([]Orphan, error) {
	all, err := collect(tx, func(scan func(...any) error) (o Orphan, err error) {
		return o, scan(&o.ARN, &o.Former)
	}, `SELECT resource.arn, COALESCE(hold.node, '') FROM resource LEFT JOIN hold ON hold.arn = resource.arn WHERE kind = $1 AND living
		AND NOT EXISTS (SELECT 1 FROM node WHERE node.id = hold.node) ORDER BY seq`, string(arn.Composition))
	if err != nil {
		return nil, fmt.Errorf("look for compositions that nobody holds: %w", err)
	}
	for _, o := range all {
		if _, err := tx.exec(`INSERT INTO hold (arn, node) VALUES ($1, $2) ON CONFLICT (arn) DO UPDATE SET node = $2`, o.ARN, node); err != nil {
			return nil, fmt.Errorf("adopt %s: %w", o.ARN, err)
		}
	}
	return all, nil
}

// OpenCompositions names all compositions that have not ended, of all accounts
// and nodes.
func (tx *Tx) OpenCompositions() ([]string, error) {
	return tx.names(`SELECT arn FROM resource WHERE kind = $1 AND living ORDER BY seq`, string(arn.Composition))
}

// Held are the ARNs of the resources in a node's hands, or in them when it died.
func (tx *Tx) Held(node string) ([]string, error) {
	return tx.names(`SELECT arn FROM hold WHERE node = $1 ORDER BY arn`, node)
}

// Holder is the node that holds a resource, "" when none does.
func (tx *Tx) Holder(name string) (string, error) {
	var node string
	_, err := tx.find([]any{&node}, `SELECT node FROM hold WHERE arn = $1`, name)
	return node, err
}
