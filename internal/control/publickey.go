package control

import (
	"context"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/store"
	"rostrum/internal/token"
	"rostrum/ivsrealtime"
)

// ImportPublicKey stores the public key of an application that signs participant
// tokens. The same key can't be imported twice.
func (p *Plane) ImportPublicKey(ctx context.Context, c Caller, in *ivsrealtime.ImportPublicKeyInput) (*ivsrealtime.ImportPublicKeyOutput, error) {
	fingerprint, err := parsePublicKey(in.PublicKeyMaterial)
	if err != nil {
		return nil, err
	}
	k := &ivsrealtime.PublicKey{
		ARN: arn.New(arn.PublicKey, c.Account, c.Region).String(), Name: in.Name, Tags: tagsOf(in.Tags),
		PublicKeyMaterial: in.PublicKeyMaterial, Fingerprint: fingerprint,
	}
	err = p.store.Write(ctx, func(tx *store.Tx) error {
		return create(c, tx.PublicKeys(), k, p.limits.PublicKeys, "public keys")
	})
	return &ivsrealtime.ImportPublicKeyOutput{PublicKey: k}, err
}

// GetPublicKey returns a key with its material and fingerprint.
func (p *Plane) GetPublicKey(ctx context.Context, _ Caller, in *ivsrealtime.GetPublicKeyInput) (*ivsrealtime.GetPublicKeyOutput, error) {
	k, err := get(ctx, p, (*store.Tx).PublicKeys, in.ARN)
	return &ivsrealtime.GetPublicKeyOutput{PublicKey: k}, err
}

// DeletePublicKey deletes a key: tokens signed with it are invalid from now on.
// Connected participants stay.
func (p *Plane) DeletePublicKey(ctx context.Context, _ Caller, in *ivsrealtime.DeletePublicKeyInput) (*ivsrealtime.DeletePublicKeyOutput, error) {
	err := p.store.Write(ctx, func(tx *store.Tx) error { return tx.PublicKeys().Delete(in.ARN) })
	return &ivsrealtime.DeletePublicKeyOutput{}, err
}

// RevokeConnectionToken makes a connection token worthless. The nodes disconnect who is
// connected with it. An id that nobody has used is revoked as well: tokens are not stored.
func (p *Plane) RevokeConnectionToken(ctx context.Context, c Caller, in *ivsrealtime.RevokeConnectionTokenInput) (*ivsrealtime.RevokeConnectionTokenOutput, error) {
	now := time.Now()
	id := store.ConnectionID{Account: c.Account, Region: c.Region, ID: in.TokenID}
	err := p.store.Write(ctx, func(tx *store.Tx) error {
		return tx.RevokeConnection(id, now, now.Add(token.MaxConnectionLifetime+token.Leeway))
	})
	return &ivsrealtime.RevokeConnectionTokenOutput{}, err
}

// ListPublicKeys lists the caller's keys, oldest first.
func (p *Plane) ListPublicKeys(ctx context.Context, c Caller, in *ivsrealtime.ListPublicKeysInput) (*ivsrealtime.ListPublicKeysOutput, error) {
	q := listQuery{query: query{caller: c, operation: "ListPublicKeys"}, token: in.NextToken, maxResults: in.MaxResults, page: 50}
	all, next, err := list(ctx, p, q, resources((*store.Tx).PublicKeys, c, store.Filter{}))
	return &ivsrealtime.ListPublicKeysOutput{NextToken: next, PublicKeys: each(all, func(k *ivsrealtime.PublicKey) ivsrealtime.PublicKeySummary {
		return ivsrealtime.PublicKeySummary{ARN: k.ARN, Name: k.Name, Tags: k.Tags}
	})}, err
}
