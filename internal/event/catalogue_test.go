package event

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"testing"
	"time"

	"rostrum/ivsrealtime"
)

const (
	stageARN       = "arn:aws:ivs:eu-west-1:111122223333:stage/Ab3dEf6hIj9k"
	destinationARN = "arn:aws:ivs:eu-west-1:111122223333:stage/Zz3dEf6hIj9k"
	channelARN     = "arn:aws:ivs:eu-west-1:111122223333:channel/Ch3dEf6hIj9k"
	compositionARN = "arn:aws:ivs:eu-west-1:111122223333:composition/Cc3dEf6hIj9k"
)

var (
	at          = time.Date(2026, 7, 1, 10, 0, 0, 123456789, time.UTC)
	alice       = Participant{StageARN: stageARN, SessionID: "st-Ab3dEf6hIj9kL", ID: "Qw2eRt5yUi8o", UserID: "alice"}
	replica     = Participant{StageARN: stageARN, SessionID: "st-Ab3dEf6hIj9kL", ID: "Qw2eRt5yUi8o", UserID: "alice", Source: &Source{destinationARN, "st-Zz3dEf6hIj9kL"}}
	composition = Composition{ARN: compositionARN, StageARN: stageARN}
	recording   = Recording{StageARN: stageARN, SessionID: "st-Ab3dEf6hIj9kL", ParticipantID: "Qw2eRt5yUi8o", Bucket: "kept", Prefix: "a/b/c/d"}
	token       = ivsrealtime.ExchangedParticipantToken{UserID: "alice", ExpirationTime: at, Capabilities: []ivsrealtime.Capability{"PUBLISH"}, Attributes: map[string]string{"k": "v"}}
	failure     = Failure{Code: "AccessDeniedException", Reason: "No access to the bucket."}
)

// The members that details share.
var (
	ofParticipant = []string{"session_id", "event_name", "event_time", "user_id", "participant_id"}
	ofReplica     = []string{"replica", "source_stage_arn", "source_session_id"}
	ofDestination = []string{"destination_stage_arn", "destination_session_id"}
	ofComposition = []string{"event_name", "stage_arn"}
	ofRecording   = []string{"session_id", "event_name", "participant_id", "recording_s3_bucket_name", "recording_s3_key_prefix"}
	ofFailure     = []string{"error_code", "reason"}
)

// catalogue is what the service's guide says of every event (Real-Time User
// Guide, EventBridge), and what Rostrum adds.
var catalogue = []struct {
	name       string
	event      Event
	detailType string
	resource   string
	members    [][]string
}{
	{"Participant Published", ParticipantPublished(alice, at), "IVS Stage Update", stageARN, [][]string{ofParticipant, {"event_time_precise"}}},
	{"Participant Published", ParticipantPublished(replica, at), "IVS Stage Update", stageARN, [][]string{ofParticipant, {"event_time_precise"}, ofReplica}},
	{"Participant Unpublished", ParticipantUnpublished(alice, at), "IVS Stage Update", stageARN, [][]string{ofParticipant, {"event_time_precise"}}},
	{"Participant Unpublished", ParticipantUnpublished(replica, at), "IVS Stage Update", stageARN, [][]string{ofParticipant, {"event_time_precise"}, ofReplica}},
	{"Participant Publish Error", ParticipantPublishFailed(alice, at, ivsrealtime.ErrorBitrateExceeded), "IVS Stage Update", stageARN, [][]string{ofParticipant, {"error_code"}}},
	{"Participant Publish Error", ParticipantPublishFailed(replica, at, ivsrealtime.ErrorBitrateExceeded), "IVS Stage Update", stageARN, [][]string{ofParticipant, {"error_code"}, ofReplica}},
	{"Participant Replication Start", ParticipantReplicationStarted(alice, at, destinationARN, "st-Zz3dEf6hIj9kL"), "IVS Stage Update", stageARN, [][]string{ofParticipant, ofDestination}},
	{"Participant Replication End", ParticipantReplicationEnded(alice, at, destinationARN, "st-Zz3dEf6hIj9kL"), "IVS Stage Update", stageARN, [][]string{ofParticipant, ofDestination}},
	{"Token Exchanged", TokenExchanged(alice, at, token, token), "IVS Stage Update", stageARN, [][]string{ofParticipant, {"previous_token", "new_token"}}},

	{"Session Start", CompositionStarted(composition, at), "IVS Composition State Change", compositionARN, [][]string{ofComposition}},
	{"Session End", CompositionEnded(composition, at), "IVS Composition State Change", compositionARN, [][]string{ofComposition}},
	{"Session Failure", CompositionFailed(composition, at, failure), "IVS Composition State Change", compositionARN, [][]string{ofComposition, ofFailure}},
	{"Destination Start", DestinationStarted(composition, at, "Dd3dEf6hIj9k"), "IVS Composition State Change", compositionARN, [][]string{ofComposition, {"id"}}},
	{"Destination End", DestinationEnded(composition, at, "Dd3dEf6hIj9k"), "IVS Composition State Change", compositionARN, [][]string{ofComposition, {"id"}}},
	{"Destination Reconnecting", DestinationReconnecting(composition, at, "Dd3dEf6hIj9k"), "IVS Composition State Change", compositionARN, [][]string{ofComposition, {"id"}}},
	{"Destination Failure", DestinationFailed(composition, at, "Dd3dEf6hIj9k", failure), "IVS Composition State Change", compositionARN, [][]string{ofComposition, {"id"}, ofFailure}},

	{"Recording Start", RecordingStarted(recording, at), "IVS Participant Recording State Change", stageARN, [][]string{ofRecording}},
	{"Recording End", RecordingEnded(recording, at, time.Minute), "IVS Participant Recording State Change", stageARN, [][]string{ofRecording, {"recording_duration_ms"}}},
	{"Recording Start Failure", RecordingStartFailed(recording, at, failure), "IVS Participant Recording State Change", stageARN, [][]string{ofRecording, ofFailure}},
	{"Recording End Failure", RecordingEndFailed(recording, at, 0, failure), "IVS Participant Recording State Change", stageARN, [][]string{ofRecording, {"recording_duration_ms"}, ofFailure}},

	{"Participant Joined", ParticipantJoined(alice, at, map[string]string{"k": "v"}), "Rostrum Stage Update", stageARN, [][]string{ofParticipant, {"event_time_precise", "attributes"}}},
	{"Participant Left", ParticipantLeft(alice, at), "Rostrum Stage Update", stageARN, [][]string{ofParticipant, {"event_time_precise"}}},
	{"Upload Interrupted", UploadInterrupted(recording, at, "The bucket takes no files.", 7), "Rostrum Recording Update", stageARN, [][]string{ofRecording, {"reason", "pending_bytes"}}},
	{"Upload Resumed", UploadResumed(recording, at), "Rostrum Recording Update", stageARN, [][]string{ofRecording, {"pending_bytes"}}},
	{"Session Started", SessionStarted(stageARN, "st-Ab3dEf6hIj9kL", at), "Rostrum Stage Update", stageARN, [][]string{{"session_id", "event_name", "event_time", "event_time_precise"}}},
	{"Session Ended", SessionEnded(stageARN, "st-Ab3dEf6hIj9kL", at), "Rostrum Stage Update", stageARN, [][]string{{"session_id", "event_name", "event_time", "event_time_precise"}}},
}

// values are the members whose form the guide tells.
var values = map[string]any{
	"session_id":               "st-Ab3dEf6hIj9kL",
	"event_time":               "2026-07-01T10:00:00Z",
	"event_time_precise":       "2026-07-01T10:00:00.123Z",
	"user_id":                  "alice",
	"participant_id":           "Qw2eRt5yUi8o",
	"replica":                  true,
	"source_stage_arn":         destinationARN,
	"source_session_id":        "st-Zz3dEf6hIj9kL",
	"destination_stage_arn":    destinationARN,
	"destination_session_id":   "st-Zz3dEf6hIj9kL",
	"stage_arn":                stageARN,
	"id":                       "Dd3dEf6hIj9k",
	"recording_s3_bucket_name": "kept",
	"recording_s3_key_prefix":  "a/b/c/d",
}

func TestCatalogue_HoldsWhatTheGuideSays(t *testing.T) {
	for _, c := range catalogue {
		var detail map[string]any
		if err := json.Unmarshal(c.event.Detail, &detail); err != nil {
			t.Fatalf("%s: detail %s: %v", c.name, c.event.Detail, err)
		}
		want, got := slices.Concat(c.members...), slices.Collect(maps.Keys(detail))
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s has the members %v, expected %v", c.name, got, want)
		}
		if detail["event_name"] != c.name || c.event.DetailType != c.detailType || c.event.Resource != c.resource || c.event.StageARN != stageARN {
			t.Errorf("%s is %q of type %q about %s in order with %s", c.name, detail["event_name"], c.event.DetailType, c.event.Resource, c.event.StageARN)
		}
		for member, v := range detail {
			if expected, ok := values[member]; ok && v != expected {
				t.Errorf("%s says %s is %v, expected %v", c.name, member, v, expected)
			}
		}
	}
}

func TestCatalogue_TellsDurationsAsWholeMilliseconds(t *testing.T) {
	for duration, want := range map[time.Duration]float64{0: 0, 1500 * time.Millisecond: 1500, time.Minute + 999*time.Microsecond: 60000} {
		var detail map[string]any
		if err := json.Unmarshal(RecordingEnded(recording, at, duration).Detail, &detail); err != nil {
			t.Fatal(err)
		}
		if got := detail["recording_duration_ms"]; got != want {
			t.Errorf("a recording of %s lasts %v ms, expected %v", duration, got, want)
		}
	}
}

func TestTokenExchanged_ShowsBothTokensWhole(t *testing.T) {
	var detail struct {
		Previous map[string]any `json:"previous_token"`
		New      map[string]any `json:"new_token"`
	}
	e := TokenExchanged(alice, at, token, ivsrealtime.ExchangedParticipantToken{ExpirationTime: at})
	if err := json.Unmarshal(e.Detail, &detail); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ got, want map[string]any }{
		"the previous": {detail.Previous, map[string]any{"capabilities": []any{"PUBLISH"}, "attributes": map[string]any{"k": "v"}, "user_id": "alice", "expiration_time": "2026-07-01T10:00:00Z"}},
		"an empty one": {detail.New, map[string]any{"capabilities": []any{}, "attributes": map[string]any{}, "user_id": "", "expiration_time": "2026-07-01T10:00:00Z"}},
	} {
		got, _ := json.Marshal(c.got)
		want, _ := json.Marshal(c.want)
		if string(got) != string(want) {
			t.Errorf("%s token is %s, expected %s", name, got, want)
		}
	}
}

func TestEvent_IsWrittenAsAnEnvelope(t *testing.T) {
	e := ParticipantPublished(alice, at.In(time.FixedZone("east", 3600)))
	got, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"version":"0","id":"` + e.ID + `","detail-type":"IVS Stage Update","source":"aws.ivs","account":"111122223333","time":"2026-07-01T10:00:00Z","region":"eu-west-1","resources":["` + stageARN + `"],` +
		`"detail":{"session_id":"st-Ab3dEf6hIj9kL","event_name":"Participant Published","event_time":"2026-07-01T10:00:00Z","event_time_precise":"2026-07-01T10:00:00.123Z","user_id":"alice","participant_id":"Qw2eRt5yUi8o"}}`
	if string(got) != want {
		t.Errorf("the envelope is\n%s\nexpected\n%s", got, want)
	}
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(e.ID) {
		t.Errorf("the id is %q, expected a random UUID", e.ID)
	}
}
