package netem

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"rostrum/internal/quality"
	"rostrum/ivsrealtime"
)

// expectCause checks which cause the quality history names first of what went wrong with a
// user's media since a moment.
func (w *testbed) expectCause(user string, since time.Time, want quality.Code) {
	w.Helper()
	stage, err := w.client.GetStage(w.ctx, &ivsrealtime.GetStageInput{ARN: w.stage})
	if err != nil {
		w.Fatal(err)
	}
	session := stage.Stage.ActiveSessionID
	found, err := w.client.ListParticipants(w.ctx, &ivsrealtime.ListParticipantsInput{StageARN: w.stage, SessionID: session, FilterByUserID: &user})
	if err != nil || len(found.Participants) == 0 {
		w.Fatalf("find %s: %v", user, err)
	}
	_, id, _ := strings.Cut(w.stage, "/")
	var got struct{ Causes []quality.Cause }
	w.get(fmt.Sprintf("/quality/%s/%s/%s?from=%s", id, session, found.Participants[0].ParticipantID, since.UTC().Format(time.RFC3339)), &got)
	if len(got.Causes) == 0 || got.Causes[0].Code != want {
		w.Errorf("expected %s as the first cause of what happened to %s, got %+v", want, user, got.Causes)
		return
	}
	w.Logf("the quality history of %s: %s", user, got.Causes[0].Detail)
}

// get makes a signed request of the server.
func (w *testbed) get(path string, into any) {
	w.Helper()
	r, err := http.NewRequestWithContext(w.ctx, http.MethodGet, w.endpoint+path, nil)
	if err != nil {
		w.Fatal(err)
	}
	const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" // SHA-256 of no body
	key := aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey}
	if err := v4.NewSigner().SignHTTP(w.ctx, key, r, emptyHash, "ivs", region, time.Now()); err != nil {
		w.Fatal(err)
	}
	answer, err := w.http.Do(r)
	if err != nil {
		w.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		w.Fatalf("GET %s: %s", path, answer.Status)
	}
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		w.Fatal(err)
	}
}
