package stage

import (
	"crypto/sha256"
	"sync"

	"rostrum/internal/token"
)

// verified remembers tokens whose signature held: a participant shows its token
// with every request, and ES384 costs more than all else a request does. Only
// the hash is kept. What can change (time, key, stage, revocation) is asked
// each time anew.
//
// It holds two generations: what is found moves into the young one, and when
// that is full the old one is forgotten.
type verified struct {
	mu         sync.Mutex // guards what follows
	young, old map[[sha256.Size]byte]token.Claims
}

// generation bounds the tokens of a generation, of about 1 KB each.
const generation = 8192

func (v *verified) find(sum [sha256.Size]byte) (token.Claims, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if c, ok := v.young[sum]; ok {
		return c, true
	}
	c, ok := v.old[sum]
	if ok {
		v.add(sum, c)
	}
	return c, ok
}

func (v *verified) keep(sum [sha256.Size]byte, c token.Claims) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.add(sum, c)
}

func (v *verified) add(sum [sha256.Size]byte, c token.Claims) {
	if v.young == nil || len(v.young) >= generation {
		v.old, v.young = v.young, make(map[[sha256.Size]byte]token.Claims)
	}
	v.young[sum] = c
}
