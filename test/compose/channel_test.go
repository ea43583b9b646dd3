//go:build cgo

package compose

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	official "github.com/aws/aws-sdk-go-v2/service/ivs"

	"rostrum/ivsrealtime"
)

func (s *studio) openChannel() (*official.Client, *official.CreateChannelOutput) {
	s.t.Helper()
	channels := official.New(official.Options{
		BaseEndpoint: aws.String(s.running.URL), Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""),
	})
	made, err := channels.CreateChannel(s.t.Context(), &official.CreateChannelInput{Name: aws.String("show")})
	if err != nil {
		s.t.Fatal(err)
	}
	return channels, made
}

// channelOf is the destination of a channel.
func (s *studio) channelOf(made *official.CreateChannelOutput) ivsrealtime.DestinationConfiguration {
	return ivsrealtime.DestinationConfiguration{Channel: &ivsrealtime.ChannelDestinationConfiguration{ChannelARN: *made.Channel.Arn, EncoderConfigurationARN: s.encoder}}
}

// A stage is composed into a channel, and the channel is watched.
func TestComposition_GoesToAChannel(t *testing.T) {
	if _, err := exec.LookPath("ffprobe"); err != nil {
		t.Skip("there is no ffprobe")
	}
	s := openKept(t)
	channels, made := s.openChannel()
	s.publish()
	to := s.channelOf(made)
	start := &ivsrealtime.StartCompositionInput{StageARN: s.stageARN, Destinations: []ivsrealtime.DestinationConfiguration{to}}
	out, err := s.client.StartComposition(t.Context(), start)
	if err != nil {
		t.Fatal(err)
	}
	s.awaitComposition(out.Composition.ARN, "ACTIVE", composing)
	second, err := s.client.StartComposition(t.Context(), start)
	if err != nil {
		t.Fatal(err)
	}
	s.awaitComposition(second.Composition.ARN, "FAILED, for the channel is taken", func(c *ivsrealtime.Composition) bool {
		return c.State == ivsrealtime.CompositionFailed && c.Destinations[0].State == ivsrealtime.DestinationFailed
	})
	s.awaitComposition(out.Composition.ARN, "live", func(*ivsrealtime.Composition) bool {
		live, err := channels.GetStream(t.Context(), &official.GetStreamInput{ChannelArn: made.Channel.Arn})
		return err == nil && live.Stream.State == "LIVE"
	})
	seen, err := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-show_entries", "stream=codec_name,width", "-of", "csv=p=0", *made.Channel.PlaybackUrl).CombinedOutput()
	if err != nil || !strings.Contains(string(seen), "h264,1280") || !strings.Contains(string(seen), "aac") {
		t.Errorf("ffprobe: %v\n%s", err, seen)
	}
	if said := s.running.Output(); strings.Contains(said, "part duration") {
		t.Errorf("iOS would not play the channel: %s", said)
	}
	s.stop(out.Composition.ARN)
	s.awaitComposition(out.Composition.ARN, "offline", func(*ivsrealtime.Composition) bool {
		_, err := channels.DeleteChannel(t.Context(), &official.DeleteChannelInput{Arn: made.Channel.Arn})
		return err == nil
	})
}

// An encoder has the channel, or takes it: the destination has failed with a
// conflict, and the composition goes on while it has another.
func TestComposition_MeetsAnEncoderOnItsChannel(t *testing.T) {
	s := openKept(t)
	channels, made := s.openChannel()
	address := "rtmp://" + *made.Channel.IngestEndpoint + "/app/" + *made.StreamKey.Value
	s.publish("--size", "640x360")
	failed := func(c *ivsrealtime.Composition) bool { return c.Destinations[0].State == ivsrealtime.DestinationFailed }

	hangUp := encode(t, address)
	alone := s.begin(s.channelOf(made))
	s.awaitComposition(alone.ARN, "FAILED", func(c *ivsrealtime.Composition) bool { return c.State == ivsrealtime.CompositionFailed && failed(c) })
	s.expectEvents(alone.ARN, "Destination Failure ConflictException", "Session Failure DestinationFailure")

	both := s.begin(s.channelOf(made), s.bucket())
	s.awaitComposition(both.ARN, "a recording and no channel", func(c *ivsrealtime.Composition) bool {
		return failed(c) && c.Destinations[1].State == ivsrealtime.DestinationActive && c.State == ivsrealtime.CompositionActive
	})
	s.stop(both.ARN)
	s.expectEvents(both.ARN, "Destination Failure ConflictException", "Session Start", "Destination Start", "Destination End", "Session End")
	hangUp()
	s.awaitComposition(both.ARN, "the channel offline", func(*ivsrealtime.Composition) bool {
		_, err := channels.GetStream(t.Context(), &official.GetStreamInput{ChannelArn: made.Channel.Arn})
		return err != nil
	})

	third := s.begin(s.channelOf(made))
	s.awaitComposition(third.ARN, "ACTIVE", composing)
	if _, err := channels.StopStream(t.Context(), &official.StopStreamInput{ChannelArn: made.Channel.Arn}); err != nil {
		t.Fatal(err)
	}
	s.awaitComposition(third.ARN, "RECONNECTING", func(c *ivsrealtime.Composition) bool {
		return c.Destinations[0].State == ivsrealtime.DestinationReconnecting
	})
	s.awaitComposition(third.ARN, "ACTIVE again", composing)
	if _, err := channels.StopStream(t.Context(), &official.StopStreamInput{ChannelArn: made.Channel.Arn}); err != nil {
		t.Fatal(err)
	}
	hangUp = encode(t, address) // it is there first: the worker waits half a second
	defer hangUp()
	s.awaitComposition(third.ARN, "FAILED", func(c *ivsrealtime.Composition) bool { return c.State == ivsrealtime.CompositionFailed && failed(c) })
	s.expectEvents(third.ARN, "Session Start", "Destination Start", "Destination Reconnecting", "Destination Start", "Destination Reconnecting",
		"Destination Failure ConflictException", "Session Failure DestinationFailure")
}
