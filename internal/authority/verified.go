package authority

import (
	"crypto/sha256"
	"sync"

	"rostrum/internal/token"
)

// verifiedTokens caches tokens whose signature was verified: a participant
// sends its token with every request, and ES384 costs more than the rest of a
// request. Only the hash of a token is stored. What can change (time, key,
// stage, revocation) is checked on every request.
//
// It has two generations: a token that is found moves to the recent one, and when
// that is full the old one is dropped.
type verifiedTokens struct {
	mu          sync.Mutex // guards what follows
	recent, old map[[sha256.Size]byte]token.Claims
}

// maxGeneration bounds the tokens of a generation, of about 1 KB each.
const maxGeneration = 8192

func (v *verifiedTokens) find(sum [sha256.Size]byte) (token.Claims, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if c, ok := v.recent[sum]; ok {
		return c, true
	}
	c, ok := v.old[sum]
	if ok {
		v.addLocked(sum, c)
	}
	return c, ok
}

func (v *verifiedTokens) add(sum [sha256.Size]byte, c token.Claims) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.addLocked(sum, c)
}

func (v *verifiedTokens) addLocked(sum [sha256.Size]byte, c token.Claims) {
	if v.recent == nil || len(v.recent) >= maxGeneration {
		v.old, v.recent = v.recent, make(map[[sha256.Size]byte]token.Claims)
	}
	v.recent[sum] = c
}
