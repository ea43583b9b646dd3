package netem

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"rostrum/internal/quality"
	"rostrum/ivsrealtime"
	"rostrum/test/server"
)

// expectCause checks which cause the quality history names first of what went wrong with a
// user's media since a moment.
func (w *testbed) expectCause(user string, since time.Time, want quality.Code) {
	w.Helper()
	got := w.explain(user, since)
	if len(got.Causes) == 0 || got.Causes[0].Code != want {
		w.Errorf("expected %s as the first cause of what happened to %s, got %+v", want, user, got.Causes)
		return
	}
	w.Logf("the quality history of %s: %s", user, got.Causes[0].Detail)
}

// An explanation is what the quality history answers.
type explanation struct {
	Causes         []quality.Cause
	Sent, Received []json.RawMessage
}

// explain asks what happened to a user's media since a moment.
func (w *testbed) explain(user string, since time.Time) (got explanation) {
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
	operator := server.Operator{Key: aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey}, Region: region, HTTP: w.http}
	url := fmt.Sprintf("%s/quality/%s/%s/%s?from=%s", w.endpoint, id, session, found.Participants[0].ParticipantID, since.UTC().Format(time.RFC3339))
	if err := operator.Get(w.ctx, url, &got); err != nil {
		w.Fatal(err)
	}
	return got
}
