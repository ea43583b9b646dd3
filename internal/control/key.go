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

// A key is an access key with its parsed policies.
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

// keyCache caches access keys: each request needs one.
type keyCache struct {
	mu   sync.Mutex // guards what follows
	keys map[string]*key
}

const (
	// keyCacheTTL bounds how long a revoked key or an old policy stays in use:
	// other processes write to the store, too.
	keyCacheTTL   = time.Second
	maxCachedKeys = 10_000
)

// accessKey returns a valid key; nil if there is none. Unknown keys are not
// cached: clients without a key could fill the cache.
func (p *Plane) accessKey(ctx context.Context, id string) (*key, error) {
	now := time.Now()
	p.keys.mu.Lock()
	k := p.keys.keys[id]
	p.keys.mu.Unlock()
	if k == nil || now.Sub(k.read) > keyCacheTTL {
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
	if len(p.keys.keys) >= maxCachedKeys {
		clear(p.keys.keys)
	}
	p.keys.keys[id] = k
	return k, nil
}

// operator returns the oldest key of the first account: the caller of all
// requests on a server without authentication.
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
