package api_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	official "github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/aws/aws-sdk-go-v2/service/ivs/types"
	"github.com/aws/smithy-go"

	"rostrum/internal/control"
)

// channelClient is the official SDK, as alice or bob.
func channelClient(h *fixture, id, secret string) *official.Client {
	return official.New(official.Options{
		BaseEndpoint: aws.String(h.URL), Region: region, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, ""),
	})
}

func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return fmt.Sprint(err)
}

func TestChannels_OfficialSDKCallsEveryOperation(t *testing.T) {
	h := newFixture(t, control.OpenLimits())
	ctx := context.Background()
	alice := channelClient(h, "AKIAALICE", "alice-secret")
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}

	made, err := alice.CreateChannel(ctx, &official.CreateChannelInput{Name: aws.String("show"), Tags: map[string]string{"a": "b"}})
	must("CreateChannel", err)
	ch, key := made.Channel, made.StreamKey
	if ch.Type != types.ChannelTypeStandardChannelType || ch.LatencyMode != types.ChannelLatencyModeLowLatency || ch.Preset != "" ||
		*ch.IngestEndpoint != "127.0.0.1:1935" || !strings.HasPrefix(*ch.PlaybackUrl, "http://127.0.0.1:7080/hls/") || ch.Tags["a"] != "b" {
		t.Errorf("a new channel is %+v", ch)
	}
	if !strings.HasPrefix(*key.Value, "sk_"+region+"_") || *key.ChannelArn != *ch.Arn {
		t.Errorf("its key is %+v", key)
	}

	got, err := alice.GetChannel(ctx, &official.GetChannelInput{Arn: ch.Arn})
	must("GetChannel", err)
	if *got.Channel.Name != "show" || *got.Channel.PlaybackUrl != *ch.PlaybackUrl {
		t.Errorf("GetChannel shows %+v, expected %+v", got.Channel, ch)
	}
	absent := strings.Replace(*ch.Arn, "channel/", "channel/x", 1)
	batch, err := alice.BatchGetChannel(ctx, &official.BatchGetChannelInput{Arns: []string{*ch.Arn, absent}})
	must("BatchGetChannel", err)
	if len(batch.Channels) != 1 || len(batch.Errors) != 1 || *batch.Errors[0].Code != "ResourceNotFoundException" {
		t.Errorf("BatchGetChannel shows %+v and %+v", batch.Channels, batch.Errors)
	}

	second, err := alice.CreateChannel(ctx, &official.CreateChannelInput{Type: types.ChannelTypeAdvancedHDChannelType})
	must("CreateChannel", err)
	if second.Channel.Preset != types.TranscodePresetHigherBandwidthTranscodePreset {
		t.Errorf("an advanced channel has the preset %q", second.Channel.Preset)
	}
	pages := official.NewListChannelsPaginator(alice, &official.ListChannelsInput{MaxResults: aws.Int32(1)})
	var names []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		must("ListChannels", err)
		for _, c := range page.Channels {
			names = append(names, *c.Arn)
		}
	}
	if fmt.Sprint(names) != fmt.Sprint([]string{*ch.Arn, *second.Channel.Arn}) {
		t.Errorf("ListChannels shows %v", names)
	}
	byName, err := alice.ListChannels(ctx, &official.ListChannelsInput{FilterByName: aws.String("show")})
	must("ListChannels", err)
	if len(byName.Channels) != 1 || *byName.Channels[0].Arn != *ch.Arn {
		t.Errorf("ListChannels by name shows %v", byName.Channels)
	}
	updated, err := alice.UpdateChannel(ctx, &official.UpdateChannelInput{Arn: ch.Arn, Name: aws.String("other"), InsecureIngest: true})
	must("UpdateChannel", err)
	if *updated.Channel.Name != "other" || !updated.Channel.InsecureIngest || updated.Channel.Type != types.ChannelTypeStandardChannelType {
		t.Errorf("UpdateChannel made %+v", updated.Channel)
	}

	gotKey, err := alice.GetStreamKey(ctx, &official.GetStreamKeyInput{Arn: key.Arn})
	must("GetStreamKey", err)
	if *gotKey.StreamKey.Value != *key.Value {
		t.Errorf("the key is %s, expected %s", *gotKey.StreamKey.Value, *key.Value)
	}
	keys, err := alice.BatchGetStreamKey(ctx, &official.BatchGetStreamKeyInput{Arns: []string{*key.Arn}})
	must("BatchGetStreamKey", err)
	listed, err := alice.ListStreamKeys(ctx, &official.ListStreamKeysInput{ChannelArn: ch.Arn})
	must("ListStreamKeys", err)
	if len(keys.StreamKeys) != 1 || len(listed.StreamKeys) != 1 || *listed.StreamKeys[0].Arn != *key.Arn {
		t.Errorf("the lists show %v and %v", keys.StreamKeys, listed.StreamKeys)
	}
	_, err = alice.TagResource(ctx, &official.TagResourceInput{ResourceArn: key.Arn, Tags: map[string]string{"c": "d"}})
	must("TagResource", err)
	tags, err := alice.ListTagsForResource(ctx, &official.ListTagsForResourceInput{ResourceArn: key.Arn})
	must("ListTagsForResource", err)
	if tags.Tags["c"] != "d" {
		t.Errorf("the key's tags are %v", tags.Tags)
	}
	streams, err := alice.ListStreams(ctx, &official.ListStreamsInput{FilterBy: &types.StreamFilters{Health: types.StreamHealth("HEALTHY")}})
	must("ListStreams", err)
	if len(streams.Streams) != 0 {
		t.Errorf("ListStreams shows %v", streams.Streams)
	}

	bob := channelClient(h, "AKIABOB", "bob-secret")
	for what, c := range map[string]struct {
		expected string
		do       func() error
	}{
		"a second key": {"ServiceQuotaExceededException", func() error {
			_, err := alice.CreateStreamKey(ctx, &official.CreateStreamKeyInput{ChannelArn: ch.Arn})
			return err
		}},
		"two filters": {"ConflictException", func() error {
			_, err := alice.ListChannels(ctx, &official.ListChannelsInput{FilterByName: aws.String("x"), FilterByRecordingConfigurationArn: aws.String("arn:aws:ivs:eu-west-1:1:recording-configuration/x")})
			return err
		}},
		"a stream that is none": {"ChannelNotBroadcasting", func() error {
			_, err := alice.GetStream(ctx, &official.GetStreamInput{ChannelArn: ch.Arn})
			return err
		}},
		"an end to none": {"ChannelNotBroadcasting", func() error {
			_, err := alice.StopStream(ctx, &official.StopStreamInput{ChannelArn: ch.Arn})
			return err
		}},
		"a private channel": {"ValidationException", func() error {
			_, err := alice.CreateChannel(ctx, &official.CreateChannelInput{Authorized: true})
			return err
		}},
		"a preset without its type": {"ValidationException", func() error {
			_, err := alice.CreateChannel(ctx, &official.CreateChannelInput{Preset: types.TranscodePresetHigherBandwidthTranscodePreset})
			return err
		}},
		"a channel that is none": {"ResourceNotFoundException", func() error {
			_, err := alice.GetStream(ctx, &official.GetStreamInput{ChannelArn: &absent})
			return err
		}},
		"another's channel": {"AccessDeniedException", func() error {
			_, err := bob.GetChannel(ctx, &official.GetChannelInput{Arn: ch.Arn})
			return err
		}},
		"a key for another's channel": {"AccessDeniedException", func() error {
			_, err := bob.CreateStreamKey(ctx, &official.CreateStreamKeyInput{ChannelArn: ch.Arn})
			return err
		}},
		"an operation not offered": {"AccessDeniedException", func() error {
			_, err := alice.PutMetadata(ctx, &official.PutMetadataInput{ChannelArn: ch.Arn, Metadata: aws.String("x")})
			return err
		}},
	} {
		if got := code(c.do()); got != c.expected {
			t.Errorf("%s is answered by %s, expected %s", what, got, c.expected)
		}
	}

	_, err = alice.DeleteStreamKey(ctx, &official.DeleteStreamKeyInput{Arn: key.Arn})
	must("DeleteStreamKey", err)
	again, err := alice.CreateStreamKey(ctx, &official.CreateStreamKeyInput{ChannelArn: ch.Arn})
	must("CreateStreamKey", err)
	_, err = alice.DeleteChannel(ctx, &official.DeleteChannelInput{Arn: ch.Arn})
	must("DeleteChannel", err)
	if _, err := alice.GetStreamKey(ctx, &official.GetStreamKeyInput{Arn: again.StreamKey.Arn}); code(err) != "ResourceNotFoundException" {
		t.Errorf("a deleted channel's key is answered by %v", err)
	}
}
