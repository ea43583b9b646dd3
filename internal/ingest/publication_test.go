package ingest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/channel"
	"rostrum/internal/rtmp"
	"rostrum/internal/stage"
	"rostrum/internal/store"
	"rostrum/internal/worker"
	"rostrum/ivsrealtime"
)

// TestMain stands for rostrum-media when the server starts this program as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "transcode" {
		transcode()
		return
	}
	os.Exit(m.Run())
}

// transcode passes frames on as they are. A configuration that begins with 0xff is refused.
func transcode() {
	in, out := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	for {
		m, err := worker.ReadStreamMessage(in)
		if err != nil {
			return
		}
		switch {
		case m.Kind == worker.StreamInput:
			m.Kind = worker.StreamOutput
		case m.Kind == worker.StreamOpen && m.Data[0] == 0x12: // AAC-LC at 44.1 kHz
			m.Kind, m.Data = worker.StreamError, []byte("no such decoder")
		default:
			continue
		}
		if worker.WriteStreamMessage(out, m) != nil || out.Flush() != nil {
			return
		}
	}
}

// onStage gives the server a stage with an ingest configuration, whose key the encoders use.
func onStage(protocol ivsrealtime.IngestProtocol, limits stage.Limits) func(*fixture, *channel.Config) {
	return func(s *fixture, _ *channel.Config) {
		s.stage = &ivsrealtime.Stage{ARN: arn.New(arn.Stage, "111122223333", "eu-west-1").String(), Tags: map[string]string{}}
		s.limits = limits
		name := arn.New(arn.IngestConfiguration, "111122223333", "eu-west-1")
		s.config = &ivsrealtime.IngestConfiguration{
			ARN: name.String(), IngestProtocol: protocol, StageARN: s.stage.ARN, ParticipantID: "hostofshow",
			StreamKey: "rt_111122223333_eu-west-1_" + name.ID + "_secret", State: ivsrealtime.IngestInactive, UserID: "host",
			Attributes: map[string]string{"name": "Host"}, Tags: map[string]string{},
		}
	}
}

// history is the participant's, in the stage's running or last session.
func (s *fixture) history(t *testing.T) (names string) {
	t.Helper()
	err := s.store.Read(context.Background(), func(tx *store.Tx) error {
		names = ""
		sessions, _, err := tx.Sessions(s.stage.ARN, store.Page{Limit: 1})
		if err != nil || len(sessions) == 0 {
			return err
		}
		all, _, err := tx.ParticipantEvents(store.ParticipantRef{StageARN: s.stage.ARN, SessionID: sessions[0].ID, ParticipantID: s.config.ParticipantID}, store.Page{Limit: 100})
		for _, e := range all {
			names += strings.TrimSuffix(fmt.Sprintf("%s:%s", e.Name, e.ErrorCode), ":") + " "
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(names)
}

func (s *fixture) awaitHistory(t *testing.T, want string) {
	t.Helper()
	last := ""
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if last = s.history(t); last == want {
			return
		}
	}
	t.Fatalf("the history is %s, want %s", last, want)
}

func (s *fixture) ingestState(t *testing.T) (state ivsrealtime.IngestConfigurationState) {
	t.Helper()
	err := s.store.Read(context.Background(), func(tx *store.Tx) error {
		c, err := tx.Ingests().Get(s.config.ARN)
		if err == nil {
			state = c.State
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// sendUntil sends in real time until the condition holds or the connection ends.
func (f *encoder) sendUntil(t *testing.T, so func() bool) (err error) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !so(); time.Sleep(40 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not within 20 s")
		}
		if err = f.send(1); err != nil {
			return err
		}
	}
	return nil
}

func TestServer_PublishesOnTheStageOfAStreamKey(t *testing.T) {
	s := start(t, onStage(ivsrealtime.IngestRTMP, stage.Limits{}))
	f, err := s.publish(t, s.key+"?from=anywhere")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.sendUntil(t, func() bool { return strings.Contains(s.history(t), "PUBLISH_STARTED") }); err != nil {
		t.Fatal(err)
	}
	there, ok := s.stages.Participant(s.stage.ARN, "hostofshow")
	if !ok || !there.Publishing {
		t.Errorf("the participant is %+v", there)
	}
	var row *store.Participant
	err = s.store.Read(t.Context(), func(tx *store.Tx) error {
		sessions, _, err := tx.Sessions(s.stage.ARN, store.Page{Limit: 1})
		if err != nil {
			return err
		}
		row, err = tx.Participant(store.ParticipantRef{StageARN: s.stage.ARN, SessionID: sessions[0].ID, ParticipantID: "hostofshow"})
		return err
	})
	if err != nil || row.Protocol != ivsrealtime.ProtocolRTMP || row.IngestConfigurationARN != s.config.ARN || row.UserID != "host" || row.Attributes["name"] != "Host" {
		t.Errorf("the participant is stored as %+v, %v", row, err)
	}
	if s.ingestState(t) != ivsrealtime.IngestActive {
		t.Error("the ingest configuration is not active")
	}
	if _, err := s.publish(t, s.key); !errors.Is(err, rtmp.ErrRefused) || !strings.Contains(err.Error(), "another encoder") {
		t.Errorf("a second encoder is answered by %v", err)
	}
	s.awaitHistory(t, "JOINED PUBLISH_STARTED PUBLISH_ERROR:REUSE_OF_STREAM_KEY")
	_ = f.push.Close()
	s.awaitHistory(t, "JOINED PUBLISH_STARTED PUBLISH_ERROR:REUSE_OF_STREAM_KEY PUBLISH_STOPPED LEFT")
	await(t, "inactive", func() bool { return s.ingestState(t) == ivsrealtime.IngestInactive })
}

func TestServer_RefusesEncodersOfStages(t *testing.T) {
	for _, c := range []struct {
		name, key, says string
		protocol        ivsrealtime.IngestProtocol
		change          func(c *ivsrealtime.IngestConfiguration)
		logs            string // for the operator
	}{
		{name: "plain RTMP", protocol: ivsrealtime.IngestRTMPS, says: "RTMPS"},
		{name: "no stage", protocol: ivsrealtime.IngestRTMP, change: func(c *ivsrealtime.IngestConfiguration) { c.StageARN = "" }, says: "stageArn", logs: "code=INVALID_STREAM_KEY"},
		{name: "a deleted configuration", protocol: ivsrealtime.IngestRTMP, key: "rt_111122223333_eu-west-1_abcdefghijkl_guess", says: "unknown stream key",
			logs: `who="arn:aws:ivs:eu-west-1:111122223333:ingest-configuration/abcdefghijkl, which does not exist" code=INVALID_STREAM_KEY`},
		{name: "a secret in the place of the id", protocol: ivsrealtime.IngestRTMP, key: "rt_111122223333_eu-west-1_abcdefghijklmnopqrst_x", says: "unknown stream key"},
		{name: "half a key", protocol: ivsrealtime.IngestRTMP, key: "rt_", says: "unknown stream key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, onStage(c.protocol, stage.Limits{}), func(s *fixture, _ *channel.Config) {
				if c.change != nil {
					c.change(s.config)
				}
			})
			key := s.key
			if c.key != "" {
				key = c.key
			}
			_, err := s.publish(t, key)
			if !errors.Is(err, rtmp.ErrRefused) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("the answer is %v", err)
			}
			if !strings.Contains(s.logged.String(), c.logs) {
				t.Errorf("the operator is not told %s:\n%s", c.logs, &s.logged)
			}
			if secret := key[strings.LastIndexByte(key[:len(key)-2], '_')+1:]; len(key) > 3 && strings.Contains(s.logged.String(), secret) {
				t.Errorf("the log has %s:\n%s", secret, &s.logged)
			}
			if strings.Contains(s.logged.String(), key) && len(key) > 3 {
				t.Errorf("the log has the key:\n%s", &s.logged)
			}
			if s.ingestState(t) != ivsrealtime.IngestInactive {
				t.Error("the ingest configuration is active")
			}
		})
	}
}

func TestServer_EndsStreamsThatAStageCannotTake(t *testing.T) {
	for _, c := range []struct {
		name, code string
		limits     stage.Limits
		begin      func(t *testing.T, s *fixture)
	}{
		{"too large", "RESOLUTION_EXCEEDED", stage.Limits{PublishPixels: 1000}, func(t *testing.T, s *fixture) { s.sendForever(t) }},
		{"too long", "STREAM_DURATION_EXCEEDED", stage.Limits{ConnectionDuration: time.Second}, func(t *testing.T, s *fixture) { s.sendForever(t) }},
		{"B-frames", "B_FRAME_PRESENT", stage.Limits{}, func(t *testing.T, s *fixture) { s.runFFmpeg(t, "-bf", "2") }},
		{"another video codec", "INVALID_VIDEO_CODEC", stage.Limits{}, func(t *testing.T, s *fixture) { s.runFFmpeg(t, "-c:v", "flv1") }},
		{"audio that can't be decoded", "INVALID_AUDIO_CODEC", stage.Limits{}, func(t *testing.T, s *fixture) { s.runFFmpeg(t, "-tune", "zerolatency", "-ar", "44100") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, onStage(ivsrealtime.IngestRTMP, c.limits))
			c.begin(t, s)
			await(t, c.code, func() bool { return strings.Contains(s.history(t), "PUBLISH_ERROR:"+c.code) })
			await(t, "inactive", func() bool { return s.ingestState(t) == ivsrealtime.IngestInactive })
		})
	}
}

// sendForever publishes until the connection or the test ends.
func (s *fixture) sendForever(t *testing.T) {
	t.Helper()
	f, err := s.publish(t, s.key)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { <-done })
	go func() {
		defer close(done)
		for t.Context().Err() == nil && f.send(1) == nil {
			time.Sleep(40 * time.Millisecond)
		}
		_ = f.push.Close()
	}()
}

func TestServer_DropsTheEncoderWhoseStreamIsEndedHere(t *testing.T) {
	for name, end := range map[string]func(*fixture) error{
		"the participant is disconnected": func(s *fixture) error {
			return s.stages.Disconnect(t.Context(), s.stage.ARN, "hostofshow", "goodbye")
		},
		"the media engine ends": func(s *fixture) error { return s.engine.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, onStage(ivsrealtime.IngestRTMP, stage.Limits{}))
			f, err := s.publish(t, s.key)
			if err != nil {
				t.Fatal(err)
			}
			if err := f.sendUntil(t, func() bool { return strings.Contains(s.history(t), "PUBLISH_STARTED") }); err != nil {
				t.Fatal(err)
			}
			if err := end(s); err != nil {
				t.Fatal(err)
			}
			if err := f.sendUntil(t, func() bool { return false }); err == nil {
				t.Error("the connection lives on")
			}
			s.awaitHistory(t, "JOINED PUBLISH_STARTED PUBLISH_STOPPED LEFT")
			await(t, "inactive", func() bool { return s.ingestState(t) == ivsrealtime.IngestInactive })
		})
	}
}

// A network that lost the first connection lets the encoder connect again with its key.
func TestServer_LetsAnotherEncoderReplaceASilentOne(t *testing.T) {
	s := start(t, onStage(ivsrealtime.IngestRTMP, stage.Limits{}))
	silent, err := s.publish(t, s.key)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.push.Close()
	if err := silent.sendUntil(t, func() bool { return strings.Contains(s.history(t), "PUBLISH_STARTED") }); err != nil {
		t.Fatal(err)
	}
	var f *encoder
	await(t, "the takeover", func() bool {
		f, err = s.publish(t, s.key)
		return err == nil
	})
	defer f.push.Close()
	if err := f.sendUntil(t, func() bool { return strings.Count(s.history(t), "PUBLISH_STARTED") == 2 }); err != nil {
		t.Fatal(err)
	}
	if s.ingestState(t) != ivsrealtime.IngestActive {
		t.Error("the ingest configuration is not active")
	}
}

// transcoder is one whose processes are this program.
func transcoder(t *testing.T) *worker.Streams {
	t.Helper()
	self, err := os.Executable()
	if err == nil {
		self, err = exec.LookPath(self)
	}
	if err != nil {
		t.Fatal(err)
	}
	return worker.NewTranscoder(worker.Config{Program: self, Memory: 2 << 30})
}
