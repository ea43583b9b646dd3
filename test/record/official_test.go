package record

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	official "github.com/aws/aws-sdk-go-v2/service/ivsrealtime"
	"github.com/aws/aws-sdk-go-v2/service/ivsrealtime/types"

	"rostrum/ivsrealtime"
)

// official is a client of the AWS SDK for Go.
func (s *studio) official() *official.Client {
	return official.New(official.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(s.running.URL),
		Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""),
	})
}

func TestRecording_IsShownToAnOfficialSDK(t *testing.T) {
	t.Parallel()
	s := open(t, configuration())
	client := s.official()
	token, id := s.token()
	stop := s.publish(token)
	p := s.await(id, ivsrealtime.RecordingActive)
	session := strings.Split(p.RecordingS3Prefix, "/")[1]
	expect := func(state types.ParticipantRecordingState, filter types.ParticipantRecordingFilterByRecordingState, others ...types.ParticipantRecordingFilterByRecordingState) {
		t.Helper()
		got, err := client.GetParticipant(t.Context(), &official.GetParticipantInput{StageArn: &s.stage, SessionId: &session, ParticipantId: &id})
		if err != nil {
			t.Fatal(err)
		}
		if g := got.Participant; g.RecordingState != state || aws.ToString(g.RecordingS3BucketName) != "recordings" || aws.ToString(g.RecordingS3Prefix) != p.RecordingS3Prefix {
			t.Errorf("the participant is %+v, expected %s at %s", g, state, p.RecordingS3Prefix)
		}
		for _, f := range append(others, filter) {
			listed, err := client.ListParticipants(t.Context(), &official.ListParticipantsInput{StageArn: &s.stage, SessionId: &session, FilterByRecordingState: f})
			if err != nil {
				t.Fatal(err)
			}
			found := len(listed.Participants) == 1 && aws.ToString(listed.Participants[0].ParticipantId) == id && listed.Participants[0].RecordingState == state
			if found != (f == filter) || len(listed.Participants) > 1 {
				t.Errorf("while it is %s, the filter %s lists %+v", state, f, listed.Participants)
			}
		}
	}
	expect(types.ParticipantRecordingStateActive, types.ParticipantRecordingFilterByRecordingStateActive, types.ParticipantRecordingFilterByRecordingStateStopped, types.ParticipantRecordingFilterByRecordingStateFailed)
	stop()
	s.await(id, ivsrealtime.RecordingStopped)
	expect(types.ParticipantRecordingStateStopped, types.ParticipantRecordingFilterByRecordingStateStopped, types.ParticipantRecordingFilterByRecordingStateActive)
}
