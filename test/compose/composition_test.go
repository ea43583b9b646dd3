//go:build cgo

package compose

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"rostrum/ivsrealtime"
	"rostrum/test/server"
)

const (
	accessKey = "AKIACOMPOSE"
	secretKey = "a secret that no manual has printed"
)

// A studio is a stage on a server that keeps its data, with what a composition needs.
type studio struct {
	*stage
	running          *server.Server
	args             []string // further ones of the server
	data, address    string
	encoder, storage string
	refused          bool // the bucket refuses also the command that checks recordings
}

// serve starts the server, at the same address every time.
func (s *studio) serve() {
	s.t.Helper()
	var err error
	s.running, err = server.Start(context.Background(), s.binary, append([]string{"--data-dir", s.data, "--listen", s.address, "--media-port", "0",
		"--rtmp-listen", "127.0.0.1:0", "--access-key", accessKey, "--secret-key", secretKey}, s.args...)...)
	if err != nil {
		s.t.Fatal(err)
	}
}

func openKept(t *testing.T, args ...string) *studio {
	t.Helper()
	return openKeptIn(t, filepath.Join(t.TempDir(), "data"), args...)
}

func openKeptIn(t *testing.T, data string, args ...string) *studio {
	t.Helper()
	s := &studio{stage: &stage{t: t, binary: build(t)}, args: args, data: data, address: freeAddress(t)}
	s.serve()
	t.Cleanup(func() {
		if err := s.running.Stop(); err != nil {
			t.Error(err)
		}
		s.verify()
		if t.Failed() {
			t.Log(s.running.Output())
		}
	})
	b := ivsrealtime.NewClientBuilder()
	b.Region("us-east-1")
	b.EndpointOverride(s.running.URL)
	b.CredentialsProvider(credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""))
	var err error
	if s.client, err = b.Build(t.Context()); err != nil {
		t.Fatal(err)
	}
	made, err := s.client.CreateStage(t.Context(), &ivsrealtime.CreateStageInput{Name: "compose"})
	if err != nil {
		t.Fatal(err)
	}
	s.stageARN = made.Stage.ARN
	e, err := s.client.CreateEncoderConfiguration(t.Context(), &ivsrealtime.CreateEncoderConfigurationInput{})
	if err != nil {
		t.Fatal(err)
	}
	k, err := s.client.CreateStorageConfiguration(t.Context(), &ivsrealtime.CreateStorageConfigurationInput{S3: &ivsrealtime.S3StorageConfiguration{BucketName: "recordings"}})
	if err != nil {
		t.Fatal(err)
	}
	s.encoder, s.storage = e.EncoderConfiguration.ARN, k.StorageConfiguration.ARN
	return s
}

// verify checks all recordings that the server has made.
func (s *studio) verify() {
	s.t.Helper()
	if s.refused {
		return
	}
	out, err := exec.CommandContext(context.Background(), s.binary, append([]string{"recordings", "verify", "--data-dir", s.data}, s.args...)...).CombinedOutput()
	if err != nil && !strings.Contains(string(out), "there is no recording") {
		s.t.Errorf("rostrum recordings verify: %v\n%s", err, out)
	}
}

// freeAddress is one of loopback that nobody listens at.
func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := server.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// start starts a composition, and tells its name and the folder of its recording.
func (s *studio) start() (arn, folder string) { return s.startWith(nil) }

// startWith does so with a layout; nil is the default.
func (s *studio) startWith(l *ivsrealtime.LayoutConfiguration) (arn, folder string) {
	s.t.Helper()
	c := s.beginWith(l, s.bucket())
	return c.ARN, filepath.Join(s.data, "buckets", "recordings", c.Destinations[0].Detail.S3.RecordingPrefix)
}

// bucket is the destination of a recording with thumbnails.
func (s *studio) bucket() ivsrealtime.DestinationConfiguration {
	return ivsrealtime.DestinationConfiguration{S3: &ivsrealtime.S3DestinationConfiguration{
		StorageConfigurationARN: s.storage, EncoderConfigurationARNs: []string{s.encoder},
		ThumbnailConfigurations: []ivsrealtime.CompositionThumbnailConfiguration{{
			TargetIntervalSeconds: new(1), Storage: []ivsrealtime.ThumbnailStorageType{ivsrealtime.ThumbnailSequential, ivsrealtime.ThumbnailLatest},
		}},
	}}
}

// begin starts a composition of the stage.
func (s *studio) begin(to ...ivsrealtime.DestinationConfiguration) *ivsrealtime.Composition {
	s.t.Helper()
	return s.beginWith(nil, to...)
}

func (s *studio) beginWith(l *ivsrealtime.LayoutConfiguration, to ...ivsrealtime.DestinationConfiguration) *ivsrealtime.Composition {
	s.t.Helper()
	out, err := s.client.StartComposition(s.t.Context(), &ivsrealtime.StartCompositionInput{StageARN: s.stageARN, Layout: l, Destinations: to})
	if err != nil {
		s.t.Fatal(err)
	}
	return out.Composition
}

func (s *studio) stop(arn string) {
	s.t.Helper()
	if _, err := s.client.StopComposition(s.t.Context(), &ivsrealtime.StopCompositionInput{ARN: arn}); err != nil {
		s.t.Fatal(err)
	}
	s.awaitComposition(arn, "STOPPED", func(c *ivsrealtime.Composition) bool { return c.State == ivsrealtime.CompositionStopped })
}

func composing(c *ivsrealtime.Composition) bool {
	return c.Destinations[0].State == ivsrealtime.DestinationActive
}

// segment tells that a recording has its nth.
func segment(folder string, n int) func(*ivsrealtime.Composition) bool {
	return func(*ivsrealtime.Composition) bool {
		there, _ := filepath.Glob(filepath.Join(folder, "media/hls/720p30-*", fmt.Sprintf("%d.mp4", n)))
		return len(there) == 1
	}
}

// awaitComposition polls until a composition is as it should be.
func (s *stage) awaitComposition(arn, what string, is func(*ivsrealtime.Composition) bool) *ivsrealtime.Composition {
	s.t.Helper()
	for late := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		out, err := s.client.GetComposition(s.t.Context(), &ivsrealtime.GetCompositionInput{ARN: arn})
		if err != nil {
			s.t.Fatal(err)
		}
		if is(out.Composition) {
			return out.Composition
		}
		if time.Now().After(late) {
			s.t.Fatalf("expected %s, saw %s with a destination %s", what, out.Composition.State, out.Composition.Destinations[0].State)
		}
	}
}

// workersOf are the processes of rostrum-media that a server started.
func workersOf(t *testing.T, parent int) (pids []int) {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", parent))
	if err != nil || len(tasks) == 0 {
		t.Skip("this system doesn't tell a process's children")
	}
	for _, task := range tasks {
		text, _ := os.ReadFile(task)
		for _, f := range strings.Fields(string(text)) {
			pid, _ := strconv.Atoi(f)
			pids = append(pids, pid)
		}
	}
	return pids
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s %v", url, r.Status, err)
	}
	return string(body)
}

func TestComposition_RecordsAStageThroughACrash(t *testing.T) {
	beside(t)
	s := openKept(t)
	first := s.publish("--size", "640x360")
	second := s.publish("--size", "640x360")

	began := time.Now()
	arn, folder := s.start()
	s.awaitComposition(arn, "ACTIVE", composing)
	t.Logf("StartComposition to ACTIVE: %v", time.Since(began).Round(time.Millisecond))
	s.awaitComposition(arn, "a segment", segment(folder, 0))

	workers := workersOf(t, s.running.PID())
	if len(workers) != 1 {
		t.Fatalf("expected one worker, saw %v", workers)
	}
	if err := syscall.Kill(workers[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.awaitComposition(arn, "RECONNECTING", func(c *ivsrealtime.Composition) bool {
		return c.Destinations[0].State == ivsrealtime.DestinationReconnecting
	})
	interrupted := time.Now()
	s.awaitComposition(arn, "ACTIVE again", composing)
	t.Logf("crash to ACTIVE: %v", time.Since(interrupted).Round(time.Millisecond))
	s.awaitComposition(arn, "segments of the second worker", segment(folder, 3))
	if metrics := fetch(t, s.running.URL+"/metrics"); !regexp.MustCompile(`rostrum_composition_worker_restarts_total\{composition="\w+"\} 1\n`).MatchString(metrics) {
		t.Error("the metrics don't tell of the restart")
	}

	s.stop(arn)
	if left := workersOf(t, s.running.PID()); len(left) != 0 {
		t.Errorf("workers are left: %v", left)
	}
	s.expectPlayable(folder, s.expectRecording(folder, first, second))
}

func TestComposition_GoesOnWithTheNextServer(t *testing.T) {
	beside(t)
	for how, end := range map[string]func(s *studio, worker int) error{
		"after kill -9": func(s *studio, _ int) error { s.running.Kill(); return nil },
		"after kill -9 while its worker stands still": func(s *studio, worker int) error {
			standStill(s.t, worker)
			s.running.Kill()
			return nil
		},
		"after a stop": func(s *studio, _ int) error { return s.running.Stop() },
	} {
		t.Run(how, func(t *testing.T) {
			beside(t)
			s := openKept(t)
			first := s.publish("--size", "640x360") // and comes back
			arn, folder := s.start()
			s.awaitComposition(arn, "a segment", segment(folder, 0))
			former := s.worker(t)
			began := time.Now()
			if err := end(s, former); err != nil {
				t.Fatal(err)
			}
			t.Logf("the server ended after %v", time.Since(began).Round(time.Millisecond))
			s.serve()
			second := s.publish("--size", "640x360")
			s.awaitComposition(arn, "ACTIVE", composing)
			s.await("both publishers", func() bool { return s.counted("publishers") == 2 })
			s.await("the end of the former server's worker", func() bool { return !runs(former) })
			there, _ := filepath.Glob(filepath.Join(folder, "media/hls/720p30-*", "*.mp4"))
			s.awaitComposition(arn, "segments of the second server", segment(folder, len(there)+2))
			s.stop(arn)
			s.expectPlayable(folder, s.expectRecording(folder, first, second))
		})
	}
}

// runs tells whether a process is there and is more than a memory: one whose parent
// was killed may have nobody to ask for its exit code.
func runs(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(text), ") Z ")
}
