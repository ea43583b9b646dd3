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

// channels is the API of channels.
func (s *studio) channels() *official.Client {
	return official.New(official.Options{
		BaseEndpoint: aws.String(s.running.URL), Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""),
	})
}

// openChannel makes one, and the destination that goes there.
func (s *studio) openChannel() (*official.CreateChannelOutput, ivsrealtime.DestinationConfiguration) {
	s.t.Helper()
	made, err := s.channels().CreateChannel(s.t.Context(), &official.CreateChannelInput{Name: aws.String("show")})
	if err != nil {
		s.t.Fatal(err)
	}
	return made, ivsrealtime.DestinationConfiguration{Channel: &ivsrealtime.ChannelDestinationConfiguration{ChannelARN: *made.Channel.Arn, EncoderConfigurationARN: s.encoder}}
}

// ingest is what an encoder is set to that sends to a channel.
func ingest(made *official.CreateChannelOutput) string {
	return "rtmp://" + *made.Channel.IngestEndpoint + "/app/" + *made.StreamKey.Value
}

// A stage is composed into a channel, and the channel is watched.
func TestComposition_GoesToAChannel(t *testing.T) {
	beside(t)
	if _, err := exec.LookPath("ffprobe"); err != nil {
		t.Skip("there is no ffprobe")
	}
	s := openKept(t)
	made, to := s.openChannel()
	channels := s.channels()
	s.publish()
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

// An encoder has the channel: the destination has failed with a conflict, and the
// composition goes on while it has another.
func TestComposition_MeetsAnEncoderOnItsChannel(t *testing.T) {
	beside(t)
	s := openKept(t)
	made, to := s.openChannel()
	s.publish("--size", "640x360")
	failed := func(c *ivsrealtime.Composition) bool { return c.Destinations[0].State == ivsrealtime.DestinationFailed }

	hangUp := encode(t, ingest(made))
	alone := s.begin(to)
	s.awaitComposition(alone.ARN, "FAILED", func(c *ivsrealtime.Composition) bool { return c.State == ivsrealtime.CompositionFailed && failed(c) })
	s.expectEvents(alone.ARN, "Destination Failure ConflictException", "Session Failure DestinationFailure")

	both := s.begin(to, s.bucket())
	s.awaitComposition(both.ARN, "a recording and no channel", func(c *ivsrealtime.Composition) bool {
		return failed(c) && c.Destinations[1].State == ivsrealtime.DestinationActive && c.State == ivsrealtime.CompositionActive
	})
	s.stop(both.ARN)
	s.expectEvents(both.ARN, "Destination Failure ConflictException", "Session Start", "Destination Start", "Destination End", "Session End")
	hangUp()
}
