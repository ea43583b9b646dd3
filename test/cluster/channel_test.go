package cluster

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ivs"

	"rostrum/test/call"
)

// testChannel sends a stream to one node, and watches and stops it at others.
func testChannel(c *cluster) {
	c.Helper()
	made, err := c.channels(0).CreateChannel(c.ctx, &ivs.CreateChannelInput{InsecureIngest: true})
	c.check(err)
	ended := call.Encode(c.ctx, c, c.nodes[0].Encoders[0]+aws.ToString(made.StreamKey.Value))
	for node := range c.nodes {
		c.eventually(func() error {
			got, err := c.channels(node).GetStream(c.ctx, &ivs.GetStreamInput{ChannelArn: made.Channel.Arn})
			if err == nil && aws.ToString(got.Stream.ChannelArn) != aws.ToString(made.Channel.Arn) {
				err = fmt.Errorf("the stream is %v", got.Stream)
			}
			return err
		})
		all, err := c.channels(node).ListStreams(c.ctx, &ivs.ListStreamsInput{})
		if err != nil || len(all.Streams) != 1 {
			c.Errorf("node %d lists %v, %v", node, all, err)
		}
		shown, err := c.channels(node).GetChannel(c.ctx, &ivs.GetChannelInput{Arn: made.Channel.Arn})
		c.check(err)
		c.eventually(func() error { return play(aws.ToString(shown.Channel.PlaybackUrl)) })
	}
	_, err = c.channels(2).StopStream(c.ctx, &ivs.StopStreamInput{ChannelArn: made.Channel.Arn})
	c.check(err)
	await(c, ended, "end of the encoder")
}

// channels is the API of channels at a node.
func (c *cluster) channels(node int) *ivs.Client {
	return ivs.New(ivs.Options{
		BaseEndpoint: &c.nodes[node].URL, Region: region, Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""),
	})
}

// play reads the first playlist of a channel.
func play(address string) error {
	answer, err := http.Get(address)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && (answer.StatusCode != http.StatusOK || !bytes.Contains(text, []byte("#EXT-X-STREAM-INF"))) {
		err = fmt.Errorf("%s answers %s %.200s", address, answer.Status, text)
	}
	return err
}

// eventually tries something until it succeeds.
func (c *cluster) eventually(try func() error) {
	c.Helper()
	var last error
	for {
		err := try()
		if err == nil {
			return
		}
		if c.ctx.Err() == nil || last == nil {
			last = err
		}
		select {
		case <-c.ctx.Done():
			c.Fatal(last)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
