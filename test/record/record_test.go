package record

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"rostrum/internal/hls"
	"rostrum/ivsrealtime"
	"rostrum/test/server"
)

const (
	accessKey = "AKIARECORD"
	secretKey = "a-secret-for-the-tests-of-recordings"
	maxWait   = 3 * time.Minute
)

var binary string // of the server and the publisher

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "rostrum-record-")
	if err == nil {
		binary, err = server.Build(context.Background(), folder)
	}
	err = errors.Join(err, setCredentials())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(folder)
	os.Exit(code)
}

// A studio is a server with a stage that records its participants.
type studio struct {
	t       *testing.T
	binary  string
	data    string
	address string
	running *server.Server
	client  *ivsrealtime.Client
	stage   string
	args    []string // of the server, besides
}

func open(t *testing.T, recording ivsrealtime.AutoParticipantRecordingConfiguration) *studio {
	t.Helper()
	return openBinary(t, binary, recording)
}

func openBinary(t *testing.T, binary string, recording ivsrealtime.AutoParticipantRecordingConfiguration) *studio {
	t.Helper()
	s := &studio{t: t, binary: binary, data: filepath.Join(t.TempDir(), "data")}
	t.Cleanup(func() { s.verify() })
	s.begin()
	s.createStage("recordings", recording)
	return s
}

// begin starts the server, until the test's end.
func (s *studio) begin() {
	s.t.Helper()
	var err error
	if s.address, err = server.FreeAddress(); err != nil {
		s.t.Fatal(err)
	}
	s.serve()
	s.t.Cleanup(func() {
		if err := s.running.Stop(); err != nil {
			s.t.Error(err)
		}
		if s.t.Failed() {
			s.t.Log(s.running.Output())
		}
	})
}

// createStage creates the stage, which records into a bucket.
func (s *studio) createStage(bucket string, recording ivsrealtime.AutoParticipantRecordingConfiguration) {
	s.t.Helper()
	storage, err := s.client.CreateStorageConfiguration(s.t.Context(), &ivsrealtime.CreateStorageConfigurationInput{S3: &ivsrealtime.S3StorageConfiguration{BucketName: bucket}})
	if err != nil {
		s.t.Fatal(err)
	}
	recording.StorageConfigurationARN = &storage.StorageConfiguration.ARN
	made, err := s.client.CreateStage(s.t.Context(), &ivsrealtime.CreateStageInput{AutoParticipantRecordingConfiguration: &recording})
	if err != nil {
		s.t.Fatal(err)
	}
	s.stage = made.Stage.ARN
}

func (s *studio) serve() {
	s.t.Helper()
	var err error
	if s.running, err = server.Start(context.Background(), s.binary, append([]string{"--data-dir", s.data, "--listen", s.address, "--media-port", "0",
		"--rtmp-listen", "127.0.0.1:0", "--access-key", accessKey, "--secret-key", secretKey, "--log-level", "warn"}, s.args...)...); err != nil {
		s.t.Fatal(err)
	}
	b := ivsrealtime.NewClientBuilder()
	b.Region("us-east-1")
	b.EndpointOverride(s.running.URL)
	b.CredentialsProvider(credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""))
	if s.client, err = b.Build(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// verify checks the recordings that the server has made: all, or those that args name.
func (s *studio) verify(args ...string) {
	s.t.Helper()
	out, err := exec.CommandContext(context.Background(), s.binary, append([]string{"recordings", "verify", "--data-dir", s.data}, args...)...).CombinedOutput()
	if err != nil {
		s.t.Errorf("rostrum recordings verify: %v\n%s", err, out)
	}
}

// token returns one of a new participant.
func (s *studio) token() (raw, id string) {
	s.t.Helper()
	out, err := s.client.CreateParticipantToken(s.t.Context(), &ivsrealtime.CreateParticipantTokenInput{StageARN: s.stage, Capabilities: []ivsrealtime.Capability{"PUBLISH"}})
	if err != nil {
		s.t.Fatal(err)
	}
	return out.ParticipantToken.Token, out.ParticipantToken.ParticipantID
}

// publish sends a pattern until stop is called.
func (s *studio) publish(token string, args ...string) (stop func()) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), s.binary, append([]string{"publish", "--token", token, "--size", "640x360"}, args...)...)
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	stop = func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}
	s.t.Cleanup(stop)
	return stop
}

// await waits until a participant's recording has a state, and returns the participant.
func (s *studio) await(id string, state ivsrealtime.RecordingState) *ivsrealtime.Participant {
	s.t.Helper()
	var last *ivsrealtime.Participant
	s.eventually("the recording is "+string(state), func() bool {
		sessions, err := s.client.ListStageSessions(s.t.Context(), &ivsrealtime.ListStageSessionsInput{StageARN: s.stage})
		if err != nil || len(sessions.StageSessions) == 0 {
			return false
		}
		out, err := s.client.GetParticipant(s.t.Context(), &ivsrealtime.GetParticipantInput{StageARN: s.stage, SessionID: sessions.StageSessions[0].SessionID, ParticipantID: id})
		if err != nil {
			return false
		}
		last = out.Participant
		return last.RecordingState == state
	})
	return last
}

func (s *studio) eventually(what string, is func() bool) {
	s.t.Helper()
	for end := time.Now().Add(maxWait); !is(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("not within %v: %s", maxWait, what)
		}
	}
}

func (s *studio) folder(p *ivsrealtime.Participant) string {
	return filepath.Join(s.data, "buckets", p.RecordingS3BucketName, filepath.FromSlash(p.RecordingS3Prefix))
}

func (s *studio) awaitFile(p *ivsrealtime.Participant, name string) {
	s.t.Helper()
	s.eventually(name+" is in the bucket", func() bool {
		_, err := os.Stat(filepath.Join(s.folder(p), filepath.FromSlash(name)))
		return err == nil
	})
}

func (s *studio) read(p *ivsrealtime.Participant, name string) []byte {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join(s.folder(p), filepath.FromSlash(name)))
	if err != nil {
		s.t.Fatal(err)
	}
	return data
}

// expectComplete checks a recording that has ended, and returns its playlist.
func (s *studio) expectComplete(p *ivsrealtime.Participant) hls.Playlist {
	s.t.Helper()
	if want := regexp.MustCompile(`^\w{12}/st-\w+/` + p.ParticipantID + `/\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ$`); !want.MatchString(p.RecordingS3Prefix) {
		s.t.Errorf("the prefix is %q", p.RecordingS3Prefix)
	}
	list, err := hls.Parse(s.read(p, "media/hls/high/playlist.m3u8"))
	if err != nil || !list.Ended || len(list.Segments) == 0 {
		s.t.Fatalf("the playlist is %+v, %v", list, err)
	}
	for _, g := range list.Segments {
		s.read(p, "media/hls/high/"+g.Name)
		s.read(p, "media/hls/high/"+g.Init)
	}
	multivariant := string(s.read(p, "media/hls/multivariant.m3u8"))
	if !regexp.MustCompile(`#EXT-X-STREAM-INF:BANDWIDTH=\d+,AVERAGE-BANDWIDTH=\d+,CODECS="avc1\.\w{6},opus(,avc1\.\w{6})?",RESOLUTION=640x360,FRAME-RATE=\d+\.\d{3}\nhigh/playlist\.m3u8\n`).MatchString(multivariant) {
		s.t.Errorf("the multivariant playlist is\n%s", multivariant)
	}
	var meta struct {
		Version, Status string
		StageARN        string `json:"stage_arn"`
		SessionID       string `json:"session_id"`
		ParticipantID   string `json:"participant_id"`
		Recording       string `json:"recording_status"`
		Started         string `json:"recording_started_at"`
		Ended           string `json:"recording_ended_at"`
		Media           struct {
			HLS struct {
				Duration   int64 `json:"duration_ms"`
				Renditions []map[string]any
			}
		}
	}
	if err := json.Unmarshal(s.read(p, "events/recording-ended.json"), &meta); err != nil {
		s.t.Fatal(err)
	}
	if meta.Version != "v1" || meta.StageARN != s.stage || meta.ParticipantID != p.ParticipantID || !strings.HasPrefix(meta.SessionID, "st-") ||
		meta.Recording != "RECORDING_ENDED" || meta.Started == "" || meta.Ended == "" || meta.Media.HLS.Duration != list.Duration().Milliseconds() ||
		len(meta.Media.HLS.Renditions) != 1 || len(meta.Media.HLS.Renditions[0]) != 2 {
		s.t.Errorf("recording-ended.json is %+v; the playlist lasts %v", meta, list.Duration())
	}
	return list
}

// probe has FFmpeg, where it is installed, decode all of a recording.
func (s *studio) probe(p *ivsrealtime.Participant) {
	s.t.Helper()
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		return
	}
	mp4 := filepath.Join(s.t.TempDir(), p.ParticipantID+".mp4")
	out, err := exec.CommandContext(s.t.Context(), s.binary, "recordings", "export", p.RecordingS3BucketName+"/"+p.RecordingS3Prefix, "--data-dir", s.data, "--to", mp4).CombinedOutput()
	if err != nil {
		s.t.Errorf("rostrum recordings export: %v\n%s", err, out)
	}
	for _, file := range []string{filepath.Join(s.folder(p), "media/hls/high/playlist.m3u8"), mp4} {
		s.decode(ffmpeg, file)
	}
}

func (s *studio) decode(ffmpeg, file string) {
	s.t.Helper()
	// Raw output, as the sizes of sections may differ.
	out, err := exec.CommandContext(s.t.Context(), ffmpeg, "-v", "error", "-xerror", "-y", "-i", file, "-fps_mode", "passthrough", "-enc_time_base", "1:90000", "-vf", "scale=32:18", "-f", "rawvideo", os.DevNull,
		"-vn", "-af", "asetpts=N/SR/TB", "-f", "null", "-").CombinedOutput()
	if err != nil || len(out) > 0 {
		s.t.Errorf("FFmpeg does not decode %s: %v\n%s", file, err, out)
	}
}

func configuration() ivsrealtime.AutoParticipantRecordingConfiguration {
	return ivsrealtime.AutoParticipantRecordingConfiguration{HLSConfiguration: &ivsrealtime.ParticipantRecordingHLSConfiguration{TargetSegmentDurationSeconds: new(2)}}
}

func TestRecording_HasWhatAParticipantPublished(t *testing.T) {
	t.Parallel()
	s := open(t, configuration())
	token, id := s.token()
	began := time.Now()
	stop := s.publish(token, "--keyframe", "1m") // it sends others when asked, as browsers do
	p := s.await(id, ivsrealtime.RecordingActive)
	listed, err := s.client.ListParticipants(t.Context(), &ivsrealtime.ListParticipantsInput{StageARN: s.stage, SessionID: strings.Split(p.RecordingS3Prefix, "/")[1], FilterByRecordingState: ivsrealtime.RecordingActive})
	if err != nil || len(listed.Participants) != 1 || listed.Participants[0].ParticipantID != id {
		t.Errorf("of the participants that are recorded it lists %+v, %v", listed, err)
	}
	s.awaitFile(p, "media/hls/high/2.mp4")
	s.awaitFile(p, "events/recording-started.json")
	stop()
	p = s.await(id, ivsrealtime.RecordingStopped)
	took := time.Since(began)
	list := s.expectComplete(p)
	if d := list.Duration(); d < 5*time.Second || d > took {
		t.Errorf("three segments and more last %v, of at most %v", d, took)
	}
	s.probe(p)
	if left, err := os.ReadDir(filepath.Join(s.data, "participant-spool")); err == nil {
		for _, node := range left {
			if files, _ := os.ReadDir(filepath.Join(s.data, "participant-spool", node.Name())); len(files) > 0 {
				t.Errorf("the spool keeps %v", files)
			}
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// Names that a participant brings are text in its recording, and never a part of a path.
func TestRecording_KeepsHostileNamesOutOfItsPaths(t *testing.T) {
	t.Parallel()
	s := open(t, configuration())
	hostile := map[string]string{"userId": "../../../outside", "attribute": "/../../x.jpg\x00\n\"}"}
	out, err := s.client.CreateParticipantToken(t.Context(), &ivsrealtime.CreateParticipantTokenInput{
		StageARN: s.stage, Capabilities: []ivsrealtime.Capability{"PUBLISH"}, UserID: hostile["userId"], Attributes: map[string]string{"../name": hostile["attribute"]},
	})
	if err != nil {
		t.Fatal(err)
	}
	stop := s.publish(out.ParticipantToken.Token)
	p := s.await(out.ParticipantToken.ParticipantID, ivsrealtime.RecordingActive)
	s.awaitFile(p, "media/hls/high/0.mp4")
	stop()
	p = s.await(p.ParticipantID, ivsrealtime.RecordingStopped)
	s.expectComplete(p)
	if p.UserID != hostile["userId"] || p.Attributes["../name"] != hostile["attribute"] {
		t.Errorf("the participant is %q with %q", p.UserID, p.Attributes)
	}
	root := filepath.Dir(s.data)
	err = filepath.WalkDir(root, func(file string, _ fs.DirEntry, err error) error {
		if strings.Contains(file, "outside") || strings.Contains(strings.TrimPrefix(file, root), "x.jpg") {
			t.Errorf("there is %s", file)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestRecording_IsClosedTruthfullyAfterAKill(t *testing.T) {
	t.Parallel()
	s := open(t, configuration())
	token, id := s.token()
	stop := s.publish(token, "--rejoin", "0")
	p := s.await(id, ivsrealtime.RecordingActive)
	s.awaitFile(p, "media/hls/high/1.mp4")
	s.running.Kill()
	stop()
	s.serve()
	p = s.await(id, ivsrealtime.RecordingStopped)
	s.expectComplete(p)
	s.probe(p)
}

func TestRecording_ContinuesWithinTheReconnectWindow(t *testing.T) {
	t.Parallel()
	c := configuration()
	c.RecordingReconnectWindowSeconds = new(30)
	s := open(t, c)
	token, id := s.token()
	stop := s.publish(token)
	p := s.await(id, ivsrealtime.RecordingActive)
	s.awaitFile(p, "media/hls/high/0.mp4")
	stop()
	stop = s.publish(token)
	s.awaitFile(p, "media/hls/high/init-1.mp4")
	s.awaitFile(p, "media/hls/high/3.mp4")
	stop()
	p = s.await(id, ivsrealtime.RecordingStopped)
	list := s.expectComplete(p)
	breaks := slices.DeleteFunc(slices.Clone(list.Segments), func(g hls.Segment) bool { return !g.Discontinuity })
	if len(breaks) != 1 || breaks[0].Init != "init-1.mp4" {
		t.Errorf("the discontinuities are %+v", breaks)
	}
	s.probe(p)
}
