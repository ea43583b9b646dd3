package store

import (
	"fmt"
	"time"
)

// A ConnectionID names a connection token: its owner's account and region, and its id.
type ConnectionID struct{ Account, Region, ID string }

// RevokeConnection makes a connection token worthless. until is when the longest-lived
// token of that id has expired.
func (tx *Tx) RevokeConnection(c ConnectionID, now, until time.Time) error {
	_, err := tx.exec(`INSERT INTO revoked_connection (account, region, id, revoked, until) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (account, region, id) DO UPDATE SET revoked = $4, until = $5`, c.Account, c.Region, c.ID, now.UnixMicro(), until.UnixMicro())
	if err != nil {
		return fmt.Errorf("revoke connection token %s: %w", c.ID, err)
	}
	return nil
}

// ConnectionRevoked reports whether a connection token is worthless.
func (tx *Tx) ConnectionRevoked(c ConnectionID) (revoked bool, err error) {
	_, err = tx.find([]any{&revoked}, `SELECT EXISTS (SELECT 1 FROM revoked_connection WHERE account = $1 AND region = $2 AND id = $3)`, c.Account, c.Region, c.ID)
	return revoked, err
}

// ConnectionsRevokedSince lists the connection tokens that were revoked since a time.
func (tx *Tx) ConnectionsRevokedSince(since time.Time) ([]ConnectionID, error) {
	return collect(tx, func(scan func(...any) error) (c ConnectionID, err error) {
		err = scan(&c.Account, &c.Region, &c.ID)
		return c, err
	}, `SELECT account, region, id FROM revoked_connection WHERE revoked >= $1`, since.UnixMicro())
}
