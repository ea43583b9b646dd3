package kill

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"rostrum/ivsrealtime"
	"rostrum/realtime"
	testcall "rostrum/test/call"
	"rostrum/test/server"
)

// maxWait is how long a busy machine may take to start the server, and clients to return.
const maxWait = 2 * time.Minute

// A call is a publisher and a subscriber on a stage of the real server.
type call struct {
	testing.TB
	ctx            context.Context
	running        *server.Server
	start          func() *server.Server
	publisher, bob *realtime.Stage
	publication    *realtime.Publication
	subscription   *realtime.Subscription
	keyframes      <-chan realtime.Received // that bob receives
}

func (c *call) check(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

// newCall starts the server and joins both, who try to return for as long as the test may take.
func newCall(t *testing.T) *call {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*maxWait)
	t.Cleanup(cancel)
	c := &call{TB: t, ctx: ctx}
	folder := t.TempDir()
	binary, err := server.Build(ctx, folder)
	c.check(err)
	address, err := server.FreeAddress()
	c.check(err)
	c.start = func() *server.Server {
		t.Helper()
		s, err := server.Start(context.Background(), binary, "--data-dir", filepath.Join(folder, "data"), "--listen", address, "--media-port", "0",
			"--access-key", accessKey, "--secret-key", secretKey, "--region", region, "--log-level", "warn")
		c.check(err)
		return s
	}
	c.running = c.start()
	t.Cleanup(func() { c.running.Kill() })
	tokens := c.tokens("alice", "bob")
	cfg := realtime.Config{Network: realtime.UDPOnly, Rejoin: maxWait}
	c.publisher, err = realtime.Join(ctx, tokens[0], cfg)
	c.check(err)
	t.Cleanup(func() { _ = c.publisher.Close() })
	c.bob, err = realtime.Join(ctx, tokens[1], cfg)
	c.check(err)
	t.Cleanup(func() { _ = c.bob.Close() })
	return c
}

// tokens are those of participants of a new stage.
func (c *call) tokens(users ...string) []string {
	c.Helper()
	b := ivsrealtime.NewClientBuilder()
	b.Region(region)
	b.EndpointOverride(c.running.URL)
	b.CredentialsProvider(credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""))
	client, err := b.Build(c.ctx)
	c.check(err)
	made, err := client.CreateStage(c.ctx, &ivsrealtime.CreateStageInput{})
	c.check(err)
	var tokens []string
	for _, user := range users {
		out, err := client.CreateParticipantToken(c.ctx, &ivsrealtime.CreateParticipantTokenInput{StageARN: made.Stage.ARN, UserID: user})
		c.check(err)
		tokens = append(tokens, out.ParticipantToken.Token)
	}
	return tokens
}

func (c *call) awaitKeyframe() {
	c.Helper()
	select {
	case r := <-c.keyframes:
		if r.Width != 320 || r.Height != 176 {
			c.Errorf("a picture is %dx%d, want 320x176", r.Width, r.Height)
		}
	case <-c.ctx.Done():
		c.Fatalf("there is no picture; the server's last words:\n%s", c.running.Output())
	}
}

func TestServer_StagesGoOnAfterItIsKilled(t *testing.T) {
	c := newCall(t)
	c.publication = testcall.Publish(c.ctx, c, c.publisher, time.Hour)
	c.subscription, c.keyframes = testcall.Subscribe(c.ctx, c, c.bob)
	c.awaitKeyframe()

	c.running.Kill()
	for _, stage := range []*realtime.Stage{c.publisher, c.bob} {
		testcall.AwaitEvent(c.ctx, c, stage, func(e realtime.ConnectionLost) bool { return e.Publication == nil && e.Subscription == nil })
	}
	select { // a second keyframe of the first connection
	case <-c.keyframes:
	default:
	}
	c.running = c.start()
	started := time.Now()
	testcall.AwaitEvent(c.ctx, c, c.publisher, func(e realtime.ConnectionRestored) bool { return e.Publication == c.publication })
	testcall.AwaitEvent(c.ctx, c, c.bob, func(e realtime.ConnectionRestored) bool { return e.Subscription == c.subscription })
	c.awaitKeyframe()
	t.Logf("the picture is back %v after the server was", time.Since(started).Round(time.Millisecond))
	for _, stage := range []*realtime.Stage{c.publisher, c.bob} {
		if p := stage.Participants(); len(p) != 2 {
			t.Errorf("a stage that came back has the participants %+v, want two", p)
		}
	}
}
