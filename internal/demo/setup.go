package demo

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"rostrum/internal/config"
	"rostrum/internal/ivs"
	"rostrum/internal/operator"
	"rostrum/internal/server"
	"rostrum/internal/store"
	"rostrum/internal/web"
	"rostrum/internal/worker"
	"rostrum/ivsrealtime"
	"rostrum/realtime"
)

// A setup is the demo's stage, the tokens of its participants, and its composition.
type setup struct {
	Console        string `json:"console"` // the console, signed in by whoever opens it first
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
	settings   *config.Settings
	publishing []realtime.Token  // of the test participants
	watching   realtime.Token    // of the viewer whose statistics are shown
	names      map[string]string // by participant
	storage    string            // the storage configuration of all recordings
	prefix     string            // of the composition's recording
	leave      func()            // ends what the test participants publish
}

const (
	recordings       = "recordings" // the bucket
	recordingLinkTTL = 24 * time.Hour
	onAirTimeout     = 10 * time.Second // how long the announcement waits for the channel
)

// newSetup creates the stage and the tokens of its participants.
func newSetup(ctx context.Context, s *config.Settings, banner *server.Banner) (*setup, error) {
	u := &setup{Console: banner.Console, Endpoint: banner.Endpoint, settings: s, names: map[string]string{}}
	if err := u.connect(ctx); err != nil {
		return nil, err
	}
	if err := u.createStage(ctx); err != nil {
		return nil, err
	}
	u.Environment, _, _ = strings.Cut(banner.Try, " && ")
	u.Try = "aws ivs-realtime get-stage --arn " + u.StageARN
	for _, name := range participants {
		token, err := u.join(ctx, name, ivsrealtime.CapabilityPublish)
		if err != nil {
			return nil, err
		}
		u.publishing = append(u.publishing, token)
	}
	var err error
	if u.watching, err = u.join(ctx, "Viewer", ivsrealtime.CapabilitySubscribe); err != nil {
		return nil, err
	}
	visitor, err := u.join(ctx, "Visitor", ivsrealtime.CapabilityPublish, ivsrealtime.CapabilitySubscribe)
	if err != nil {
		return nil, err
	}
	second, err := u.join(ctx, "Second visitor", ivsrealtime.CapabilityPublish, ivsrealtime.CapabilitySubscribe)
	u.Page = u.Endpoint + web.StagePath + "#" + visitor.Raw + "&stage=demo&invite=" + second.Raw
	return u, err
}

// createStage creates a stage that records its participants.
func (u *setup) createStage(ctx context.Context) error {
	storage, err := u.client.CreateStorageConfiguration(ctx, &ivsrealtime.CreateStorageConfigurationInput{
		Name: "demo", S3: &ivsrealtime.S3StorageConfiguration{BucketName: recordings},
	})
	if err != nil {
		return err
	}
	u.storage = storage.StorageConfiguration.ARN
	recording := &ivsrealtime.AutoParticipantRecordingConfiguration{
		StorageConfigurationARN: &u.storage, HLSConfiguration: &ivsrealtime.ParticipantRecordingHLSConfiguration{TargetSegmentDurationSeconds: new(2)},
	}
	if worker.FindProgram() != "" {
		recording.ThumbnailConfiguration = &ivsrealtime.ParticipantThumbnailConfiguration{
			RecordingMode: ivsrealtime.ThumbnailInterval, TargetIntervalSeconds: new(2),
			Storage: []ivsrealtime.ThumbnailStorageType{ivsrealtime.ThumbnailSequential, ivsrealtime.ThumbnailLatest},
		}
	}
	made, err := u.client.CreateStage(ctx, &ivsrealtime.CreateStageInput{Name: "demo", AutoParticipantRecordingConfiguration: recording})
	if err != nil {
		return err
	}
	u.StageARN = made.Stage.ARN
	return nil
}

// connect makes a client of the API with the operator's key.
func (u *setup) connect(ctx context.Context) error {
	return u.settings.WithStore(ctx, func(st *store.Store) error {
		key, _, err := operator.Ensure(ctx, st, u.settings.Operator())
		if err != nil {
			return err
		}
		u.client, err = ivsrealtime.NewClientBuilder().Region(string(u.settings.Region)).EndpointOverride(u.Endpoint).
			CredentialsProvider(credentials.NewStaticCredentialsProvider(key.ID, key.Secret, "")).Build(ctx)
		return err
	})
}

// join creates the token of a participant.
func (u *setup) join(ctx context.Context, name string, may ...ivsrealtime.Capability) (realtime.Token, error) {
	t, err := u.client.CreateParticipantToken(ctx, &ivsrealtime.CreateParticipantTokenInput{
		StageARN: u.StageARN, UserID: strings.ToLower(name), Attributes: map[string]string{"name": name}, Capabilities: may,
	})
	if err != nil {
		return realtime.Token{}, err
	}
	u.names[t.ParticipantToken.ParticipantID] = name
	return realtime.ReadToken(t.ParticipantToken.Token)
}

// show starts the composition, tells what there is to see, and in the end where the
// recordings are.
func (u *setup) show(ctx context.Context, b *board) error {
	composes := worker.FindProgram() != ""
	if composes {
		if err := u.compose(ctx); err != nil {
			return err
		}
		if _, err := u.await(ctx, onAirTimeout, onAir); err != nil {
			return err
		}
	}
	if err := b.say(u, u.announce); err != nil {
		return err
	}
	entered := make(chan struct{})
	go u.stopOnEnter(ctx, entered) // ends with standard input, or the process
	var c *ivsrealtime.Composition
	if composes {
		var err error
		if c, err = u.await(ctx, 0, over); c == nil || err != nil {
			return err
		}
	} else {
		select {
		case <-entered:
		case <-ctx.Done():
			return nil
		}
	}
	u.leave()
	e, err := u.ending(ctx, c)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	if err := b.say(e, e.announce); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// compose starts the composition, into a channel and a bucket.
func (u *setup) compose(ctx context.Context) error {
	channel, err := ivsrealtime.Invoke(ctx, u.client, ivs.OpCreateChannel, &ivs.CreateChannelInput{Name: "demo"})
	if err != nil {
		return err
	}
	u.ChannelARN, u.PlaybackURL = channel.Channel.ARN, channel.Channel.PlaybackURL
	u.Player = player(u.Endpoint, u.PlaybackURL)
	format, err := u.client.CreateEncoderConfiguration(ctx, &ivsrealtime.CreateEncoderConfigurationInput{Name: "demo"})
	if err != nil {
		return err
	}
	encoder := format.EncoderConfiguration.ARN
	started, err := u.client.StartComposition(ctx, &ivsrealtime.StartCompositionInput{
		StageARN: u.StageARN,
		Destinations: []ivsrealtime.DestinationConfiguration{
			{Channel: &ivsrealtime.ChannelDestinationConfiguration{ChannelARN: u.ChannelARN, EncoderConfigurationARN: encoder}},
			{S3: &ivsrealtime.S3DestinationConfiguration{
				StorageConfigurationARN: u.storage, EncoderConfigurationARNs: []string{encoder},
			}},
		},
	})
	if err != nil {
		return err
	}
	u.CompositionARN = started.Composition.ARN
	u.prefix = started.Composition.Destinations[1].Detail.S3.RecordingPrefix
	u.Try = "aws ivs-realtime stop-composition --arn " + u.CompositionARN
	return nil
}

// await asks for the composition until it is as wished, or for a time if one is
// given; nil is a composition that wasn't, when ctx ended.
func (u *setup) await(ctx context.Context, maximum time.Duration, is func(*ivsrealtime.Composition) bool) (*ivsrealtime.Composition, error) {
	began := time.Now()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		out, err := u.client.GetComposition(ctx, &ivsrealtime.GetCompositionInput{ARN: u.CompositionARN})
		switch {
		case ctx.Err() != nil:
			return nil, nil
		case err != nil:
			return nil, err
		case is(out.Composition), maximum > 0 && time.Since(began) > maximum:
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

// stopOnEnter stops the composition, if there is one, at the first line of standard input.
func (u *setup) stopOnEnter(ctx context.Context, entered chan<- struct{}) {
	if !passLine(os.Stdin) {
		return
	}
	close(entered)
	if u.CompositionARN != "" {
		// What is said of it, await sees: the composition ends, or goes on.
		_, _ = u.client.StopComposition(ctx, &ivsrealtime.StopCompositionInput{ARN: u.CompositionARN})
	}
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

func (u *setup) announce(w io.Writer) {
	if u.CompositionARN == "" {
		fmt.Fprintf(w, `A stage with two test participants, on %s. Open the console to see and steer it, once and
within 15 minutes:

  %s

Join the stage in a browser, and publish your camera:

  %s

Look at it with the AWS CLI:

  %s
  %s

Compositions need rostrum-media beside rostrum: make build makes both.

Each participant is recorded. Enter ends the test participants, and you see their
recordings. Ctrl-C stops all.

What a viewer receives:

`, u.Endpoint, u.Console, u.Page, u.Environment, u.Try)
		return
	}
	fmt.Fprintf(w, `A stage with two test participants, each of whom is recorded, and a composition of it
that goes into a channel and into a recording, on %s.

Open the console to see and steer all of it, once and within 15 minutes:

  %s

Join the stage in a browser, and invite a second tab or somebody else from there:

  %s

See the channel:

  %s

Look at it with the AWS CLI, and stop the composition:

  %s
  aws ivs-realtime list-compositions
  %s

Enter stops the composition, too; the test participants then leave, and you see all
recordings. Ctrl-C stops all.

What a viewer of the stage receives:

`, u.Endpoint, u.Console, u.Page, u.Player, u.Environment, u.Try)
}
