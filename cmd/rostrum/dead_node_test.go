package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ivs"

	"rostrum/internal/rtmp"
	"rostrum/internal/testpattern"
	"rostrum/test/postgres"
)

// twoNodes starts two servers on one database. The keys are for both; data are the flags
// by which a command finds what they store, args are further ones of both.
func twoNodes(t *testing.T, args ...string) (first, second *served, keys environment, data []string) {
	t.Helper()
	database, folder := postgres.Database(t), t.TempDir()
	node := func(name string) (*served, []string) {
		data := []string{"--database", database, "--data-dir", filepath.Join(folder, name)}
		return serve(t, slices.Concat(data, []string{"--media-port", freePort(t), "--rtmp-listen", "127.0.0.1:0"}, args)...), data
	}
	first, data = node("first")
	key, err := os.ReadFile(filepath.Join(folder, "first", "secret.key"))
	if err == nil {
		err = os.Mkdir(filepath.Join(folder, "second"), 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, "second", "secret.key"), key, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	second, _ = node("second")
	return first, second, answer[environment](t, append([]string{"env", "--public-url", first.Endpoint}, data...)...), data
}

// TestServe_FreesChannelsOfKilledNode: two nodes share a database, one is killed
// while a channel of it is live, and the other takes the channel's encoder
// without a restart.
func TestServe_FreesChannelsOfKilledNode(t *testing.T) {
	first, second, keys, data := twoNodes(t)
	made, err := ivs.New(ivs.Options{
		BaseEndpoint: &first.Endpoint, Region: "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider(keys.AccessKey, keys.SecretKey, ""),
	}).CreateChannel(t.Context(), &ivs.CreateChannelInput{InsecureIngest: true})
	if err != nil {
		t.Fatal(err)
	}
	video, err := testpattern.NewVideo(testpattern.VideoConfig{Width: 320, Height: 180})
	if err != nil {
		t.Fatal(err)
	}
	stream := rtmp.Stream{Width: 320, Height: 180, FrameRate: 25}
	keyframe, _ := video.Frame(0, time.Unix(0, 0), true)
	for unit := range bytes.SplitSeq(keyframe, []byte{0, 0, 1}) {
		switch unit = bytes.TrimRight(unit, "\x00"); {
		case len(unit) == 0:
		case unit[0]&0x1f == 7, unit[0]&0x1f == 8:
			stream.Sets = append(stream.Sets, unit)
		}
	}
	var pushes []*rtmp.Push // collected ones would close their connections
	push := func(s *served) error {
		p, err := rtmp.Dial(t.Context(), s.Encoders[0]+aws.ToString(made.StreamKey.Value), stream)
		pushes = append(pushes, p)
		return err
	}
	if err := push(first); err != nil {
		t.Fatal(err)
	}
	if err := push(second); !errors.Is(err, rtmp.ErrRefused) {
		t.Fatalf("a second encoder beside the first, on the other node: %v", err)
	}
	first.stop(t, syscall.SIGKILL)
	killed := time.Now()
	for {
		err := push(second)
		if err == nil {
			break
		}
		if !errors.Is(err, rtmp.ErrRefused) || time.Since(killed) > 40*time.Second {
			t.Fatalf("the encoder is refused %v after its node was killed: %v", time.Since(killed).Round(time.Second), err)
		}
		time.Sleep(time.Second)
	}
	t.Logf("taken again after %v", time.Since(killed).Round(time.Second))
	if live := answer[[]liveChannel](t, append([]string{"on-air"}, data...)...); len(live) != 1 || !strings.HasPrefix(live[0].StreamID, "st-") {
		t.Errorf("live channels are %+v, expected the second node's", live)
	}
}
