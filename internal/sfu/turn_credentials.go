package sfu

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"
)

const (
	turnRealm    = "rostrum"
	turnNonceTTL = time.Hour
)

// TURNServer is a TURN server and the credentials for it, as participants get it.
type TURNServer struct {
	URL, Username, Credential string
}

// turnCredentials makes and verifies the credentials and nonces of a TURN server.
type turnCredentials struct {
	core   *core
	secret [32]byte               // for nonces; random for each engine
	key    atomic.Pointer[[]byte] // for passwords; the secret until SetTURNKey
}

// password returns the password of a user name, which starts with its expiry time.
func (c *turnCredentials) password(username string) string {
	mac := hmac.New(sha1.New, *c.key.Load())
	mac.Write([]byte("password " + username))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// longTermKey returns the key of RFC 8489 §9.2.2.
func longTermKey(username, password string) string {
	sum := md5.Sum([]byte(username + ":" + turnRealm + ":" + password))
	return string(sum[:])
}

// nonce returns the nonce for a client's address that is valid from a minute on.
func (c *turnCredentials) nonce(from netip.Addr, minute uint32) string {
	mac := hmac.New(sha256.New, c.secret[:])
	fmt.Fprintf(mac, "nonce %s %d", from, minute)
	b := []byte{byte(minute >> 16), byte(minute >> 8), byte(minute)}
	return base64.RawURLEncoding.EncodeToString(mac.Sum(b)[:9])
}

// minute is the current minute, as nonces contain it.
func (c *turnCredentials) minute() uint32 { return uint32(c.core.now()/time.Minute) & 0xffffff }

// fresh reports whether a nonce was made here, for this client, and is not too old.
func (c *turnCredentials) fresh(nonce []byte, from netip.Addr) bool {
	raw, err := base64.RawURLEncoding.DecodeString(string(nonce))
	if err != nil || len(raw) != 9 {
		return false
	}
	minute := uint32(raw[0])<<16 | uint32(raw[1])<<8 | uint32(raw[2])
	age := c.minute() - minute
	return age <= uint32(turnNonceTTL/time.Minute) && hmac.Equal(nonce, []byte(c.nonce(from, minute)))
}
