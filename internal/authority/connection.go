package authority

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/store"
	"rostrum/internal/token"
)

// AuthorizeConnection checks a connection token, with which one events socket carries
// several stages. It lets nobody join a stage: each needs a participant token. Errors are
// *Refusal, or of the context.
func (a *Authority) AuthorizeConnection(ctx context.Context, raw string) (token.ConnectionClaims, error) {
	c, err := a.verifyConnection(ctx, raw)
	var refusal *Refusal
	switch {
	case err == nil:
		return c, nil
	case errors.As(err, &refusal):
		return c, refusal
	case errors.Is(err, token.Expired):
		return c, &Refusal{Code: TokenExpired, Kind: Unauthenticated, Detail: err.Error()}
	case token.IsReason(err):
		return c, &Refusal{Code: TokenMalformed, Kind: Unauthenticated, Detail: err.Error(), Reason: reasonOf(err)}
	case ctx.Err() != nil:
		return c, ctx.Err()
	}
	return c, Failure("look up the connection token", err)
}

func (a *Authority) verifyConnection(ctx context.Context, raw string) (token.ConnectionClaims, error) {
	c, err := token.VerifyConnection(raw, time.Now(), func(kid string) (key *ecdsa.PublicKey, err error) {
		if kid == "" {
			return nil, fmt.Errorf("%w: an application signs connection tokens, with a key that it imported", token.NoKey)
		}
		err = a.store.Read(ctx, func(tx *store.Tx) error {
			key, err = publicKey(tx, kid)
			return err
		})
		return key, err
	})
	if err != nil {
		return c, err
	}
	key, err := arn.Parse(c.KeyARN)
	switch {
	case err != nil || key.Account != c.AccountID || key.Region != c.Region:
		return c, Refuse(Unauthenticated, TokenMalformed, "the claims account_id and region are not those of the key that signed the token")
	case !a.anyNode && c.EventsURL != a.endpoints.Events:
		return c, Refuse(Unauthenticated, TokenMalformed, "the claim events_url is not the server's")
	}
	revoked := false
	err = a.store.Read(ctx, func(tx *store.Tx) (err error) {
		revoked, err = tx.ConnectionRevoked(store.ConnectionID{Account: c.AccountID, Region: c.Region, ID: c.ID})
		return err
	})
	if err == nil && revoked {
		err = Refuse(Forbidden, TokenRevoked, "the connection token was revoked")
	}
	return c, err
}

// RevokedConnections lists the connection tokens that were revoked since a time, by any
// node.
func (a *Authority) RevokedConnections(ctx context.Context, since time.Time) (all []store.ConnectionID, err error) {
	err = a.store.Read(ctx, func(tx *store.Tx) error {
		all, err = tx.ConnectionsRevokedSince(since)
		return err
	})
	return all, err
}
