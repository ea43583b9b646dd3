package conformance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"rostrum/test/server"
)

// rust is the AWS SDK for Rust, where make has built its client. It does
// not run the scenario: the SDK has a type for every input and output, so the client has
// only the operations of TestRust.
func rust(t *testing.T) *client {
	t.Helper()
	program := filepath.Join(os.Getenv("CONFORMANCE_CLIENTS"), "rust", "debug", "conformance")
	if _, err := os.Stat(program); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		t.Fatal(err)
	}
	return &client{name: "aws-sdk-rust", call: process(t, program), knows: []string{stages}}
}

func TestRust_CallsTheServer(t *testing.T) {
	c := rust(t)
	if c == nil {
		t.Skip("make has not built the client of the AWS SDK for Rust")
	}
	binary, err := server.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.Start(context.Background(), binary, "--ephemeral")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	wire := observe(t, readModel(t), s.URL)
	by := caller{Name: "rust", Endpoint: wire.URL, Region: s.Region, AccessKey: s.AccessKey, SecretKey: s.SecretKey}
	call := func(operation string, input map[string]any) *reply {
		t.Helper()
		got, err := c.call(t, request{Service: stages, Operation: operation, Caller: by, Input: input, PageSize: 2})
		if err != nil {
			t.Fatal(err)
		}
		if got.Error == nil && (got.RequestID == nil || len(*got.RequestID) != 36) {
			t.Errorf("%s: the request id is %v", operation, got.RequestID)
		}
		return got
	}
	ask := func(operation string, input map[string]any) map[string]any {
		t.Helper()
		got := call(operation, input)
		if got.Error != nil {
			t.Fatalf("%s: %+v", operation, got.Error)
		}
		return got.Pages[0]
	}
	want := func(what string, got, want any) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, expected %v", what, got, want)
		}
	}

	var arns []any
	for i := range 5 {
		stage := ask("CreateStage", map[string]any{"name": fmt.Sprint("stage-", i), "tags": map[string]any{"team": "red"}})["stage"].(map[string]any)
		want("tags", stage["tags"], map[string]any{"team": "red"})
		arns = append(arns, stage["arn"])
	}
	var listed []any
	for _, page := range call("ListStages", nil).Pages {
		for _, stage := range page["stages"].([]any) {
			listed = append(listed, stage.(map[string]any)["arn"])
		}
	}
	want("all pages", listed, arns)
	stage := map[string]any{"arn": arns[0]}
	got := ask("GetStage", stage)["stage"].(map[string]any)
	want("name", got["name"], "stage-0")
	if got["endpoints"].(map[string]any)["whip"] == "" {
		t.Errorf("endpoints: %v", got["endpoints"])
	}
	token := ask("CreateParticipantToken", map[string]any{"stageArn": arns[0], "userId": "ann", "duration": 60, "attributes": map[string]any{"name": "Ann"}})["participantToken"].(map[string]any)
	want("user", token["userId"], "ann")
	want("duration", token["duration"], 60.0)
	want("attributes", token["attributes"], map[string]any{"name": "Ann"})
	resource := map[string]any{"resourceArn": arns[0], "tags": map[string]any{"of": "rust"}}
	want("TagResource", ask("TagResource", resource), map[string]any{})
	want("tags", ask("ListTagsForResource", resource)["tags"], map[string]any{"team": "red", "of": "rust"})
	want("RevokeConnectionToken", ask("RevokeConnectionToken", map[string]any{"tokenId": "leaked"}), map[string]any{})
	want("DeleteStage", ask("DeleteStage", stage), map[string]any{})
	if gone := call("GetStage", stage); gone.Error == nil || gone.Error.Name != "ResourceNotFoundException" || gone.Error.Status != 404 || gone.Error.Message == "" {
		t.Errorf("a deleted stage: %+v", gone.Error)
	}
	for _, complaint := range wire.complaints() {
		t.Error(complaint)
	}
}
