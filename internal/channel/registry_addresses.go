package channel

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"

	"rostrum/internal/arn"
	"rostrum/internal/rtmp"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// A reservation is that of a channel for the worker of a composition.
type reservation struct{ channel, composition string } // ARNs

// Reserve makes an address at which a worker of this machine may publish to a
// channel, whatever its stream key, for a composition. It is valid until release
// is called. An error of code ConflictException says what is in the way: another
// composition, a stream, or that there is no RTMP listener.
func (r *Registry) Reserve(ctx context.Context, channelARN, compositionARN string) (address string, release func(), err error) {
	if r.cfg.Local == "" {
		return "", nil, ivsrealtime.Errorf(ivsrealtime.Conflict, "%s can't be sent to: there is no RTMP listener", channelARN)
	}
	secret := make([]byte, 24)
	_, _ = rand.Read(secret) // never fails (crypto/rand)
	key := "ticket_" + hex.EncodeToString(secret)
	hash := sha256.Sum256([]byte(key))
	if err := r.reserve(hash, reservation{channelARN, compositionARN}); err != nil {
		return "", nil, err
	}
	release = func() {
		r.mu.Lock()
		delete(r.workerKeys, hash)
		r.mu.Unlock()
	}
	if err := r.checkOffline(ctx, channelARN); err != nil {
		release()
		return "", nil, err
	}
	return "rtmp://" + r.cfg.Local + "/" + Application + "/" + key, release, nil
}

func (r *Registry) reserve(hash [sha256.Size]byte, wanted reservation) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, taken := range r.workerKeys {
		if taken.channel == wanted.channel {
			return ivsrealtime.Errorf(ivsrealtime.Conflict, "%s is a destination of %s", wanted.channel, taken.composition)
		}
	}
	r.workerKeys[hash] = wanted
	return nil
}

// checkOffline returns what is live on a channel, as an error.
func (r *Registry) checkOffline(ctx context.Context, channelARN string) error {
	return r.store.Read(ctx, func(tx *store.Tx) error {
		c, err := tx.Channels().Get(channelARN)
		if err == nil && c.StreamID != "" {
			err = ivsrealtime.Errorf(ivsrealtime.Conflict, "%s is live with stream %s", channelARN, c.StreamID)
		}
		return err
	})
}

// Application is the first part of an ingest URL's path.
const Application = "app"

// PlaybackPath is the path of [Registry.ServeHTTP].
const PlaybackPath = "/hls/"

// Addresses returns where encoders publish to a channel and viewers watch it.
func (r *Registry) Addresses(channelARN string) (ingest, playback string) {
	name, _ := arn.Parse(channelARN)
	return r.cfg.Ingest, r.cfg.Public + PlaybackPath + name.ID + "/" + playlist
}

// CheckPushURL reports why a stream can't be pushed to an address, without the
// stream key in it. It does not resolve the host.
func (*Registry) CheckPushURL(address string) error { return rtmp.Check(address) }
