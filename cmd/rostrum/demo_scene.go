package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"rostrum/internal/ivs"
	"rostrum/internal/server"
	"rostrum/internal/web"
	"rostrum/internal/worker"
	"rostrum/ivsrealtime"
)

// A scene is the demo's stage, who may be on it, and what is made of it.
type scene struct {
	Endpoint       string `json:"endpoint"`
	StageARN       string `json:"stageArn"`
	Page           string `json:"page"` // shows the stage to whoever opens it
	CompositionARN string `json:"compositionArn,omitempty"`
	ChannelARN     string `json:"channelArn,omitempty"`
	PlaybackURL    string `json:"playbackUrl,omitempty"` // of the channel
	Player         string `json:"player,omitempty"`      // plays the channel to whoever opens it
	Environment    string `json:"environment"`           // the command by which a shell reaches the server
	Try            string `json:"try"`                   // one to follow it

	client     *ivsrealtime.Client
	publishing []string // tokens of the performers
	watching   string   // token of the viewer whose statistics are shown
	names      map[string]string
	folder     string // of the server's data
	prefix     string // of the recording
}

// recordings is the bucket of the demo's recordings.
const recordings = "recordings"

// setScene makes the stage and its participants, by the SDK.
func setScene(ctx context.Context, hello server.Banner) (*scene, error) {
	s := &scene{Endpoint: hello.Endpoint, folder: hello.DataDir, names: map[string]string{}}
	keys, err := ask[environment](ctx, "env", "--data-dir", s.folder, "--public-url", s.Endpoint)
	if err != nil {
		return nil, err
	}
	s.client, err = ivsrealtime.NewClientBuilder().Region(keys.Region).EndpointOverride(keys.Endpoint).
		CredentialsProvider(credentials.NewStaticCredentialsProvider(keys.AccessKey, keys.SecretKey, "")).Build(ctx)
	if err != nil {
		return nil, err
	}
	made, err := s.client.CreateStage(ctx, &ivsrealtime.CreateStageInput{Name: "demo"})
	if err != nil {
		return nil, err
	}
	s.StageARN = made.Stage.ARN
	s.Environment, _, _ = strings.Cut(hello.Try, " && ")
	s.Try = "aws ivs-realtime get-stage --arn " + s.StageARN
	for _, name := range performers {
		token, err := s.join(ctx, name, ivsrealtime.CapabilityPublish)
		if err != nil {
			return nil, err
		}
		s.publishing = append(s.publishing, token)
	}
	if s.watching, err = s.join(ctx, "Viewer", ivsrealtime.CapabilitySubscribe); err != nil {
		return nil, err
	}
	visitor, err := s.join(ctx, "Visitor", ivsrealtime.CapabilityPublish, ivsrealtime.CapabilitySubscribe)
	s.Page = s.Endpoint + web.StagePath + "#" + visitor
	return s, err
}

// join makes the token of a participant.
func (s *scene) join(ctx context.Context, name string, may ...ivsrealtime.Capability) (string, error) {
	t, err := s.client.CreateParticipantToken(ctx, &ivsrealtime.CreateParticipantTokenInput{
		StageARN: s.StageARN, UserID: strings.ToLower(name), Attributes: map[string]string{"name": name}, Capabilities: may,
	})
	if err != nil {
		return "", err
	}
	s.names[t.ParticipantToken.ParticipantID] = name
	return t.ParticipantToken.Token, nil
}

// show starts the composition, tells what there is to see, and in the end where the
// recording is.
func (s *scene) show(ctx context.Context, b *board) error {
	if worker.FindProgram() == "" {
		if err := b.say(s, s.announce); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	}
	if err := s.compose(ctx); err != nil {
		return err
	}
	if _, err := s.await(ctx, airTime, onAir); err != nil {
		return err
	}
	if err := b.say(s, s.announce); err != nil {
		return err
	}
	go s.stopOnEnter(ctx) // ends with standard input, or the process
	c, err := s.await(ctx, 0, over)
	if c == nil || err != nil {
		return err
	}
	e, err := s.ending(ctx, c)
	if err != nil {
		return err
	}
	if err := b.say(e, e.announce); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// airTime is how long the announcement waits for the channel.
const airTime = 10 * time.Second

// compose starts the composition, into a channel and a bucket.
func (s *scene) compose(ctx context.Context) error {
	channel, err := ivsrealtime.Invoke(ctx, s.client, ivs.OpCreateChannel, &ivs.CreateChannelInput{Name: "demo"})
	if err != nil {
		return err
	}
	s.ChannelARN, s.PlaybackURL = channel.Channel.ARN, channel.Channel.PlaybackURL
	s.Player = player(s.Endpoint, s.PlaybackURL)
	format, err := s.client.CreateEncoderConfiguration(ctx, &ivsrealtime.CreateEncoderConfigurationInput{Name: "demo"})
	if err != nil {
		return err
	}
	storage, err := s.client.CreateStorageConfiguration(ctx, &ivsrealtime.CreateStorageConfigurationInput{
		Name: "demo", S3: &ivsrealtime.S3StorageConfiguration{BucketName: recordings},
	})
	if err != nil {
		return err
	}
	encoder := format.EncoderConfiguration.ARN
	started, err := s.client.StartComposition(ctx, &ivsrealtime.StartCompositionInput{
		StageARN: s.StageARN,
		Destinations: []ivsrealtime.DestinationConfiguration{
			{Channel: &ivsrealtime.ChannelDestinationConfiguration{ChannelARN: s.ChannelARN, EncoderConfigurationARN: encoder}},
			{S3: &ivsrealtime.S3DestinationConfiguration{
				StorageConfigurationARN: storage.StorageConfiguration.ARN, EncoderConfigurationARNs: []string{encoder},
			}},
		},
	})
	if err != nil {
		return err
	}
	s.CompositionARN = started.Composition.ARN
	s.prefix = started.Composition.Destinations[1].Detail.S3.RecordingPrefix
	s.Try = "aws ivs-realtime stop-composition --arn " + s.CompositionARN
	return nil
}

// await asks for the composition until it is as wished, or for a time if one is
// given; nil is a composition that wasn't, when ctx ended.
func (s *scene) await(ctx context.Context, most time.Duration, is func(*ivsrealtime.Composition) bool) (*ivsrealtime.Composition, error) {
	began := time.Now()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		out, err := s.client.GetComposition(ctx, &ivsrealtime.GetCompositionInput{ARN: s.CompositionARN})
		switch {
		case ctx.Err() != nil:
			return nil, nil
		case err != nil:
			return nil, err
		case is(out.Composition), most > 0 && time.Since(began) > most:
			return out.Composition, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, nil
		}
	}
}

func onAir(c *ivsrealtime.Composition) bool {
	return c.Destinations[0].State == ivsrealtime.DestinationActive || over(c)
}

func over(c *ivsrealtime.Composition) bool {
	return c.State == ivsrealtime.CompositionStopped || c.State == ivsrealtime.CompositionFailed
}

// stopOnEnter stops the composition at the first line of standard input.
func (s *scene) stopOnEnter(ctx context.Context) {
	if !passLine(os.Stdin) {
		return
	}
	// What is said of it, await sees: the composition ends, or goes on.
	_, _ = s.client.StopComposition(ctx, &ivsrealtime.StopCompositionInput{ARN: s.CompositionARN})
}

// passLine reads to the end of a line, however long, and keeps nothing. It returns false
// if there is no such end.
func passLine(from io.Reader) bool {
	for in := bufio.NewReader(from); ; {
		if c, err := in.ReadByte(); err != nil || c == '\n' {
			return err == nil
		}
	}
}

// player is the page that plays what is at an address.
func player(endpoint, url string) string { return endpoint + web.PlayerPath + "#" + url }

// An ending tells what is left of a composition.
type ending struct {
	CompositionARN string                       `json:"compositionArn"`
	State          ivsrealtime.CompositionState `json:"state"`
	Recording      string                       `json:"recording"` // a link that players open
	Player         string                       `json:"player"`    // plays it to whoever opens it
}

func (s *scene) ending(ctx context.Context, c *ivsrealtime.Composition) (*ending, error) {
	l, err := ask[link](ctx, "link", "--data-dir", s.folder, "--public-url", s.Endpoint, path.Join(recordings, s.prefix))
	return &ending{CompositionARN: c.ARN, State: c.State, Recording: l.URL, Player: player(s.Endpoint, l.URL)}, err
}

func (e *ending) announce(w io.Writer) {
	fmt.Fprintf(w, `
The composition has ended (%s). Its recording:

  %s

`, e.State, e.Player)
}

func (s *scene) announce(w io.Writer) {
	if s.CompositionARN == "" {
		fmt.Fprintf(w, `A stage with two test participants, on %s.

See it in a browser, and publish your camera:

  %s

Look at it with the AWS CLI:

  %s
  %s

Compositions need rostrum-media beside rostrum: make build makes both.

What a viewer receives (Ctrl-C stops):

`, s.Endpoint, s.Page, s.Environment, s.Try)
		return
	}
	fmt.Fprintf(w, `A stage with two test participants, and a composition of it that goes into a
channel and into a recording, on %s.

See the stage in a browser, and publish your camera:

  %s

See the channel:

  %s

Look at it with the AWS CLI, and stop the composition:

  %s
  aws ivs-realtime list-compositions
  %s

Enter stops the composition, too, and you see its recording. Ctrl-C stops all.

What a viewer of the stage receives:

`, s.Endpoint, s.Page, s.Player, s.Environment, s.Try)
}
