package record

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"rostrum/internal/hls"
	"rostrum/ivsrealtime"
)

// killRounds is how often the server is killed; ROSTRUM_RECORD_KILLS sets another number.
func killRounds(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("ROSTRUM_RECORD_KILLS"))
	if err != nil {
		return 3
	}
	return n
}

// Whenever the server is killed, the next start ends each recording once, with what was written.
func TestRecording_SurvivesKillsAtAnyMoment(t *testing.T) {
	t.Parallel()
	c := configuration()
	c.RecordingReconnectWindowSeconds = new(1)
	s := open(t, c)
	recorded := map[string]*ivsrealtime.Participant{}
	for range killRounds(t) {
		ids := map[string]func(){}
		for range 2 {
			token, id := s.token()
			ids[id] = s.publish(token, "--rejoin", "0")
		}
		for id := range ids {
			s.await(id, ivsrealtime.RecordingActive)
		}
		moment := time.NewTimer(rand.N(5 * time.Second)) // random: there is nothing to wait for
		if rand.N(2) == 0 {                              // within the reconnect window, or while the end is stored
			<-moment.C
			for _, stop := range ids {
				stop()
			}
			moment.Reset(rand.N(2 * time.Second))
		}
		<-moment.C
		s.running.Kill()
		for _, stop := range ids {
			stop()
		}
		s.serve()
		for id := range ids {
			recorded[id] = s.await(id, ivsrealtime.RecordingStopped)
		}
	}
	if err := s.running.Stop(); err != nil {
		t.Fatal(err)
	}
	events := recordingEvents(t, s.data)
	s.serve() // for the end of the test
	for id, p := range recorded {
		expectOneEnd(t, s, p, events[id])
	}
	if left, _ := filepath.Glob(filepath.Join(s.data, "participant-spool", "*", "*")); len(left) > 0 {
		t.Errorf("the spool keeps %v", left)
	}
}

// expectOneEnd checks a recording whose server was killed, perhaps before the first segment.
func expectOneEnd(t *testing.T, s *studio, p *ivsrealtime.Participant, events []recordingEvent) {
	t.Helper()
	if len(events) != 2 || events[0].Name != "Recording Start" || events[1].Name != "Recording End" {
		t.Errorf("the events of %s are %+v", p.ParticipantID, events)
		return
	}
	files, _ := filepath.Glob(filepath.Join(s.folder(p), "events", "*"))
	if len(files) != 2 || filepath.Base(files[0]) != "recording-ended.json" || filepath.Base(files[1]) != "recording-started.json" {
		t.Errorf("the events of %s are in %v", p.ParticipantID, files)
	}
	data, err := os.ReadFile(filepath.Join(s.folder(p), "media/hls/high/playlist.m3u8"))
	if os.IsNotExist(err) && events[1].Duration == 0 {
		return // the first segment was not complete
	}
	list, parsed := hls.Parse(data)
	if err != nil || parsed != nil || !list.Ended || list.Duration().Milliseconds() != events[1].Duration {
		t.Errorf("the playlist of %s is %s, %v; the event says %d ms", p.ParticipantID, data, err, events[1].Duration)
	}
	s.expectComplete(p)
	s.expectPlayable(p)
}

// expectPlayable has ffprobe, where it is installed, read a recording.
func (s *studio) expectPlayable(p *ivsrealtime.Participant) {
	s.t.Helper()
	program, err := exec.LookPath("ffprobe")
	if err != nil {
		return
	}
	out, err := exec.CommandContext(s.t.Context(), program, "-v", "error", "-count_packets", "-show_entries", "stream=codec_type,nb_read_packets",
		"-of", "csv=p=0", filepath.Join(s.folder(p), "media/hls/high/playlist.m3u8")).CombinedOutput()
	if err != nil || !regexp.MustCompile(`video,[1-9]`).Match(out) || !regexp.MustCompile(`audio,[1-9]`).Match(out) {
		s.t.Errorf("ffprobe says %s, %v", out, err)
	}
}
