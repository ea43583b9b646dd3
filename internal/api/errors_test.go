package api_test

import (
	"fmt"
	"strings"
	"testing"

	"rostrum/internal/control"
	"rostrum/ivsrealtime"
)

// SDKs have types only for the errors that an operation models.
func TestServer_AnswersMissingResourcesWithErrorsOfTheOperation(t *testing.T) {
	h := newFixture(t, control.OpenLimits())
	name := func(kind, in string) string {
		return fmt.Sprintf("arn:aws:ivs:%s:%s:%s/AbsentAbsent", in, account, kind)
	}
	for _, in := range []string{region, "ap-south-1"} {
		for what, tt := range map[string]struct {
			path, body string
			code       ivsrealtime.Code
			says       string
		}{
			"the stage of a new ingest configuration": {"/CreateIngestConfiguration", `{"ingestProtocol":"RTMPS","stageArn":"` + name("stage", in) + `"}`, ivsrealtime.ValidationFailed, "stageArn"},
			"the storage of a new stage":              {"/CreateStage", `{"autoParticipantRecordingConfiguration":{"storageConfigurationArn":"` + name("storage-configuration", in) + `"}}`, ivsrealtime.ValidationFailed, "autoParticipantRecordingConfiguration.storageConfigurationArn"},
			"the stage of a token":                    {"/CreateParticipantToken", `{"stageArn":"` + name("stage", in) + `"}`, ivsrealtime.ResourceNotFound, name("stage", in)},
			"a tagged resource":                       {"/tags/" + name("stage", in), `{"tags":{}}`, ivsrealtime.ResourceNotFound, name("stage", in)},
		} {
			a := h.send(t, request{path: tt.path, body: tt.body})
			if code, message := a.fault(); code != string(tt.code) || a.StatusCode != tt.code.Status() || !strings.Contains(message, tt.says) {
				t.Errorf("%s in %s: %d %s %q, expected %s that names %s", what, in, a.StatusCode, code, message, tt.code, tt.says)
			}
		}
	}
}

func TestServer_ListsOfMissingStagesAreEmpty(t *testing.T) {
	h := newFixture(t, control.OpenLimits())
	stage := h.createStage(t, request{}).ARN
	for where, q := range map[string]request{
		"a stage that never was":    {body: strings.Replace(stage, "stage/", "stage/x", 1)},
		"a stage of another region": {body: stage, region: "ap-south-1"},
	} {
		arn := q.body
		for path, rest := range map[string]string{
			"/ListStageSessions":        `"stageArn":"` + arn + `"`,
			"/ListParticipants":         `"stageArn":"` + arn + `","sessionId":"st-0123456789abc"`,
			"/ListParticipantEvents":    `"stageArn":"` + arn + `","sessionId":"st-0123456789abc","participantId":"p"`,
			"/ListParticipantReplicas":  `"sourceStageArn":"` + arn + `","participantId":"p"`,
			"/ListIngestConfigurations": `"filterByStageArn":"` + arn + `"`,
			"/ListCompositions":         `"filterByStageArn":"` + arn + `"`,
		} {
			q.path, q.body = path, "{"+rest+"}"
			if a := h.send(t, q); a.StatusCode != 200 || !strings.Contains(string(a.body), ":[]") {
				t.Errorf("%s of %s: %d %s, expected an empty list", path, where, a.StatusCode, a.body)
			}
		}
	}
}

func TestServer_RefusesTagKeysOfAWS(t *testing.T) {
	h := newFixture(t, control.OpenLimits())
	stage := h.createStage(t, request{}).ARN
	for what, q := range map[string]request{
		"set":                 {path: "/tags/" + stage, body: `{"tags":{"AWS:mine":""}}`},
		"taken away":          {path: "/tags/" + stage + "?tagKeys=aws%3Amine", method: "DELETE"},
		"set on what is made": {path: "/CreateStage", body: `{"tags":{"aws:mine":""}}`},
	} {
		a := h.send(t, q)
		if code, message := a.fault(); code != "ValidationException" || !strings.Contains(message, "aws:") {
			t.Errorf("%s: %d %s %q, expected a ValidationException that names aws:", what, a.StatusCode, code, message)
		}
	}
}
