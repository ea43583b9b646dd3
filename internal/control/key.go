package control

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"rostrum/internal/policy"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// A key is an access key as requests need it.
type key struct {
	store.AccessKey
	policies []*policy.Policy // nil: everything in the account
	read     time.Time
}

func (k *key) parsePolicies() error {
	for _, document := range k.Policies {
		parsed, err := policy.Parse(document)
		if err != nil {
			return fmt.Errorf("policy of access key %s: %w", k.ID, err)
		}
		k.policies = append(k.policies, parsed)
	}
	return nil
}

// keyring keeps access keys at hand: one is looked up at every request.
type keyring struct {
	mu   sync.Mutex // guards what follows
	keys map[string]*key
}

const (
	// keyLife is how long a revoked key, or a changed policy, may still pass:
	// other processes write to the store too.
	keyLife = time.Second
	maxKeys = 10_000
)

// accessKey finds a key that is good; nil when there is none. A key that was
// asked for in vain is not remembered: strangers could fill the ring.
func (p *Plane) accessKey(ctx context.Context, id string) (*key, error) {
	now := time.Now()
	p.keys.mu.Lock()
	k := p.keys.keys[id]
	p.keys.mu.Unlock()
	if k == nil || now.Sub(k.read) > keyLife {
		var err error
		if k, err = p.readKey(ctx, id, now); k == nil || err != nil {
			return nil, err
		}
	}
	if !k.Revoked.IsZero() {
		return nil, nil
	}
	return k, nil
}

func (p *Plane) readKey(ctx context.Context, id string, now time.Time) (*key, error) {
	k := &key{read: now}
	err := p.store.Read(ctx, func(tx *store.Tx) error {
		stored, err := tx.AccessKey(id)
		if err != nil {
			return err
		}
		k.AccessKey = *stored
		return nil
	})
	if errors.Is(err, ivsrealtime.ResourceNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := k.parsePolicies(); err != nil {
		return nil, err
	}
	p.keys.mu.Lock()
	defer p.keys.mu.Unlock()
	if len(p.keys.keys) >= maxKeys {
		clear(p.keys.keys)
	}
	p.keys.keys[id] = k
	return k, nil
}

// operator finds the oldest key of the first account: whom a server that takes
// any credentials takes everyone for.
func (p *Plane) operator(ctx context.Context) (*key, error) {
	var id string
	err := p.store.Read(ctx, func(tx *store.Tx) error {
		accounts, err := tx.Accounts()
		if err != nil || len(accounts) == 0 {
			return err
		}
		keys, err := tx.AccessKeys(accounts[0].ID)
		if len(keys) > 0 {
			id = keys[0].ID
		}
		return err
	})
	if err != nil || id == "" {
		return nil, err
	}
	return p.accessKey(ctx, id)
}
