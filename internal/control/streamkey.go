package control

import (
	"context"
	"strings"

	"rostrum/internal/arn"
	"rostrum/internal/ivs"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// newStreamKey returns a new key: sk_<region>_<id>_<secret>, as the service has it.
func newStreamKey(c Caller, channelARN string, tags map[string]string) *ivs.StreamKey {
	const secretLength = 32
	name := arn.New(arn.StreamKey, c.Account, c.Region)
	return &ivs.StreamKey{
		ARN: name.String(), ChannelARN: channelARN, Tags: tagsOf(tags),
		Value: strings.Join([]string{"sk", c.Region, name.ID, arn.NewSecret(secretLength)}, "_"),
	}
}

// CreateStreamKey creates the key of a channel that has none.
func (p *Plane) CreateStreamKey(ctx context.Context, c Caller, in *ivs.CreateStreamKeyInput) (*ivs.CreateStreamKeyOutput, error) {
	if err := checkScope(c, "CreateStreamKey", in.ChannelARN); err != nil {
		return nil, err
	}
	key := newStreamKey(c, in.ChannelARN, in.Tags)
	err := p.store.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.Channels().Get(in.ChannelARN); err != nil { // locked against a concurrent CreateStreamKey
			return err
		}
		n, err := tx.StreamKeys().CountUsing(in.ChannelARN)
		if err != nil {
			return err
		}
		if err := checkQuota(n, 1, "stream keys of a channel"); err != nil {
			return err
		}
		return tx.StreamKeys().Create(key)
	})
	return &ivs.CreateStreamKeyOutput{StreamKey: key}, err
}

// GetStreamKey returns a stream key with its value.
func (p *Plane) GetStreamKey(ctx context.Context, _ Caller, in *ivs.GetStreamKeyInput) (*ivs.GetStreamKeyOutput, error) {
	key, err := get(ctx, p, (*store.Tx).StreamKeys, in.ARN)
	return &ivs.GetStreamKeyOutput{StreamKey: key}, err
}

// BatchGetStreamKey returns stream keys, and an error for each that it can't return.
func (p *Plane) BatchGetStreamKey(ctx context.Context, c Caller, in *ivs.BatchGetStreamKeyInput) (*ivs.BatchGetStreamKeyOutput, error) {
	found, failed, err := batch(ctx, p, c, "BatchGetStreamKey", (*store.Tx).StreamKeys, in.ARNs)
	return &ivs.BatchGetStreamKeyOutput{Errors: failed, StreamKeys: each(found, func(k *ivs.StreamKey) ivs.StreamKey { return *k })}, err
}

// ListStreamKeys lists the key of a channel, without its value.
func (p *Plane) ListStreamKeys(ctx context.Context, c Caller, in *ivs.ListStreamKeysInput) (*ivs.ListStreamKeysOutput, error) {
	if _, err := get(ctx, p, (*store.Tx).Channels, in.ChannelARN); err != nil {
		return nil, err
	}
	q := listQuery{query: query{c, "ListStreamKeys", []string{in.ChannelARN}}, token: in.NextToken, maxResults: in.MaxResults, page: 50}
	all, next, err := list(ctx, p, q, resources((*store.Tx).StreamKeys, c, store.Filter{Uses: []string{in.ChannelARN}}))
	return &ivs.ListStreamKeysOutput{NextToken: next, StreamKeys: each(all, func(k *ivs.StreamKey) ivs.StreamKeySummary {
		return ivs.StreamKeySummary{ARN: k.ARN, ChannelARN: k.ChannelARN, Tags: k.Tags}
	})}, err
}

// DeleteStreamKey deletes a key. A live stream that uses it continues.
func (p *Plane) DeleteStreamKey(ctx context.Context, _ Caller, in *ivs.DeleteStreamKeyInput) (*ivs.Unit, error) {
	err := p.store.Write(ctx, func(tx *store.Tx) error { return tx.StreamKeys().Delete(in.ARN) })
	return &ivs.Unit{}, err
}

// GetStream returns the live stream of a channel.
func (p *Plane) GetStream(ctx context.Context, _ Caller, in *ivs.GetStreamInput) (*ivs.GetStreamOutput, error) {
	if _, err := get(ctx, p, (*store.Tx).Channels, in.ChannelARN); err != nil {
		return nil, err
	}
	s, ok, err := p.channels.Stream(ctx, in.ChannelARN)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, notBroadcasting(in.ChannelARN)
	}
	return &ivs.GetStreamOutput{Stream: &s}, nil
}

func notBroadcasting(channelARN string) error {
	return ivsrealtime.Errorf(ivsrealtime.ChannelNotBroadcasting, "%s is offline", channelARN)
}

// ListStreams lists the live streams of the caller's channels, oldest first.
func (p *Plane) ListStreams(ctx context.Context, c Caller, in *ivs.ListStreamsInput) (*ivs.ListStreamsOutput, error) {
	var health ivs.Health
	if in.FilterBy != nil {
		health = in.FilterBy.Health
	}
	q := listQuery{query: query{c, "ListStreams", []string{string(health)}}, token: in.NextToken, maxResults: in.MaxResults, page: 100}
	all, next, err := paged(p, q, func(page store.Page) ([]ivs.Stream, int64, error) { // other nodes answer: no transaction waits
		return p.channels.Streams(ctx, c.owner(), health, page)
	})
	return &ivs.ListStreamsOutput{NextToken: next, Streams: each(all, func(s *ivs.Stream) ivs.StreamSummary {
		return ivs.StreamSummary{ChannelARN: s.ChannelARN, StreamID: s.StreamID, StartTime: s.StartTime, State: s.State, Health: s.Health, ViewerCount: s.ViewerCount}
	})}, err
}

// StopStream disconnects the encoder of a channel. The encoder may reconnect
// unless the key is deleted first.
func (p *Plane) StopStream(ctx context.Context, _ Caller, in *ivs.StopStreamInput) (*ivs.StopStreamOutput, error) {
	if _, err := get(ctx, p, (*store.Tx).Channels, in.ChannelARN); err != nil {
		return nil, err
	}
	stopped, err := p.channels.Stop(ctx, in.ChannelARN)
	if err != nil {
		return nil, err
	}
	if !stopped {
		return nil, notBroadcasting(in.ChannelARN)
	}
	return &ivs.StopStreamOutput{}, nil
}
