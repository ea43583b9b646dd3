package cluster

import (
	"bytes"
	"fmt"
	"image"
	"os"
	"os/exec"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivs"

	"rostrum/internal/testpattern"
	"rostrum/ivsrealtime"
)

// testComposition composes a stage at another node than its home, into a channel that is watched
// at a third, and stops that where neither is.
func testComposition(c *cluster) {
	c.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		c.Skip("there is no ffmpeg")
	}
	const home, composer, other = 1, 2, 0
	stage := c.createStage(other)
	publisher := c.publishPattern(home, stage)
	made, err := c.channels(other).CreateChannel(c.ctx, &ivs.CreateChannelInput{})
	c.check(err)
	out, err := c.clients[composer].StartComposition(c.ctx, &ivsrealtime.StartCompositionInput{
		StageARN: stage, Destinations: []ivsrealtime.DestinationConfiguration{{Channel: &ivsrealtime.ChannelDestinationConfiguration{ChannelARN: *made.Channel.Arn}}},
	})
	c.check(err)
	c.awaitComposition(out.Composition.ARN, ivsrealtime.CompositionActive)
	shown, err := c.channels(other).GetChannel(c.ctx, &ivs.GetChannelInput{Arn: made.Channel.Arn})
	c.check(err)
	c.eventually(func() error { return c.showsPattern(aws.ToString(shown.Channel.PlaybackUrl), publisher) })
	stopped := time.Now()
	_, err = c.clients[other].StopComposition(c.ctx, &ivsrealtime.StopCompositionInput{ARN: out.Composition.ARN})
	c.check(err)
	c.awaitComposition(out.Composition.ARN, ivsrealtime.CompositionStopped)
	c.Logf("the composition has stopped after %v", time.Since(stopped).Round(10*time.Millisecond))
}

// publishPattern has a pattern of 640x360 on a stage until the test ends, sent to a node.
func (c *cluster) publishPattern(node int, stageARN string) (participantID string) {
	c.Helper()
	out, err := c.clients[node].CreateParticipantToken(c.ctx, &ivsrealtime.CreateParticipantTokenInput{StageARN: stageARN})
	c.check(err)
	cmd := exec.CommandContext(c.ctx, c.binary, "publish", "--token", out.ParticipantToken.Token, "--size", "640x360")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	c.check(cmd.Start())
	c.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait() // interrupted by then
	})
	return out.ParticipantToken.ParticipantID
}

func (c *cluster) awaitComposition(arn string, state ivsrealtime.CompositionState) {
	c.Helper()
	for node := range c.nodes {
		c.eventually(func() error {
			got, err := c.clients[node].GetComposition(c.ctx, &ivsrealtime.GetCompositionInput{ARN: arn})
			if err == nil && got.Composition.State != state {
				err = fmt.Errorf("at node %d the composition is %s", node, got.Composition.State)
			}
			return err
		})
	}
}

// showsPattern returns nil if a channel shows the pattern of a participant, over its whole picture
// of 1280x720.
func (c *cluster) showsPattern(playlist, participantID string) error {
	const width, height = 1280, 720
	var says bytes.Buffer
	cmd := exec.CommandContext(c.ctx, "ffmpeg", "-v", "error", "-i", playlist, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-")
	cmd.Stderr = &says
	data, err := cmd.Output()
	if err != nil || len(data) != width*height*3/2 {
		return fmt.Errorf("ffmpeg reads %d bytes of a picture, %w\n%s", len(data), err, says.Bytes())
	}
	img := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
	copy(img.Y, data)
	mark, ok := testpattern.Read(img, float64(8*testpattern.Scale(640, 360))*width/640, time.Now())
	if !ok || mark.Identity != testpattern.IdentityOf(participantID) {
		return fmt.Errorf("the picture does not show the pattern of %s", participantID)
	}
	return nil
}
