package cluster

import (
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"rostrum/ivsrealtime"
	"rostrum/test/call"
	"rostrum/test/server"
)

// testQuality asks a node for what only the home of a stage has in its memory: samples of a
// minute that is not over are not in the database.
func testQuality(c *cluster) {
	stageARN := c.createStage(0)
	publisher := c.join(1, stageARN) // its home is here
	call.Publish(c.ctx, c, publisher, time.Second)
	out, err := c.clients[0].GetStage(c.ctx, &ivsrealtime.GetStageInput{ARN: stageARN})
	c.check(err)
	_, id, _ := strings.Cut(stageARN, "/")
	path := fmt.Sprintf("/quality/%s/%s/%s", id, out.Stage.ActiveSessionID, publisher.Token().ParticipantID)
	operator := server.Operator{Key: aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey}, Region: region}
	for {
		var got struct {
			Sent    []struct{ At time.Time }
			Missing string
		}
		c.check(operator.Get(c.ctx, c.nodes[2].URL+path, &got))
		now := time.Now()
		if got.Missing != "" {
			c.Fatal(got.Missing)
		}
		// A sample belongs to the minute that it ends in.
		if n := len(got.Sent); n > 0 && now.Before(got.Sent[n-1].At.Add(-time.Nanosecond).Truncate(time.Minute).Add(time.Minute)) {
			return
		}
		select {
		case <-time.After(time.Second):
		case <-c.ctx.Done():
			c.Fatalf("another node than the home has no sample of the running minute, but %v", got.Sent)
		}
	}
}
