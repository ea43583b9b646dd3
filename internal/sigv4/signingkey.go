package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"sync"
)

// scopedSecret is what a signing key is derived from, together with the service.
type scopedSecret struct {
	secret, day, region string
}

type signingKey [sha256.Size]byte

// derive derives the signing key for a day, region and service.
func (s scopedSecret) derive(service string) signingKey {
	key := mac([]byte("AWS4"+s.secret), s.day)
	key = mac(key, s.region)
	key = mac(key, service)
	return signingKey(mac(key, terminator))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// keyGeneration bounds the keys of one generation of a cache.
const keyGeneration = 1024

// keyCache caches signing keys in two generations: when the young one is full it
// replaces the old one, and keys in use move from old to young. It has at most
// twice keyGeneration keys.
type keyCache struct {
	mu         sync.Mutex // guards what follows
	young, old map[scopedSecret]signingKey
}

func (c *keyCache) get(s scopedSecret) (signingKey, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if key, ok := c.young[s]; ok {
		return key, true
	}
	key, ok := c.old[s]
	if ok {
		c.keep(s, key)
	}
	return key, ok
}

func (c *keyCache) put(s scopedSecret, key signingKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep(s, key)
}

func (c *keyCache) keep(s scopedSecret, key signingKey) {
	if c.young == nil || len(c.young) >= keyGeneration {
		c.old, c.young = c.young, make(map[scopedSecret]signingKey)
	}
	c.young[s] = key
}
