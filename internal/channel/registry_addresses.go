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

// Reserve makes an address at which a worker of this machine may publish to a
// channel, whatever its stream key. It is valid until release is called. An
// error of code ConflictException says that the channel is live, or has no
// RTMP listener.
func (r *Registry) Reserve(ctx context.Context, channelARN string) (address string, release func(), err error) {
	if r.cfg.Local == "" {
		return "", nil, ivsrealtime.Errorf(ivsrealtime.Conflict, "%s can't be sent to: there is no RTMP listener", channelARN)
	}
	err = r.store.Read(ctx, func(tx *store.Tx) error {
		c, err := tx.Channels().Get(channelARN)
		if err == nil && c.StreamID != "" {
			err = ivsrealtime.Errorf(ivsrealtime.Conflict, "%s is live with stream %s", channelARN, c.StreamID)
		}
		return err
	})
	if err != nil {
		return "", nil, err
	}
	secret := make([]byte, 24)
	_, _ = rand.Read(secret) // never fails (crypto/rand)
	key := "ticket_" + hex.EncodeToString(secret)
	hash := sha256.Sum256([]byte(key))
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, taken := range r.workerKeys {
		if taken == channelARN {
			return "", nil, ivsrealtime.Errorf(ivsrealtime.Conflict, "another composition goes to %s", channelARN)
		}
	}
	r.workerKeys[hash] = channelARN
	return "rtmp://" + r.cfg.Local + "/" + Application + "/" + key, func() {
		r.mu.Lock()
		delete(r.workerKeys, hash)
		r.mu.Unlock()
	}, nil
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
