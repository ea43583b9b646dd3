package recorder

import (
	"os"
	"testing"
	"time"

	"rostrum/internal/event"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

func TestStats_CountsWhatWaitsInAllSpools(t *testing.T) {
	a := &Participants{running: map[*individual]bool{}}
	for _, state := range []ivsrealtime.RecordingState{ivsrealtime.RecordingActive, ivsrealtime.RecordingActive, ivsrealtime.RecordingStopping} {
		r := &individual{registry: a, folder: t.TempDir()}
		r.shown.Store(state)
		a.running[r] = true
		for _, name := range []string{"media/hls/high/0.mp4", "media/hls/high/playlist.m3u8"} {
			if err := r.spool().put(name, []byte("12345")); err != nil {
				t.Fatal(err)
			}
		}
		old := time.Now().Add(-time.Hour)
		if err := os.Chtimes(r.spool().path("media/hls/high/playlist.m3u8"), old, old); err != nil {
			t.Fatal(err)
		}
		old = time.Now().Add(-time.Minute)
		if err := os.Chtimes(r.spool().path("media/hls/high/0.mp4"), old, old); err != nil {
			t.Fatal(err)
		}
	}
	s := a.Stats()
	if s.Recordings[ivsrealtime.RecordingActive] != 2 || s.Recordings[ivsrealtime.RecordingStopping] != 1 || s.Recordings[ivsrealtime.RecordingStarting] != 0 {
		t.Errorf("recordings by state are %v", s.Recordings)
	}
	if s.SpoolFiles != 3 || s.SpoolBytes != 15 || s.Oldest < time.Minute || s.Oldest > 30*time.Minute {
		t.Errorf("%d files of %d bytes wait, the oldest for %v", s.SpoolFiles, s.SpoolBytes, s.Oldest)
	}
}

func TestStats_CountsSegmentsAmongTheFiles(t *testing.T) {
	a := &Participants{}
	for _, name := range []string{
		"media/hls/high/init-0.mp4", "media/hls/high/0.mp4", "media/hls/high/1.mp4", "media/hls/high/playlist.m3u8",
		"media/hls/multivariant.m3u8", "media/thumbnails/high/1.jpg", "events/recording-ended.json",
	} {
		a.counters.addUpload(name, 5)
	}
	if s := a.Stats(); s.Files != 7 || s.Segments != 2 || s.Bytes != 35 {
		t.Errorf("%d files, %d segments and %d bytes were uploaded", s.Files, s.Segments, s.Bytes)
	}
}

func TestUploadEvents_AreAboutChanges(t *testing.T) {
	st, err := store.Open(t.Context(), store.Config{Ephemeral: true})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	u := &uploadEvents{store: st, subject: event.Recording{StageARN: leftStage, SessionID: "st-s", ParticipantID: "p"}}
	for _, now := range []Update{Current, Interrupted, Interrupted, Current, Current, Interrupted, Complete} {
		u.update(t.Context(), now, 7)
	}
	events, err := st.Events(t.Context(), store.EventQuery{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for _, e := range events {
		seen = append(seen, string(e.Detail))
	}
	const subject = `"participant_id":"p","recording_s3_bucket_name":"","recording_s3_key_prefix":"",`
	interrupted := `{"session_id":"st-s","event_name":"Upload Interrupted",` + subject + `"reason":"` + interruptedReason + `","pending_bytes":7}`
	resumed := `{"session_id":"st-s","event_name":"Upload Resumed",` + subject + `"pending_bytes":0}`
	if len(seen) != 3 || seen[0] != interrupted || seen[1] != resumed || seen[2] != interrupted {
		t.Errorf("the events are %q", seen)
	}
}
