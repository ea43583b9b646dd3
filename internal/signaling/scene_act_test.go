package signaling_test

import (
	"errors"
	"time"

	"rostrum/internal/peer"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// problemOf is the refusal in err, or an empty one.
func problemOf(err error) peer.Problem {
	var p *peer.Problem
	if errors.As(err, &p) {
		return *p
	}
	return peer.Problem{}
}

func (c *scene) revoke(id string) {
	c.Helper()
	c.write(func(tx *store.Tx) error { return tx.Revoke(c.stage.String(), id, time.Now().Add(time.Hour)) })
}

func (c *scene) deleteStage() {
	c.Helper()
	c.write(func(tx *store.Tx) error { return tx.Stages().Delete(c.stage.String()) })
}

// asToken reads a token that was signed elsewhere.
func (c *scene) asToken(raw string) peer.Token {
	c.Helper()
	t, err := peer.ReadToken(raw)
	if err != nil {
		c.Fatal(err)
	}
	return t
}

func isCode(err error, code ivsrealtime.Code) bool { return errors.Is(err, code) }
