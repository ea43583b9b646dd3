package api_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"rostrum/internal/api"
	"rostrum/internal/control"
)

// TestServer_NoOperationReachesAnotherAccount calls each operation as bob with
// the resources of alice: it is refused or returns nothing of hers, and nothing
// of hers changes. The test fails for an operation that it does not call.
func TestServer_NoOperationReachesAnotherAccount(t *testing.T) {
	h := newFixture(t, control.OpenLimits())
	const mark = "alices-own" // the name of all that is hers
	create := func(op, member, body string) string {
		var out map[string]map[string]any
		h.call(t, request{path: "/" + op, body: body}, &out)
		name, _ := out[member]["arn"].(string)
		if name == "" {
			t.Fatalf("%s answered %v", op, out)
		}
		return name
	}
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	material, _ := json.Marshal(string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
	named := `{"name":"` + mark + `"}`
	stage := create("CreateStage", "stage", named)
	encoder := create("CreateEncoderConfiguration", "encoderConfiguration", named)
	storage := create("CreateStorageConfiguration", "storageConfiguration", `{"name":"`+mark+`","s3":{"bucketName":"`+mark+`"}}`)
	ingest := create("CreateIngestConfiguration", "ingestConfiguration", `{"name":"`+mark+`","ingestProtocol":"RTMPS","stageArn":"`+stage+`"}`)
	public := create("ImportPublicKey", "publicKey", `{"name":"`+mark+`","publicKeyMaterial":`+string(material)+`}`)
	channel := create("CreateChannel", "channel", named)
	var keys struct{ StreamKeys []struct{ ARN string } }
	h.call(t, request{path: "/ListStreamKeys", body: `{"channelArn":"` + channel + `"}`}, &keys)
	streamKey := keys.StreamKeys[0].ARN
	composition := strings.Replace(stage, ":stage/", ":composition/", 1)
	own := create("CreateStage", "stage", `{}`) // so that there is something to be mixed up with

	a := func(member, arn string, more ...string) string {
		return `{"` + member + `":"` + arn + `"` + strings.Join(append([]string{""}, more...), ",") + `}`
	}
	const who = `"participantId":"abcdefABCDEF"`
	const sitting = `"sessionId":"st-abcdefABCDEFG"`
	asked := map[string]struct {
		method, path, body string
		refused            bool // or it tells of nothing
	}{
		"CreateStage":                 {body: `{"autoParticipantRecordingConfiguration":{"storageConfigurationArn":"` + storage + `"}}`, refused: true},
		"GetStage":                    {body: a("arn", stage), refused: true},
		"UpdateStage":                 {body: a("arn", stage, `"name":"bobs"`), refused: true},
		"DeleteStage":                 {body: a("arn", stage), refused: true},
		"ListStages":                  {body: `{}`},
		"CreateParticipantToken":      {body: a("stageArn", stage), refused: true},
		"DisconnectParticipant":       {body: a("stageArn", stage, who), refused: true},
		"GetStageSession":             {body: a("stageArn", stage, sitting), refused: true},
		"ListStageSessions":           {body: a("stageArn", stage)},
		"GetParticipant":              {body: a("stageArn", stage, sitting, who), refused: true},
		"ListParticipants":            {body: a("stageArn", stage, sitting)},
		"ListParticipantEvents":       {body: a("stageArn", stage, sitting, who)},
		"ImportPublicKey":             {body: `{"publicKeyMaterial":"no key at all"}`},
		"GetPublicKey":                {body: a("arn", public), refused: true},
		"DeletePublicKey":             {body: a("arn", public), refused: true},
		"ListPublicKeys":              {body: `{}`},
		"CreateEncoderConfiguration":  {body: `{}`},
		"GetEncoderConfiguration":     {body: a("arn", encoder), refused: true},
		"DeleteEncoderConfiguration":  {body: a("arn", encoder), refused: true},
		"ListEncoderConfigurations":   {body: `{}`},
		"CreateStorageConfiguration":  {body: `{"s3":{"bucketName":"bobs-bucket"}}`},
		"GetStorageConfiguration":     {body: a("arn", storage), refused: true},
		"DeleteStorageConfiguration":  {body: a("arn", storage), refused: true},
		"ListStorageConfigurations":   {body: `{}`},
		"CreateIngestConfiguration":   {body: a("stageArn", stage, `"ingestProtocol":"RTMPS"`), refused: true},
		"GetIngestConfiguration":      {body: a("arn", ingest), refused: true},
		"UpdateIngestConfiguration":   {body: a("arn", ingest, `"stageArn":""`), refused: true},
		"DeleteIngestConfiguration":   {body: a("arn", ingest, `"force":true`), refused: true},
		"ListIngestConfigurations":    {body: `{}`},
		"StartComposition":            {body: a("stageArn", stage, `"destinations":[{"channel":{"channelArn":"`+channel+`","encoderConfigurationArn":"`+encoder+`"}}]`), refused: true},
		"GetComposition":              {body: a("arn", composition), refused: true},
		"StopComposition":             {body: a("arn", composition), refused: true},
		"ListCompositions":            {body: a("filterByStageArn", stage)},
		"StartParticipantReplication": {body: a("sourceStageArn", stage, `"destinationStageArn":"`+own+`"`, who), refused: true},
		"StopParticipantReplication":  {body: a("sourceStageArn", stage, `"destinationStageArn":"`+own+`"`, who), refused: true},
		"ListParticipantReplicas":     {body: a("sourceStageArn", stage, who)},
		"TagResource":                 {path: "/tags/" + stage, body: `{"tags":{"of":"bob"}}`, refused: true},
		"UntagResource":               {method: "DELETE", path: "/tags/" + stage + "?tagKeys=of", refused: true},
		"ListTagsForResource":         {method: "GET", path: "/tags/" + stage, refused: true},
		"CreateChannel":               {body: `{}`},
		"GetChannel":                  {body: a("arn", channel), refused: true},
		"BatchGetChannel":             {body: `{"arns":["` + channel + `"]}`},
		"ListChannels":                {body: `{}`},
		"UpdateChannel":               {body: a("arn", channel, `"name":"bobs"`), refused: true},
		"DeleteChannel":               {body: a("arn", channel), refused: true},
		"CreateStreamKey":             {body: a("channelArn", channel), refused: true},
		"GetStreamKey":                {body: a("arn", streamKey), refused: true},
		"BatchGetStreamKey":           {body: `{"arns":["` + streamKey + `"]}`},
		"ListStreamKeys":              {body: a("channelArn", channel)},
		"DeleteStreamKey":             {body: a("arn", streamKey), refused: true},
		"GetStream":                   {body: a("channelArn", channel), refused: true},
		"ListStreams":                 {body: `{}`},
		"StopStream":                  {body: a("channelArn", channel), refused: true},
		"RevokeConnectionToken":       {body: a("tokenId", "t")},
		"ReadEvents":                  {method: "GET", path: "/event-log"},
		"ReadQuality":                 {method: "GET", path: "/quality/" + strings.TrimPrefix(stage, stageARN(account, "")) + "/st-abcdefABCDEFG/Qw2eRt5yUi8o", refused: true},
		"ReadStageState":              {method: "GET", path: "/event-log/state?stage=" + stage, refused: true},
	}
	hers := func() string {
		var all strings.Builder
		for op, body := range map[string]string{
			"GetStage": a("arn", stage), "GetEncoderConfiguration": a("arn", encoder), "GetStorageConfiguration": a("arn", storage),
			"GetIngestConfiguration": a("arn", ingest), "GetPublicKey": a("arn", public), "GetChannel": a("arn", channel), "GetStreamKey": a("arn", streamKey),
		} {
			answer := h.send(t, request{path: "/" + op, body: body})
			if answer.StatusCode != http.StatusOK {
				t.Fatalf("%s of alice's own: %d %s", op, answer.StatusCode, answer.body)
			}
			fmt.Fprintf(&all, "%s", answer.body)
		}
		return all.String()
	}
	size := len(hers())
	for _, op := range h.Config.Handler.(*api.Server).Names() {
		q, known := asked[op]
		if !known {
			t.Errorf("%s is not called: add it", op)
			continue
		}
		if q.path == "" {
			q.path = "/" + op
		}
		answer := h.send(t, request{method: q.method, path: q.path, body: q.body, key: "AKIABOB", secret: "bob-secret"})
		if refused := answer.StatusCode == http.StatusForbidden || answer.StatusCode == http.StatusNotFound; q.refused && !refused {
			t.Errorf("%s of another account's: %d %s, expected 403 or 404", op, answer.StatusCode, answer.body)
		}
		if answer.StatusCode >= 500 || strings.Contains(string(answer.body), mark) {
			t.Errorf("%s returns to bob %d %s", op, answer.StatusCode, answer.body)
		}
	}
	if now := len(hers()); now != size {
		t.Errorf("resources of alice have changed: %d bytes of it, expected %d\n%s", now, size, hers())
	}
}
