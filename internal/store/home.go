package store

import (
	"errors"
	"fmt"
)

// A Home is the node where the live session of a stage is: no other may write about that
// session. It is a lease that ends with the node, or when another node finds that the node's
// heartbeat stopped.
type Home struct {
	Node  string
	Epoch int64 // another one each time that a node acquires it
}

// ErrHomeLost says that another node has the home of a stage by now.
var ErrHomeLost = errors.New("the home of the stage is another node by now")

// AcquireHome makes a node the home of a stage that has none, or whose home isDead; if that is
// another node, it returns that one. A node keeps a home that it has.
func (tx *Tx) AcquireHome(stageARN, node string, isDead func(Node) bool) (Home, error) {
	if err := tx.RequireAlive(node); err != nil {
		return Home{}, err
	}
	mine := Home{node, tx.store.next()}
	n, err := tx.exec(`INSERT INTO home (arn, node, epoch) VALUES ($1, $2, $3) ON CONFLICT (arn) DO NOTHING`, stageARN, mine.Node, mine.Epoch)
	if err != nil {
		return Home{}, fmt.Errorf("acquire the home of %s: %w", stageARN, err)
	}
	if n > 0 {
		return mine, nil
	}
	now, found, err := tx.findHome(stageARN, tx.lock("UPDATE"))
	switch {
	case err != nil:
		return Home{}, err
	case !found: // released just now
		return Home{}, conflict("The home of %s changes", stageARN)
	case now.Node == node:
		return now, nil
	}
	owner, err := tx.Node(now.Node)
	if err != nil || owner != nil && !owner.Started.IsZero() && !isDead(*owner) {
		return now, err
	}
	if _, err := tx.exec(`UPDATE home SET node = $2, epoch = $3 WHERE arn = $1`, stageARN, mine.Node, mine.Epoch); err != nil {
		return Home{}, fmt.Errorf("take the home of %s: %w", stageARN, err)
	}
	return mine, nil
}

// Home returns the home of a stage; false if it has none.
func (tx *Tx) Home(stageARN string) (Home, bool, error) { return tx.findHome(stageARN, "") }

func (tx *Tx) findHome(stageARN, lock string) (h Home, found bool, err error) {
	found, err = tx.find([]any{&h.Node, &h.Epoch}, `SELECT node, epoch FROM home WHERE arn = $1`+lock, stageARN)
	if err != nil {
		return h, false, fmt.Errorf("find the home of %s: %w", stageARN, err)
	}
	return h, found, nil
}

// RequireHome fails the transaction of a node that lost a home. In a database that no other
// node uses none is ever lost.
func (tx *Tx) RequireHome(stageARN string, h Home) error {
	if !tx.locks {
		return nil
	}
	now, found, err := tx.findHome(stageARN, tx.lock("SHARE"))
	if err != nil {
		return err
	}
	if !found || now != h {
		return ErrHomeLost
	}
	return nil
}

// ReleaseHome ends a home, unless it was lost.
func (tx *Tx) ReleaseHome(stageARN string, h Home) error {
	if _, err := tx.exec(`DELETE FROM home WHERE arn = $1 AND node = $2 AND epoch = $3`, stageARN, h.Node, h.Epoch); err != nil {
		return fmt.Errorf("release the home of %s: %w", stageARN, err)
	}
	return nil
}

// Homes returns the homes of a node, by stage.
func (tx *Tx) Homes(node string) (map[string]Home, error) {
	type row struct {
		stage string
		home  Home
	}
	rows, err := collect(tx, func(scan func(...any) error) (r row, err error) {
		r.home.Node = node
		err = scan(&r.stage, &r.home.Epoch)
		return r, err
	}, `SELECT arn, epoch FROM home WHERE node = $1`, node)
	if err != nil {
		return nil, fmt.Errorf("list the homes of node %s: %w", node, err)
	}
	all := make(map[string]Home, len(rows))
	for _, r := range rows {
		all[r.stage] = r.home
	}
	return all, nil
}
