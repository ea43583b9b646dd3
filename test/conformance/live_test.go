package conformance

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	officialchannels "github.com/aws/aws-sdk-go-v2/service/ivs"

	"rostrum/internal/peer"
	"rostrum/internal/rtmp"
	"rostrum/internal/testpattern"
	"rostrum/ivsrealtime"
	"rostrum/realtime"
)

// goOnAir has a participant publish sound on the studio's stage until the test
// ends, and returns once the API shows it.
func (w *environment) goOnAir(t *testing.T, url string) {
	t.Helper()
	owner, studio := w.callers["owner"], w.text("studio")
	c, err := ivsrealtime.NewClientBuilder().Region(region).EndpointOverride(url).
		CredentialsProvider(credentials.NewStaticCredentialsProvider(owner.AccessKey, owner.SecretKey, "")).Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	issued, err := c.CreateParticipantToken(t.Context(), &ivsrealtime.CreateParticipantTokenInput{
		StageARN: studio, UserID: "on-air", Attributes: map[string]string{"role": "host", "name": "Live"},
	})
	if err != nil {
		t.Fatal(err)
	}
	publish(t, issued.ParticipantToken.Token)
	w.variables["live"] = issued.ParticipantToken.ParticipantID
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		got, err := c.GetStage(t.Context(), &ivsrealtime.GetStageInput{ARN: studio})
		if err != nil {
			t.Fatal(err)
		}
		session := got.Stage.ActiveSessionID
		if session == "" {
			continue
		}
		there, err := c.ListParticipants(t.Context(), &ivsrealtime.ListParticipantsInput{StageARN: studio, SessionID: session, FilterByPublished: true})
		if err != nil {
			t.Fatal(err)
		}
		if len(there.Participants) == 1 {
			w.variables["liveSession"] = session
			return
		}
	}
	t.Fatal("nobody publishes on the studio's stage after 20 s")
}

func publish(t *testing.T, raw string) {
	t.Helper()
	token, err := realtime.ReadToken(raw)
	if err != nil {
		t.Fatal(err)
	}
	at, err := token.PublishAt()
	if err != nil {
		t.Fatal(err)
	}
	source, err := peer.NewPatternSource(peer.PatternConfig{NoVideo: true})
	if err != nil {
		t.Fatal(err)
	}
	publication, err := realtime.Publish(t.Context(), at, realtime.PublishConfig{}, source.Tracks()...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var sending sync.WaitGroup
	sending.Go(func() { _ = source.Run(ctx) }) // it ends with ctx, or with the publication
	t.Cleanup(func() {
		cancel()
		sending.Wait()
		_ = publication.Close() // the suite disconnects it, too
	})
}

// broadcast has encoders send to two channels until the test ends, and returns once
// the API shows both streams.
func (w *environment) broadcast(t *testing.T, url string) {
	t.Helper()
	c := newOfficial(channels, w.callers["owner"].at(url)).(*officialchannels.Client)
	for n := range 2 {
		made, err := c.CreateChannel(t.Context(), &officialchannels.CreateChannelInput{Name: aws.String("on-air"), Tags: map[string]string{"team": "red"}})
		if err != nil {
			t.Fatal(err)
		}
		w.variables[fmt.Sprint("liveChannel", n+1)] = *made.Channel.Arn
		encode(t, "rtmp://"+*made.Channel.IngestEndpoint+"/app/"+*made.StreamKey.Value)
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			if _, err := c.GetStream(t.Context(), &officialchannels.GetStreamInput{ChannelArn: made.Channel.Arn}); err == nil {
				break
			} else if time.Now().After(end) {
				t.Fatalf("the channel is not live after 20 s: %v", err)
			}
		}
	}
}

func (c caller) at(url string) caller {
	c.Endpoint = url
	return c
}

// encode sends five small pictures a second, with silence, until the test or the
// stream ends.
func encode(t *testing.T, address string) {
	t.Helper()
	const every = 200 * time.Millisecond
	video, err := testpattern.NewVideo(testpattern.VideoConfig{Width: 320, Height: 180})
	if err != nil {
		t.Fatal(err)
	}
	picture := func(n int) (units [][]byte, keyframe bool) {
		unit, keyframe := video.Frame(uint32(n), time.Now(), n%5 == 0)
		for u := range bytes.SplitSeq(unit, []byte{0, 0, 1}) {
			if u = bytes.TrimRight(u, "\x00"); len(u) > 0 {
				units = append(units, u)
			}
		}
		return units, keyframe
	}
	about := rtmp.Stream{Audio: []byte{0x11, 0x90}, Width: 320, Height: 180, FrameRate: 5}
	first, _ := picture(0)
	for _, u := range first {
		switch u[0] & 0x1f {
		case 7, 8:
			about.Sets = append(about.Sets, u)
		}
	}
	push, err := rtmp.Dial(t.Context(), address, about)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var sending sync.WaitGroup
	sending.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		silence := []byte{0x21, 0x10, 0x04, 0x60, 0x8c, 0x1c}
		for n := 0; ; n++ {
			units, keyframe := picture(n)
			at := time.Duration(n) * every
			if push.Video(at, keyframe, units) != nil || push.Audio(at, silence) != nil {
				return // StopStream
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		sending.Wait()
		_ = push.Close() // the suite stops the stream, too
	})
}
