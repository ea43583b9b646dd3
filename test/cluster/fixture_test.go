package cluster

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"rostrum/ivsrealtime"
	"rostrum/realtime"
	"rostrum/test/call"
	"rostrum/test/postgres"
	"rostrum/test/server"
)

// An operator whose key the tests know.
const (
	accessKey = "AKIACLUSTER"
	secretKey = "secret-of-the-cluster"
	region    = "us-east-1"
)

// maxWait is how long a busy machine may take for anything.
const maxWait = 90 * time.Second

// A cluster is three nodes on one database.
type cluster struct {
	testing.TB
	ctx     context.Context
	binary  string
	nodes   []*server.Server
	clients []*ivsrealtime.Client // of each node
}

func newCluster(t testing.TB) *cluster {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*maxWait)
	t.Cleanup(cancel)
	c := &cluster{TB: t, ctx: ctx}
	var err error
	folder, database := t.TempDir(), postgres.Database(t)
	c.binary, err = server.Build(ctx, folder)
	c.check(err)
	c.check(server.BuildMedia(ctx, folder))
	for i := range 3 {
		data := filepath.Join(folder, strconv.Itoa(i))
		if i > 0 {
			c.copyKey(filepath.Join(folder, "0"), data)
		}
		node, err := server.Start(context.Background(), c.binary, "--database", database, "--data-dir", data, "--media-port", "0", "--rtmp-listen", "127.0.0.1:0",
			"--access-key", accessKey, "--secret-key", secretKey, "--region", region, "--log-level", "warn")
		c.check(err)
		t.Cleanup(func() {
			node.Kill()
			if t.Failed() {
				t.Logf("node %d: %s", i, node.Output())
			}
		})
		c.nodes = append(c.nodes, node)
		client, err := ivsrealtime.NewClientBuilder().Region(region).EndpointOverride(node.URL).
			CredentialsProvider(credentials.NewStaticCredentialsProvider(accessKey, secretKey, "")).Build(ctx)
		c.check(err)
		c.clients = append(c.clients, client)
	}
	return c
}

func (c *cluster) check(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

func (c *cluster) copyKey(from, to string) {
	c.Helper()
	key, err := os.ReadFile(filepath.Join(from, "secret.key"))
	c.check(err)
	c.check(os.MkdirAll(to, 0o700))
	c.check(os.WriteFile(filepath.Join(to, "secret.key"), key, 0o600))
}

func (c *cluster) createStage(node int) string {
	c.Helper()
	made, err := c.clients[node].CreateStage(c.ctx, &ivsrealtime.CreateStageInput{})
	c.check(err)
	return made.Stage.ARN
}

// join joins a stage at a node, whose address is in the token that it issues.
func (c *cluster) join(node int, stageARN string) *realtime.Stage {
	c.Helper()
	return c.joinWith(c.createToken(node, stageARN))
}

func (c *cluster) createToken(node int, stageARN string) string {
	c.Helper()
	out, err := c.clients[node].CreateParticipantToken(c.ctx, &ivsrealtime.CreateParticipantTokenInput{StageARN: stageARN})
	c.check(err)
	return out.ParticipantToken.Token
}

func (c *cluster) joinWith(token string) *realtime.Stage {
	c.Helper()
	joined, err := realtime.Join(c.ctx, token, realtime.Config{Network: realtime.UDPOnly, Rejoin: maxWait})
	c.check(err)
	c.Cleanup(func() { _ = joined.Close() })
	return joined
}

// awaitPicture waits until a stage receives what another publishes.
func (c *cluster) awaitPicture(by *realtime.Stage) {
	c.Helper()
	_, keyframes := call.Subscribe(c.ctx, c, by)
	await(c, keyframes, "keyframe")
}

// await waits for something that is sent.
func await[T any](c *cluster, from <-chan T, what string) (got T) {
	c.Helper()
	select {
	case got = <-from:
	case <-c.ctx.Done():
		c.Fatalf("there was no %s", what)
	}
	return got
}

// within is the cluster for a part of the test.
func (c *cluster) within(t *testing.T) *cluster {
	part := *c
	part.TB = t
	return &part
}
