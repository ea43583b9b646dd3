package control

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"

	"rostrum/ivsrealtime"
)

// A pager makes and reads page tokens. A token is encrypted, and valid only for
// the same account, region, operation and filters.
type pager struct{ aead cipher.AEAD }

// newPager returns a pager with a key of 32 bytes that all nodes share.
func newPager(key []byte) (pager, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return pager{}, fmt.Errorf("page token key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return pager{}, fmt.Errorf("page token key: %w", err)
	}
	return pager{aead}, nil
}

// A query is what a page token is bound to.
type query struct {
	caller    Caller
	operation string
	filters   []string
}

func (q query) bytes() []byte {
	return []byte(strings.Join(append([]string{q.caller.Account, q.caller.Region, q.operation}, q.filters...), "\x00"))
}

// seal returns the token of the page after position; empty if there is none.
func (p pager) seal(q query, position int64) string {
	if position == 0 {
		return ""
	}
	nonce := make([]byte, p.aead.NonceSize(), p.aead.NonceSize()+8+p.aead.Overhead())
	_, _ = rand.Read(nonce) // never fails (crypto/rand)
	sealed := p.aead.Seal(nonce, nonce, binary.BigEndian.AppendUint64(nil, uint64(position)), q.bytes())
	return base64.RawURLEncoding.EncodeToString(sealed)
}

// open returns the position in a token; 0 for no token.
func (p pager) open(q query, token string) (int64, error) {
	if token == "" {
		return 0, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if n := p.aead.NonceSize(); err == nil && len(raw) > n {
		if plain, err := p.aead.Open(nil, raw[:n], raw[n:], q.bytes()); err == nil && len(plain) == 8 {
			return int64(binary.BigEndian.Uint64(plain)), nil
		}
	}
	return 0, ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "nextToken is not one that this operation returned for the same filters")
}
