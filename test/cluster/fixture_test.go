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
	ctx    context.Context
	binary string
	folder string // has the binaries, and the data folders of the nodes

	database string
	nodes    []*server.Server
	clients  []*ivsrealtime.Client // of each node
}

func newCluster(t testing.TB) *cluster {
	t.Helper()
	c := &cluster{TB: t, folder: t.TempDir(), database: postgres.Database(t)}
	var err error
	c.binary, err = server.Build(t.Context(), c.folder)
	c.check(err)
	c.check(server.BuildMedia(t.Context(), c.folder))
	ctx, cancel := context.WithTimeout(t.Context(), 4*maxWait) // not of the builds
	t.Cleanup(cancel)
	c.ctx = ctx
	for range 3 {
		c.addNode()
	}
	return c
}

// addNode starts another node, and returns its number.
func (c *cluster) addNode() (number int) {
	c.Helper()
	number = len(c.nodes)
	data := filepath.Join(c.folder, strconv.Itoa(number))
	if number > 0 {
		c.copyKey(filepath.Join(c.folder, "0"), data)
	}
	node, err := server.Start(context.Background(), c.binary, "--database", c.database, "--data-dir", data, "--media-port", "0", "--rtmp-listen", "127.0.0.1:0",
		"--access-key", accessKey, "--secret-key", secretKey, "--region", region, "--log-level", "warn")
	c.check(err)
	c.Cleanup(func() {
		node.Kill()
		if c.Failed() {
			c.Logf("node %d: %s", number, node.Output())
		}
	})
	c.nodes = append(c.nodes, node)
	client, err := ivsrealtime.NewClientBuilder().Region(region).EndpointOverride(node.URL).
		CredentialsProvider(credentials.NewStaticCredentialsProvider(accessKey, secretKey, "")).Build(c.ctx)
	c.check(err)
	c.clients = append(c.clients, client)
	return number
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
