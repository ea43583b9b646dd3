package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rostrum/internal/seed"
	"rostrum/ivsrealtime"
)

const seedFile = `
storageConfigurations: [{name: recordings, s3: {bucketName: recordings}, tags: {team: web}}]
encoderConfigurations: [{name: hd, video: {width: 1280, height: 720}}]
stages:
- name: lobby
  tags: {team: web}
  autoParticipantRecordingConfiguration: {storageConfigurationArn: recordings, mediaTypes: [AUDIO_ONLY]}
  participantTokenConfigurations: [{userId: alice}, {userId: bob, capabilities: [SUBSCRIBE]}]
  testPublishers: [{name: Ada, width: 320, height: 180, noAudio: true}]
ingestConfigurations: [{name: obs, stageArn: lobby, ingestProtocol: RTMPS, attributes: {name: Studio}}]
`

// seedOf applies a file to a server and returns what is printed.
func (s *served) seedOf(t *testing.T, text string, args ...string) (*seed.Result, string, int) {
	t.Helper()
	cmd := rostrum(t, append([]string{"seed", "seed.yaml", "--json", "--ephemeral", "--listen", strings.TrimPrefix(s.Endpoint, "http://"),
		"--access-key", s.AccessKey, "--secret-key", s.SecretKey}, args...)...)
	write(t, cmd.Dir, "seed.yaml", text)
	stdout, stderr, code := finish(t, cmd)
	result := &seed.Result{}
	if code == exitOK {
		if err := json.Unmarshal([]byte(stdout), result); err != nil {
			t.Fatalf("printed %q: %v", stdout, err)
		}
	}
	return result, stderr, code
}

func TestSeed_MakesWhatTheFileSaysOnce(t *testing.T) {
	s := serve(t, "--ephemeral", "--media-port", "0", "--rtmp-listen", "127.0.0.1:0")
	first, complaints, code := s.seedOf(t, seedFile)
	if code != exitOK || !strings.Contains(complaints, "test publishers of the file: 1, not run: --publish runs them") {
		t.Fatalf("code %d: %s", code, complaints)
	}
	lobby := first.Stages["lobby"]
	if lobby.Endpoints.WHIP == "" || len(lobby.ParticipantTokens) != 2 || lobby.ParticipantTokens[1].UserID != "bob" || lobby.ParticipantTokens[1].Token == "" {
		t.Errorf("the stage is printed as %+v", lobby)
	}
	if first.IngestConfigurations["obs"].StreamKey == "" {
		t.Error("the stream key is not printed")
	}
	again, complaints, code := s.seedOf(t, strings.Replace(seedFile, "team: web", "team: call, owner: ada", 1))
	if code != exitOK {
		t.Fatalf("the second time: code %d: %s", code, complaints)
	}
	if again.Stages["lobby"].ARN != lobby.ARN || again.StorageConfigurations["recordings"] != first.StorageConfigurations["recordings"] ||
		again.EncoderConfigurations["hd"] != first.EncoderConfigurations["hd"] || again.IngestConfigurations["obs"].StreamKey != first.IngestConfigurations["obs"].StreamKey {
		t.Error("the second time something was made anew")
	}
	client := s.client(t, s.AccessKey, s.SecretKey)
	tags, err := client.ListTagsForResource(t.Context(), &ivsrealtime.ListTagsForResourceInput{ResourceARN: first.StorageConfigurations["recordings"].ARN})
	if err != nil || tags.Tags["team"] != "call" || tags.Tags["owner"] != "ada" {
		t.Errorf("the tags are %v, %v", tags, err)
	}
	_, complaints, code = s.seedOf(t, strings.Replace(seedFile, "AUDIO_ONLY", "AUDIO_VIDEO", 1))
	stage, err := client.GetStage(t.Context(), &ivsrealtime.GetStageInput{ARN: lobby.ARN})
	if code != exitOK || err != nil || stage.Stage.AutoParticipantRecordingConfiguration.MediaTypes[0] != ivsrealtime.RecordAudioVideo {
		t.Errorf("the recording of the stage was not changed: code %d, %s%v", code, complaints, err)
	}
	s.refusesSeeds(t)
}

// refusesSeeds applies files that the server of the seed file can't have.
func (s *served) refusesSeeds(t *testing.T) {
	for _, c := range []struct{ text, expected string }{
		{strings.Replace(seedFile, "bucketName: recordings", "bucketName: others", 1),
			`storageConfigurations[0] (recordings): s3.bucketName of the existing one is "recordings", in the file it is "others", and it can't be changed: delete the existing one, or give this one another name`},
		{strings.Replace(seedFile, "width: 1280", "width: 1281", 1), "encoderConfigurations[0] (hd): ValidationException: video.width is 1281, must be even"},
		{strings.Replace(seedFile, "stageArn: lobby", "stageArn: loby", 1),
			`ingestConfigurations[0] (obs): stageArn is "loby", which neither is an ARN nor the name of one of stages (there are lobby): add it there`},
		{"stages: [{name: lobby, participantTokenConfigurations: [{duration: 0}]}]", "stages[0] (lobby): "},
	} {
		_, complaints, code := s.seedOf(t, c.text)
		if code != exitFailure || !strings.Contains(complaints, c.expected) {
			t.Errorf("expected code 1 and %q, got %d: %s", c.expected, code, complaints)
		}
	}
	if _, complaints, code := s.seedOf(t, "stages: lobby"); code != exitUsage {
		t.Errorf("an invalid file: expected code 2, got %d: %s", code, complaints)
	}
}

// A server is ready with what the file says, and its test publishers come; what it stored is gone
// with it.
func TestServe_IsReadyWithItsSeed(t *testing.T) {
	cmd := rostrum(t, "serve", "--json", "--listen", "127.0.0.1:0", "--media-port", "0", "--rtmp-listen", "127.0.0.1:0", "--ephemeral", "--seed", "seed.yaml",
		"--access-key", "CITESTKEY", "--secret-key", "ci-test-secret-key")
	temporary := t.TempDir()
	cmd.Env = append(cmd.Env, "TMPDIR="+temporary)
	write(t, cmd.Dir, "seed.yaml", seedFile)
	s := start(t, cmd)
	lobby := s.Seed.Stages["lobby"]
	if s.AccessKey != "CITESTKEY" || s.SecretKey != "ci-test-secret-key" || len(lobby.ParticipantTokens) != 2 {
		t.Fatalf("the banner is %+v, the stage %+v", s.Banner, lobby)
	}
	client := s.client(t, s.AccessKey, s.SecretKey)
	awaitTrue(t, "the test publisher publishes", func() bool {
		out, err := client.GetStage(t.Context(), &ivsrealtime.GetStageInput{ARN: lobby.ARN})
		if err != nil || out.Stage.ActiveSessionID == "" {
			return false
		}
		all, err := client.ListParticipants(t.Context(), &ivsrealtime.ListParticipantsInput{StageARN: lobby.ARN, SessionID: out.Stage.ActiveSessionID, FilterByPublished: true})
		return err == nil && len(all.Participants) == 1 && all.Participants[0].UserID == "ada"
	})
	if code, _ := s.stop(t, os.Interrupt); code != exitOK {
		t.Errorf("serve ended with %d", code)
	}
	if left, err := filepath.Glob(filepath.Join(temporary, "*")); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}

// A server whose seed is not valid does not become ready.
func TestServe_EndsWithTheErrorOfItsSeed(t *testing.T) {
	cmd := rostrum(t, "serve", "--listen", "127.0.0.1:0", "--media-port", "0", "--rtmp-listen", "127.0.0.1:0", "--ephemeral", "--seed", "seed.yaml")
	write(t, cmd.Dir, "seed.yaml", "stages: [{nam: lobby}]")
	var complaints strings.Builder
	cmd.Stderr = &complaints
	err := cmd.Run()
	if _, ok := err.(*exec.ExitError); !ok || !strings.Contains(complaints.String(), "seed seed.yaml: line 1: stages[0].nam: there is no such field") {
		t.Errorf("%v: %s", err, complaints.String())
	}
}

// awaitTrue polls until a condition holds.
func awaitTrue(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}
