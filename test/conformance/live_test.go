package conformance

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"rostrum/internal/peer"
	"rostrum/ivsrealtime"
)

// goOnAir has a participant publish sound on the studio's stage until the test
// ends, and returns once the API shows it.
func (w *world) goOnAir(t *testing.T, url string) {
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
	token, err := peer.ReadToken(raw)
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
	publication, err := peer.Publish(t.Context(), at, peer.AnyNetwork, source.Outlets()...)
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
