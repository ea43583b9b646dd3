package control

import (
	"context"
	"errors"

	"rostrum/internal/arn"
	"rostrum/internal/ivs"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// Channels is what operations need of live channels.
type Channels interface {
	// Addresses returns the ingest endpoint and the playback URL of a channel.
	Addresses(channelARN string) (ingest, playback string)

	// Stream returns the live stream of a channel; false while it is offline.
	Stream(ctx context.Context, channelARN string) (ivs.Stream, bool, error)

	// Streams returns a page of the live streams of an owner's channels, oldest
	// first, and the position of the next page; 0 after the last.
	Streams(ctx context.Context, o store.Owner, health ivs.Health, p store.Page) ([]ivs.Stream, int64, error)

	// Stop disconnects the encoder of a channel, and returns when the channel is
	// offline or ctx ends; false if it was offline.
	Stop(ctx context.Context, channelARN string) (bool, error)

	// CheckPushURL returns the reason why a channel's stream can't be pushed to a
	// URL, without the stream key in it. It does not resolve the host.
	CheckPushURL(address string) error
}

// CreateChannel creates a channel and its stream key.
func (p *Plane) CreateChannel(ctx context.Context, c Caller, in *ivs.CreateChannelInput) (*ivs.CreateChannelOutput, error) {
	name := arn.New(arn.Channel, c.Account, c.Region)
	ch := &store.Channel{Channel: ivs.Channel{
		ARN: name.String(), Name: in.Name, LatencyMode: in.LatencyMode, Type: in.Type, Authorized: in.Authorized, Tags: tagsOf(in.Tags),
		InsecureIngest: in.InsecureIngest, Preset: in.Preset, ContainerFormat: in.ContainerFormat, MultitrackInputConfiguration: in.MultitrackInputConfiguration,
		RecordingConfigurationARN: in.RecordingConfigurationARN, PlaybackRestrictionPolicyARN: in.PlaybackRestrictionPolicyARN,
	}}
	if err := p.complete(&ch.Channel); err != nil {
		return nil, err
	}
	key := newStreamKey(c, ch.ARN, nil)
	err := p.store.Write(ctx, func(tx *store.Tx) error {
		if err := create(c, tx.Channels(), ch, p.limits.Channels, "channels"); err != nil {
			return err
		}
		return tx.StreamKeys().Create(key)
	})
	return &ivs.CreateChannelOutput{Channel: p.withAddresses(ch), StreamKey: key}, err
}

// complete sets a channel's defaults and checks that Rostrum supports its options.
func (p *Plane) complete(ch *ivs.Channel) error {
	for _, other := range []string{ch.RecordingConfigurationARN, ch.PlaybackRestrictionPolicyARN} {
		if other != "" {
			return notFound(other) // Rostrum has no such resources
		}
	}
	if problem := ch.Complete(); problem != "" {
		return ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "%s", problem)
	}
	return p.checkPushTag(ch.Tags)
}

// checkPushTag checks the tag with the URL that a channel's stream is pushed to.
// The address of its host is checked when it connects.
func (p *Plane) checkPushTag(tags map[string]string) error {
	to, wanted := tags[ivs.TagPushURL]
	if !wanted {
		return nil
	}
	if err := p.channels.CheckPushURL(to); err != nil {
		return ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "tags.%s is not a valid push URL: %v", ivs.TagPushURL, err)
	}
	return nil
}

// withAddresses returns a channel for a response.
func (p *Plane) withAddresses(ch *store.Channel) *ivs.Channel {
	if ch == nil {
		return nil
	}
	ch.IngestEndpoint, ch.PlaybackURL = p.channels.Addresses(ch.ARN)
	return &ch.Channel
}

// GetChannel returns a channel.
func (p *Plane) GetChannel(ctx context.Context, _ Caller, in *ivs.GetChannelInput) (*ivs.GetChannelOutput, error) {
	ch, err := get(ctx, p, (*store.Tx).Channels, in.ARN)
	return &ivs.GetChannelOutput{Channel: p.withAddresses(ch)}, err
}

// BatchGetChannel returns channels, and an error for each that it can't return.
func (p *Plane) BatchGetChannel(ctx context.Context, c Caller, in *ivs.BatchGetChannelInput) (*ivs.BatchGetChannelOutput, error) {
	found, failed, err := batch(ctx, p, c, "BatchGetChannel", (*store.Tx).Channels, in.ARNs)
	return &ivs.BatchGetChannelOutput{Errors: failed, Channels: each(found, func(ch *store.Channel) ivs.Channel { return *p.withAddresses(ch) })}, err
}

// batch reads several resources of one kind. An error of one resource is in
// failed; an error of the store fails the whole batch.
func batch[T any](ctx context.Context, p *Plane, c Caller, operation string, kind func(*store.Tx) store.Resources[T], names []string) (found []T, failed []ivs.BatchError, err error) {
	err = p.store.Read(ctx, func(tx *store.Tx) error {
		found, failed = nil, []ivs.BatchError{}
		for _, name := range names {
			err := checkScope(c, operation, name)
			var doc *T
			if err == nil {
				doc, err = kind(tx).Get(name)
			}
			var e *ivsrealtime.Error
			switch {
			case err == nil:
				found = append(found, *doc)
			case errors.As(err, &e):
				failed = append(failed, ivs.BatchError{ARN: name, Code: string(e.Code), Message: e.Message})
			default:
				return err
			}
		}
		return nil
	})
	return found, failed, err
}

// ListChannels lists the caller's channels, oldest first.
func (p *Plane) ListChannels(ctx context.Context, c Caller, in *ivs.ListChannelsInput) (*ivs.ListChannelsOutput, error) {
	if problem := in.Filters(); problem != "" {
		return nil, ivsrealtime.Errorf(ivsrealtime.Conflict, "%s", problem)
	}
	f := store.Filter{Name: in.FilterByName}
	for _, used := range []string{in.FilterByRecordingConfigurationARN, in.FilterByPlaybackRestrictionPolicyARN} {
		if used != "" {
			f.Uses = append(f.Uses, used)
		}
	}
	filters := []string{in.FilterByName, in.FilterByRecordingConfigurationARN, in.FilterByPlaybackRestrictionPolicyARN}
	q := listQuery{query: query{c, "ListChannels", filters}, token: in.NextToken, maxResults: in.MaxResults, page: 100}
	all, next, err := list(ctx, p, q, resources((*store.Tx).Channels, c, f))
	return &ivs.ListChannelsOutput{NextToken: next, Channels: each(all, func(ch *store.Channel) ivs.ChannelSummary {
		return ivs.ChannelSummary{
			ARN: ch.ARN, Name: ch.Name, LatencyMode: ch.LatencyMode, Type: ch.Type, RecordingConfigurationARN: ch.RecordingConfigurationARN,
			Authorized: ch.Authorized, Tags: ch.Tags, InsecureIngest: ch.InsecureIngest, Preset: ch.Preset,
			PlaybackRestrictionPolicyARN: ch.PlaybackRestrictionPolicyARN,
		}
	})}, err
}

// UpdateChannel changes a channel that is offline. Absent members stay.
func (p *Plane) UpdateChannel(ctx context.Context, _ Caller, in *ivs.UpdateChannelInput) (*ivs.UpdateChannelOutput, error) {
	var ch *store.Channel
	err := p.store.Write(ctx, func(tx *store.Tx) (err error) {
		ch, err = tx.Channels().Update(in.ARN, func(ch *store.Channel) error {
			if err := offline(ch); err != nil {
				return err
			}
			amend(&ch.Channel, in)
			return p.complete(&ch.Channel)
		})
		return err
	})
	return &ivs.UpdateChannelOutput{Channel: p.withAddresses(ch)}, err
}

// offline returns a ConflictException while the channel is live.
func offline(ch *store.Channel) error {
	if ch.StreamID != "" {
		return ivsrealtime.Errorf(ivsrealtime.Conflict, "%s is live with stream %s; stop it first", ch.ARN, ch.StreamID)
	}
	return nil
}

// amend applies an update.
func amend(ch *ivs.Channel, in *ivs.UpdateChannelInput) {
	ch.Name = *or(in.Name, ch.Name)
	ch.Authorized = *or(in.Authorized, ch.Authorized)
	ch.InsecureIngest = *or(in.InsecureIngest, ch.InsecureIngest)
	if in.Type != "" && in.Type != ch.Type {
		ch.Type, ch.Preset = in.Type, "" // of the old type
	}
	ch.Preset = *or(in.Preset, ch.Preset)
	if in.LatencyMode != "" {
		ch.LatencyMode = in.LatencyMode
	}
	if in.ContainerFormat != "" {
		ch.ContainerFormat = in.ContainerFormat
	}
	if in.MultitrackInputConfiguration != nil {
		ch.MultitrackInputConfiguration = in.MultitrackInputConfiguration
	}
	ch.RecordingConfigurationARN, ch.PlaybackRestrictionPolicyARN = in.RecordingConfigurationARN, in.PlaybackRestrictionPolicyARN
}

// DeleteChannel deletes a channel that is offline, and its stream key.
func (p *Plane) DeleteChannel(ctx context.Context, c Caller, in *ivs.DeleteChannelInput) (*ivs.Unit, error) {
	err := p.store.Write(ctx, func(tx *store.Tx) error {
		ch, err := tx.Channels().Get(in.ARN)
		if err != nil {
			return err
		}
		if err := offline(ch); err != nil {
			return err
		}
		keys, _, err := tx.StreamKeys().List(c.owner(), store.Filter{Uses: []string{in.ARN}}, store.Page{Limit: 1}) // one at most
		if err != nil {
			return err
		}
		for _, k := range keys {
			if err := tx.StreamKeys().Delete(k.ARN); err != nil {
				return err
			}
		}
		return deleteUnused(tx, tx.Channels(), in.ARN)
	})
	return &ivs.Unit{}, err
}
