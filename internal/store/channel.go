package store

import (
	"fmt"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/ivs"
)

// A Channel is a channel as it is kept.
type Channel struct {
	ivs.Channel

	// StreamID is what it shows now, empty while it is offline. Who writes it
	// holds the channel ([Tx.Hold]).
	StreamID string `json:"streamId,omitempty"`
	// SessionStart is when its encoder connected, StreamStart when it could first
	// be watched; zero before.
	SessionStart time.Time `json:"sessionStart,omitzero"`
	StreamStart  time.Time `json:"streamStart,omitzero"`
	// Push is how it goes with sending the stream on; nil while none is.
	Push *Push `json:"push,omitempty"`
}

// A Push is how it goes with sending a channel's stream on to another platform.
type Push struct {
	Host   string    `json:"host"`
	Up     bool      `json:"up"` // it takes the stream; else it is tried again
	Since  time.Time `json:"since"`
	Reason string    `json:"reason,omitempty"` // why it does not
}

// Channels are the channels.
func (tx *Tx) Channels() Resources[Channel] { return Resources[Channel]{tx, &channels} }

// StreamKeys are the stream keys of channels.
func (tx *Tx) StreamKeys() Resources[ivs.StreamKey] {
	return Resources[ivs.StreamKey]{tx, &channelKeys}
}

// StreamKey finds a channel's stream key by its value.
func (tx *Tx) StreamKey(value string) (*ivs.StreamKey, error) {
	return tx.StreamKeys().byAlias(streamKeyAlias(tx.store.vault, value))
}

// LiveChannels are the ARNs of all channels that show something, of every account.
func (tx *Tx) LiveChannels() ([]string, error) {
	all, err := tx.names(`SELECT arn FROM resource WHERE kind = $1 AND state <> '' ORDER BY seq`, string(arn.Channel))
	if err != nil {
		return nil, fmt.Errorf("list live channels: %w", err)
	}
	return all, nil
}

var channels = kind[Channel]{
	name: arn.Channel, title: "Channel",
	arn:   func(c *Channel) string { return c.ARN },
	tags:  func(c *Channel) *map[string]string { return &c.Tags },
	label: func(c *Channel) string { return c.Name },
	state: func(c *Channel) string { return c.StreamID },
}

var channelKeys = kind[ivs.StreamKey]{
	name: arn.StreamKey, title: "Stream key",
	arn:     func(k *ivs.StreamKey) string { return k.ARN },
	tags:    func(k *ivs.StreamKey) *map[string]string { return &k.Tags },
	uses:    func(k *ivs.StreamKey) []string { return []string{k.ChannelARN} },
	secrets: func(k *ivs.StreamKey) []*string { return []*string{&k.Value} },
	aliases: func(v *vault, k *ivs.StreamKey) []string { return []string{streamKeyAlias(v, k.Value)} },
}
