//go:build cgo

package compose

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"rostrum/ivsrealtime"
	"rostrum/test/server"
)

// stage is a running server with one stage.
type stage struct {
	t        *testing.T
	binary   string
	worker   string
	client   *ivsrealtime.Client
	stageARN string
}

// built is the folder of the two binaries, made by the first test that needs them.
var built struct {
	sync.Once
	folder, binary string
	err            error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.folder != "" {
		_ = os.RemoveAll(built.folder)
	}
	os.Exit(code)
}

func build(t *testing.T) (binary string) {
	t.Helper()
	built.Do(func() {
		if built.folder, built.err = os.MkdirTemp("", "rostrum-compose-"); built.err != nil {
			return
		}
		built.binary, built.err = server.Build(context.Background(), built.folder)
		built.err = errors.Join(built.err, server.BuildMedia(context.Background(), built.folder))
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.binary
}

func open(t *testing.T) *stage {
	t.Helper()
	binary := build(t)
	s := &stage{t: t, binary: binary, worker: filepath.Join(filepath.Dir(binary), "rostrum-media")}
	running, err := server.Start(context.Background(), binary, "--ephemeral", "--media-port", "0", "--log-level", "warn")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := running.Stop(); err != nil {
			t.Error(err)
		}
	})
	b := ivsrealtime.NewClientBuilder()
	b.Region(running.Region)
	b.EndpointOverride(running.URL)
	b.CredentialsProvider(credentials.NewStaticCredentialsProvider(running.AccessKey, running.SecretKey, ""))
	if s.client, err = b.Build(t.Context()); err != nil {
		t.Fatal(err)
	}
	made, err := s.client.CreateStage(t.Context(), &ivsrealtime.CreateStageInput{Name: "compose"})
	if err != nil {
		t.Fatal(err)
	}
	s.stageARN = made.Stage.ARN
	return s
}

// token mints one; id is the participant's.
func (s *stage) token(c ivsrealtime.Capability) (raw, id string) {
	s.t.Helper()
	out, err := s.client.CreateParticipantToken(s.t.Context(), &ivsrealtime.CreateParticipantTokenInput{
		StageARN: s.stageARN, Capabilities: []ivsrealtime.Capability{c},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return out.ParticipantToken.Token, out.ParticipantToken.ParticipantID
}

// publish has a pattern on the stage until the test ends.
func (s *stage) publish(args ...string) (id string) {
	s.t.Helper()
	raw, id := s.token("PUBLISH")
	cmd := exec.CommandContext(s.t.Context(), s.binary, append([]string{"publish", "--token", raw}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = cmd.Wait() }) // interrupted by then
	return id
}
