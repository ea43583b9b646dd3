package sfu

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/netip"
	"time"
)

// A Relay is a TURN server as participants are told of it.
type TURNServer struct {
	URL, Username, Credential string
}

// Relays are the engine's own TURN servers, with credentials of one user that serve to make
// allocations for the given time. An allocation once made outlives them.
func (e *Engine) TURNServers(user string, life time.Duration) []TURNServer {
	if len(e.candidates) == 0 {
		return nil
	}
	name := fmt.Sprintf("%d:%s", time.Now().Add(life).Unix(), user)
	password := e.turn.password(name)
	at := e.candidates[0].Addr.String()
	all := []TURNServer{{"turn:" + at + "?transport=udp", name, password}}
	if e.tcp != nil {
		all = append(all, TURNServer{"turn:" + at + "?transport=tcp", name, password})
	}
	if e.tcp != nil && e.cfg.TURNS != "" {
		all = append(all, TURNServer{"turns:" + e.cfg.TURNS + "?transport=tcp", name, password})
	}
	return all
}

// KeyRelays has credentials made and checked with a key, of which engines that share it take
// each other's and those of the one before them. Without one they end with the engine.
func (e *Engine) SetTURNKey(key []byte) { e.turn.key.Store(&key) }

// password is what belongs to a user name that ends at the time it begins with.
func (v *turnServer) password(username string) string {
	mac := hmac.New(sha1.New, *v.key.Load())
	mac.Write([]byte("password " + username))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// longTermKey is the key of RFC 8489 §9.2.2.
func longTermKey(username, password string) string {
	sum := md5.Sum([]byte(username + ":" + turnRealm + ":" + password))
	return string(sum[:])
}

// nonce holds for a client's address and for the hour that begins with a minute.
func (v *turnServer) nonce(from netip.Addr, minute uint32) string {
	mac := hmac.New(sha256.New, v.secret[:])
	fmt.Fprintf(mac, "nonce %s %d", from, minute)
	b := []byte{byte(minute >> 16), byte(minute >> 8), byte(minute)}
	return base64.RawURLEncoding.EncodeToString(mac.Sum(b)[:9])
}

func (v *turnServer) minute() uint32 { return uint32(v.engine.now()/time.Minute) & 0xffffff }

// fresh tells whether a nonce is ours, for this client, and young enough.
func (v *turnServer) fresh(nonce []byte, from netip.Addr) bool {
	raw, err := base64.RawURLEncoding.DecodeString(string(nonce))
	if err != nil || len(raw) != 9 {
		return false
	}
	minute := uint32(raw[0])<<16 | uint32(raw[1])<<8 | uint32(raw[2])
	age := v.minute() - minute
	return age <= uint32(turnNonceTTL/time.Minute) && hmac.Equal(nonce, []byte(v.nonce(from, minute)))
}
