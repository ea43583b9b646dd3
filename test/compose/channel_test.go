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

// A stage is composed into a channel, and the channel is watched.
func TestComposition_GoesToAChannel(t *testing.T) {
	if _, err := exec.LookPath("ffprobe"); err != nil {
		t.Skip("there is no ffprobe")
	}
	s := openKept(t)
	channels := official.New(official.Options{
		BaseEndpoint: aws.String(s.running.URL), Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""),
	})
	made, err := channels.CreateChannel(t.Context(), &official.CreateChannelInput{Name: aws.String("show")})
	if err != nil {
		t.Fatal(err)
	}
	s.publish()
	to := ivsrealtime.DestinationConfiguration{Channel: &ivsrealtime.ChannelDestinationConfiguration{ChannelARN: *made.Channel.Arn, EncoderConfigurationARN: s.encoder}}
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
	s.stop(out.Composition.ARN)
	s.awaitComposition(out.Composition.ARN, "offline", func(*ivsrealtime.Composition) bool {
		_, err := channels.DeleteChannel(t.Context(), &official.DeleteChannelInput{Arn: made.Channel.Arn})
		return err == nil
	})
}
