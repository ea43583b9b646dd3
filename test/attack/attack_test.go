// Package attack attacks a running server, and looks whether a call goes on. What
// needs a look inside is held by the tests of the rooms; docs/security.md says where.
package attack

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"rostrum/ivsrealtime"
	"rostrum/test/server"
)

// A scene is a server with a call on it.
type scene struct {
	server    *server.Server
	binary    string
	client    *ivsrealtime.Client
	stage     string
	media     string // address of the media port
	publisher string // participant id of the call's

	mu     sync.Mutex // guards what follows
	frames uint64     // that the call's viewer has seen
}

// stand is the one scene that all attacks share.
var stand *scene

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == fakeWorkerName {
		if err := runFakeWorker(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	ctx, cancel := context.WithCancel(context.Background()) // the go command's -timeout bounds it
	defer cancel()
	folder, err := os.MkdirTemp("", "attack")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	if err := os.Setenv("TMPDIR", folder); err != nil { // where an ephemeral server has its recordings
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if stand, err = open(ctx, folder); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := errors.Join(stand.verify(folder), stand.server.Stop()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// verify checks the recording of the call, which went on during all attacks.
func (s *scene) verify(folder string) error {
	buckets, err := filepath.Glob(filepath.Join(folder, "rostrum-ephemeral-*/buckets/recordings"))
	if err != nil || len(buckets) != 1 {
		return fmt.Errorf("the call is recorded into %q: %w", buckets, err)
	}
	if out, err := exec.Command(s.binary, "recordings", "verify", buckets[0]).CombinedOutput(); err != nil {
		return fmt.Errorf("rostrum recordings verify: %w\n%s", err, out)
	}
	return nil
}

func open(ctx context.Context, folder string) (*scene, error) {
	binary, err := server.Build(ctx, folder)
	if err != nil {
		return nil, err
	}
	s := &scene{binary: binary}
	if s.server, err = server.Start(ctx, binary, "--ephemeral", "--rtmp-listen", "127.0.0.1:0", "--log-level", "warn", "--limits", "open,requests=0"); err != nil {
		return nil, err
	}
	s.client, err = ivsrealtime.NewClientBuilder().Region(s.server.Region).EndpointOverride(s.server.URL).
		CredentialsProvider(credentials.NewStaticCredentialsProvider(s.server.AccessKey, s.server.SecretKey, "")).Build(ctx)
	if err != nil {
		return nil, err
	}
	storage, err := s.client.CreateStorageConfiguration(ctx, &ivsrealtime.CreateStorageConfigurationInput{S3: &ivsrealtime.S3StorageConfiguration{BucketName: "recordings"}})
	if err != nil {
		return nil, err
	}
	made, err := s.client.CreateStage(ctx, &ivsrealtime.CreateStageInput{
		AutoParticipantRecordingConfiguration: &ivsrealtime.AutoParticipantRecordingConfiguration{StorageConfigurationARN: &storage.StorageConfiguration.ARN},
	})
	if err != nil {
		return nil, err
	}
	s.stage = made.Stage.ARN
	return s, s.call(ctx)
}

// call starts a publisher and a viewer, who go on until the end.
func (s *scene) call(ctx context.Context) error {
	sends, err := s.token(ctx, "speaker")
	if err != nil {
		return err
	}
	published, seen := make(chan string, 1), make(chan struct{})
	if err := s.tool(ctx, func(said tool) {
		if said.Event == "published" {
			published <- said.ParticipantID
		}
	}, "publish", "--json", "--size", "320x180", "--video-bitrate", "300k", "--token", sends); err != nil {
		return err
	}
	select {
	case s.publisher = <-published:
	case <-time.After(30 * time.Second):
		return fmt.Errorf("nobody could publish\n%s", s.server.Output())
	}
	watches, err := s.token(ctx, "listener")
	if err != nil {
		return err
	}
	first := sync.OnceFunc(func() { close(seen) })
	if err := s.tool(ctx, func(said tool) {
		if said.Kind == "video" && said.Frames > 0 {
			s.mu.Lock()
			s.frames += said.Frames
			s.mu.Unlock()
			first()
		}
	}, "subscribe", "--json", "--token", watches, s.publisher); err != nil {
		return err
	}
	select {
	case <-seen:
	case <-time.After(30 * time.Second):
		return fmt.Errorf("nobody could watch\n%s", s.server.Output())
	}
	return s.findMedia(ctx)
}

// tool is what the binary's verbs say.
type tool struct {
	Event, ParticipantID, Kind string
	Frames                     uint64
}

func (s *scene) tool(ctx context.Context, heard func(tool), args ...string) error {
	cmd := exec.CommandContext(ctx, s.binary, args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() {
		for in := bufio.NewScanner(out); in.Scan(); {
			var said tool
			if json.Unmarshal(in.Bytes(), &said) == nil {
				heard(said)
			}
		}
		_ = cmd.Wait()
	}()
	return nil
}

func (s *scene) token(ctx context.Context, user string) (string, error) {
	made, err := s.client.CreateParticipantToken(ctx, &ivsrealtime.CreateParticipantTokenInput{StageARN: s.stage, UserID: user})
	if err != nil {
		return "", err
	}
	return made.ParticipantToken.Token, nil
}

var relayURL = regexp.MustCompile(`<turn:([^?]+)\?transport=udp>; rel="ice-server"; username="([^"]+)"; credential="([^"]+)"`)

// relay asks for the TURN server and its credentials.
func (s *scene) relay(ctx context.Context) (address, username, credential string, err error) {
	token, err := s.token(ctx, "relayed")
	if err != nil {
		return "", "", "", err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodOptions, s.server.URL+"/whip", nil)
	if err != nil {
		return "", "", "", err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", "", "", err
	}
	defer answer.Body.Close()
	m := relayURL.FindStringSubmatch(strings.Join(answer.Header.Values("Link"), ", "))
	if m == nil {
		return "", "", "", fmt.Errorf("no TURN server in %q", answer.Header.Values("Link"))
	}
	return m[1], m[2], m[3], nil
}

func (s *scene) findMedia(ctx context.Context) (err error) {
	s.media, _, _, err = s.relay(ctx)
	return err
}

// goesOn fails unless the call's picture moves and the server still answers.
func (s *scene) goesOn(t *testing.T) {
	t.Helper()
	count := func() uint64 {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.frames
	}
	for before, end := count(), time.Now().Add(10*time.Second); count() == before; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the call has stopped\n%s", s.server.Output())
		}
	}
	answer, err := http.Get(s.server.URL + "/readyz")
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("the server is not ready: %v\n%s", err, s.server.Output())
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
}

// memory is the server's resident memory in bytes; 0 where that can't be told.
func (s *scene) memory() int {
	raw, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.server.PID()))
	var size, resident int
	_, _ = fmt.Sscan(string(raw), &size, &resident)
	return resident * os.Getpagesize()
}

func (s *scene) udp(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("udp", s.media)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}
