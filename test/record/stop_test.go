package record

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"rostrum/internal/hls"
	"rostrum/internal/media"
	"rostrum/ivsrealtime"
	"rostrum/realtime"
)

// manyRecordings are in manyStages stages.
const (
	manyRecordings = 200
	manyStages     = 4
)

// publishAudio sends a little audio of many participants; the rest is recorded as silence.
func publishAudio(t *testing.T, tokens []string) {
	t.Helper()
	tracks := make([]*realtime.LocalTrack, len(tokens))
	var joins sync.WaitGroup
	slots := make(chan struct{}, 8)
	for i, raw := range tokens {
		token, err := realtime.ReadToken(raw)
		if err != nil {
			t.Fatal(err)
		}
		at, err := token.PublishAt()
		if err != nil {
			t.Fatal(err)
		}
		tracks[i] = realtime.NewTrack(media.Opus)
		joins.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			ctx, cancel := context.WithTimeout(t.Context(), maxWait)
			defer cancel()
			p, err := realtime.Publish(ctx, at, realtime.PublishConfig{Rejoin: realtime.NoRejoin}, tracks[i])
			if err != nil {
				t.Errorf("publish: %v", err)
				return
			}
			t.Cleanup(func() { _ = p.Close() }) // the server has ended
		})
	}
	joins.Wait()
	silence := []byte{0xf8, 0xff, 0xfe} // 20 ms of Opus
	go func() {
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for began := time.Now(); ; {
			select {
			case <-tick.C:
			case <-t.Context().Done():
				return
			}
			for _, track := range tracks {
				_ = track.WriteSample(0, realtime.Sample{Data: silence, Time: time.Since(began), Duration: 20 * time.Millisecond})
			}
		}
	}()
}

func TestRecording_AllAreClosedWhenTheServerStops(t *testing.T) {
	t.Parallel()
	s := &studio{t: t, binary: binary, data: filepath.Join(t.TempDir(), "data")}
	s.begin()
	c := configuration()
	c.MediaTypes = []ivsrealtime.ParticipantRecordingMediaType{ivsrealtime.RecordAudioOnly}
	var tokens []string
	stages := make([]*studio, manyStages)
	for i := range stages {
		one := *s
		one.createStage("recordings", c)
		stages[i] = &one
		for range manyRecordings / manyStages {
			raw, _ := one.token()
			tokens = append(tokens, raw)
		}
	}
	publishAudio(t, tokens)
	for _, one := range stages {
		one.eventually("all are recorded", func() bool { return one.recorded(ivsrealtime.RecordingActive) == manyRecordings/manyStages })
	}
	began := time.Now()
	if err := s.running.StopWithin(maxWait); err != nil {
		t.Fatal(err)
	}
	t.Logf("the server stopped after %v", time.Since(began))
	events := recordingEvents(t, s.data)
	s.serve() // for the end of the test
	if len(events) != manyRecordings {
		t.Errorf("there are events of %d recordings", len(events))
	}
	for id, all := range events {
		if n := len(all); n != 2 || all[1].Name != "Recording End" {
			t.Errorf("the events of %s are %+v", id, all)
		}
	}
	playlists, _ := filepath.Glob(filepath.Join(s.data, "buckets/recordings/*/*/*/*/media/hls/high/playlist.m3u8"))
	for _, name := range playlists {
		if list, err := hls.Parse(readFile(t, name)); err != nil || !list.Ended || len(list.Segments) == 0 {
			t.Errorf("%s is not closed: %v", name, err)
		}
	}
	if len(playlists) != manyRecordings {
		t.Errorf("there are %d playlists", len(playlists))
	}
}

// recorded counts the participants of the stage's newest session whose recording has a state.
func (s *studio) recorded(state ivsrealtime.RecordingState) (n int) {
	s.t.Helper()
	sessions, err := s.client.ListStageSessions(s.t.Context(), &ivsrealtime.ListStageSessionsInput{StageARN: s.stage})
	if err != nil || len(sessions.StageSessions) == 0 {
		return 0
	}
	in := &ivsrealtime.ListParticipantsInput{StageARN: s.stage, SessionID: sessions.StageSessions[0].SessionID, FilterByRecordingState: state}
	out, err := s.client.ListParticipants(s.t.Context(), in)
	if err != nil {
		return 0
	}
	return len(out.Participants)
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
