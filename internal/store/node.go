package store

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"rostrum/internal/arn"
)

// A Node is a process that uses the store, or one that did.
type Node struct {
	ID      string
	Started time.Time // zero once others declared it dead
	Seen    time.Time // its last heartbeat, by its own clock
	NodeAddress
}

// A NodeAddress says how a node is reached, and what it understands. It is empty for a node of
// a version that had none.
type NodeAddress struct {
	Public   string // URL at which clients reach it
	Internal string // HOST:PORT at which other nodes reach it
	Version  string
	Protocol int // of what nodes send each other
}

// AddNode adds this process as a node, with its first heartbeat.
func (tx *Tx) AddNode(id string, now time.Time, at NodeAddress) error {
	_, err := tx.exec(`INSERT INTO node (id, started, seen, public, internal, version, protocol, beat) VALUES ($1, $2, $2, $3, $4, $5, $6, `+tx.now()+`)`,
		id, now.UnixMicro(), at.Public, at.Internal, at.Version, at.Protocol)
	if err != nil {
		return fmt.Errorf("add node %s: %w", id, err)
	}
	return nil
}

// now is the database's clock in microseconds, in SQL.
func (tx *Tx) now() string {
	if tx.store.db.shared() {
		return `CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)`
	}
	return `CAST((julianday('now') - 2440587.5) * 86400000000 AS BIGINT)`
}

// Beat writes a node's heartbeat. It reports whether the node is there; another
// node may have declared it dead, and forgotten it.
func (tx *Tx) Beat(id string, now time.Time) (there bool, err error) {
	n, err := tx.exec(`UPDATE node SET seen = $2, beat = `+tx.now()+` WHERE id = $1 AND started <> 0`, id, now.UnixMicro())
	if err != nil {
		return false, fmt.Errorf("write the heartbeat of node %s: %w", id, err)
	}
	return n > 0, nil
}

// ErrDeclaredDead says that other nodes close what this one had open: nothing that it still
// has to say is true.
var ErrDeclaredDead = errors.New("node was declared dead by another")

// DeclareDead keeps a node from writing more with RequireAlive and RequireHome, and waits for
// what it writes now. It comes before what the node had open is closed.
func (tx *Tx) DeclareDead(id string) error {
	if _, err := tx.exec(`UPDATE node SET started = 0 WHERE id = $1`, id); err != nil {
		return fmt.Errorf("declare node %s dead: %w", id, err)
	}
	if _, err := tx.exec(`DELETE FROM home WHERE node = $1`, id); err != nil {
		return fmt.Errorf("end the homes of node %s: %w", id, err)
	}
	return nil
}

// RequireAlive fails the transaction of a node that others declared dead. A database that
// no other node uses has none that could.
func (tx *Tx) RequireAlive(id string) error {
	if !tx.locks {
		return nil
	}
	alive, err := tx.names(`SELECT id FROM node WHERE id = $1 AND started <> 0 FOR SHARE`, id)
	if err != nil {
		return fmt.Errorf("find node %s: %w", id, err)
	}
	if len(alive) == 0 {
		return ErrDeclaredDead
	}
	return nil
}

const nodeColumns = `id, started, seen, public, internal, version, protocol`

func scanNode(scan func(...any) error) (n Node, err error) {
	var started, seen sql.NullInt64
	err = scan(&n.ID, &started, &seen, &n.Public, &n.Internal, &n.Version, &n.Protocol)
	n.Started, n.Seen = moment(started), moment(seen)
	if started.Int64 == 0 {
		n.Started = time.Time{}
	}
	return n, err
}

// Node finds a node; nil if there is none.
func (tx *Tx) Node(id string) (*Node, error) {
	all, err := collect(tx, scanNode, `SELECT `+nodeColumns+` FROM node WHERE id = $1`, id)
	if err != nil {
		return nil, fmt.Errorf("find node %s: %w", id, err)
	}
	if len(all) == 0 {
		return nil, nil
	}
	return &all[0], nil
}

// A NodeStatus is a node, and what it does now.
type NodeStatus struct {
	Node
	Silent       time.Duration // since its last heartbeat, by the database's clock
	Sessions     int           // live sessions of stages
	Participants int
}

// NodeStatuses lists the nodes that have a heartbeat, oldest first.
func (tx *Tx) NodeStatuses() ([]NodeStatus, error) {
	all, err := collect(tx, func(scan func(...any) error) (s NodeStatus, err error) {
		var silent int64
		s.Node, err = scanNode(func(to ...any) error { return scan(append(to, &silent, &s.Sessions, &s.Participants)...) })
		s.Silent = time.Duration(silent) * time.Microsecond
		return s, err
	}, `SELECT `+nodeColumns+`, `+tx.now()+` - beat,
		(SELECT COUNT(*) FROM session WHERE session.node = node.id AND ended IS NULL),
		(SELECT COUNT(*) FROM participant WHERE participant.node = node.id AND participant.state = 'CONNECTED')
		FROM node WHERE started <> 0 ORDER BY started, id`)
	if err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	return all, nil
}

// Nodes lists all nodes, and those that were forgotten and still have something open, with
// zero times: a node that was taken for dead may have written once more.
func (tx *Tx) Nodes() ([]Node, error) {
	all, err := collect(tx, scanNode, `SELECT `+nodeColumns+` FROM node
		UNION ALL SELECT node, CAST(NULL AS BIGINT), CAST(NULL AS BIGINT), '', '', '', 0 FROM (
			SELECT node FROM hold
			UNION SELECT node FROM session WHERE ended IS NULL
			UNION SELECT node FROM participant WHERE state = 'CONNECTED'
			UNION SELECT node FROM replication WHERE state = 'ACTIVE'
			UNION SELECT node FROM recording
		) AS open WHERE node <> '' AND NOT EXISTS (SELECT 1 FROM node WHERE node.id = open.node)`)
	if err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	return all, nil
}

// ForgetNode deletes the row of a node that has nothing open any more.
func (tx *Tx) ForgetNode(id string) error {
	if _, err := tx.exec(`DELETE FROM node WHERE id = $1`, id); err != nil {
		return fmt.Errorf("forget node %s: %w", id, err)
	}
	return nil
}

// Hold assigns a live resource (a channel, a composition) to a node; a conflict
// when another node holds it.
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

// HolderOf finds the node that holds a resource; nil if none does.
func (tx *Tx) HolderOf(arn string) (*Node, error) {
	all, err := tx.names(`SELECT node FROM hold WHERE arn = $1`, arn)
	if err != nil {
		return nil, fmt.Errorf("find who holds %s: %w", arn, err)
	}
	if len(all) == 0 {
		return nil, nil
	}
	return tx.Node(all[0])
}

// ChannelHolders returns the nodes that hold channels, by the ids of these.
func (tx *Tx) ChannelHolders() (map[string]Node, error) {
	type held struct {
		channel string
		node    Node
	}
	all, err := collect(tx, func(scan func(...any) error) (h held, err error) {
		h.node, err = scanNode(func(to ...any) error { return scan(append(to, &h.channel)...) })
		return h, err
	}, `SELECT `+nodeColumns+`, hold.arn FROM hold JOIN node ON node.id = hold.node WHERE hold.arn LIKE '%:channel/%'`)
	if err != nil {
		return nil, fmt.Errorf("find who holds channels: %w", err)
	}
	holders := make(map[string]Node, len(all))
	for _, h := range all {
		_, id, _ := strings.Cut(h.channel, ":channel/")
		holders[id] = h.node
	}
	return holders, nil
}

// Release ends a node's hold and reports whether there was one.
func (tx *Tx) Release(name, node string) (held bool, err error) {
	n, err := tx.exec(`DELETE FROM hold WHERE arn = $1 AND node = $2`, name, node)
	if err != nil {
		return false, fmt.Errorf("release %s: %w", name, err)
	}
	return n > 0, nil
}

// ReleaseAll ends all holds of a node.
func (tx *Tx) ReleaseAll(node string) error {
	if _, err := tx.exec(`DELETE FROM hold WHERE node = $1`, node); err != nil {
		return fmt.Errorf("release what node %s holds: %w", node, err)
	}
	return nil
}

// TakeCompositions assigns the living compositions that one node holds to
// another, and names them.
func (tx *Tx) TakeCompositions(from, to string) ([]string, error) {
	all, err := tx.names(`UPDATE hold SET node = $1 WHERE node = $2
		AND arn IN (SELECT arn FROM resource WHERE kind = $3 AND living) RETURNING arn`, to, from, string(arn.Composition))
	if err != nil {
		return nil, fmt.Errorf("take compositions of node %s: %w", from, err)
	}
	return all, nil
}

// OpenCompositions names all compositions that have not ended, of all accounts
// and nodes.
func (tx *Tx) OpenCompositions() ([]string, error) {
	return tx.names(`SELECT arn FROM resource WHERE kind = $1 AND living ORDER BY seq`, string(arn.Composition))
}

// Held lists the ARNs of the resources that a node holds.
func (tx *Tx) Held(node string) ([]string, error) {
	return tx.names(`SELECT arn FROM hold WHERE node = $1 ORDER BY arn`, node)
}
