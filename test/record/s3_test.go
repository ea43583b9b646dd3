package record

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rostrum/internal/event"
	"rostrum/internal/hls"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// An s3Case is a recording into a bucket of its own.
type s3Case struct {
	fault  fault
	failed string // the code of its failure; empty for none
	never  bool   // it never starts
	closed bool   // what is in the bucket can be closed
}

func s3Cases() map[string]s3Case {
	first := func(n int, _ string) bool { return n == 1 }
	third := func(n int, _ string) bool { return n%3 == 0 }
	always := func(int, string) bool { return true }
	later := func(n int, _ string) bool { return n > 8 }
	segment := func(_ int, key string) bool { return strings.HasSuffix(key, "/high/2.mp4") }
	return map[string]s3Case{
		"healthy":                          {closed: true},
		"first-fails":                      {fault: status(503, "SlowDown", first), closed: true},
		"every-third-fails":                {fault: status(500, "InternalError", third), closed: true},
		"slow":                             {fault: slow, closed: true},
		"reset-in-the-body":                {fault: reset(third), closed: true},
		"success-without-a-file":           {fault: believe(third), closed: true},
		"denied-from-the-start":            {fault: status(403, "AccessDenied", always), failed: "AccessDeniedException", never: true},
		"bucket-missing-from-the-start":    {fault: status(404, "NoSuchBucket", always), failed: "ResourceNotFoundException", never: true},
		"denied-later":                     {fault: status(403, "AccessDenied", later), failed: "AccessDeniedException"},
		"fails-from-then-on":               {fault: status(503, "SlowDown", later), failed: "InternalServerException"},
		"one-file-fails":                   {fault: status(500, "InternalError", segment), failed: "InternalServerException", closed: true},
		"success-without-one-file-forever": {fault: believe(segment), failed: "InternalServerException", closed: true},
	}
}

// The failures of one bucket are those of its recording alone, and what is said of a recording is
// true of its bucket.
func TestS3_FailuresAreToldAsTheyAre(t *testing.T) {
	t.Parallel()
	at := openS3(t)
	proxy, endpoint := openProxy(t, at)
	s := &studio{t: t, binary: binary, data: filepath.Join(t.TempDir(), "data"), args: []string{"--s3-endpoint", endpoint, "--spool-age", "5s"}}
	s.begin()
	type recorded struct {
		studio
		s3Case
		id   string
		stop func()
	}
	all := map[string]*recorded{}
	for name, c := range s3Cases() {
		at.createBucket(name)
		r := &recorded{studio: *s, s3Case: c}
		r.createStage(name, configuration())
		if c.fault != nil {
			proxy.inject(name, c.fault)
		}
		all[name] = r
	}
	for _, r := range all {
		var token string
		token, r.id = r.token()
		r.stop = r.publish(token, "--size", "320x180", "--fps", "10")
	}
	ended := map[string]*ivsrealtime.Participant{}
	for name, r := range all { // the others end by themselves
		if r.failed == "" {
			r.await(r.id, ivsrealtime.RecordingActive)
			r.eventually("a third segment of "+name, func() bool {
				p := r.await(r.id, ivsrealtime.RecordingActive)
				return at.get(name, p.RecordingS3Prefix+"/media/hls/high/2.mp4") != nil
			})
			r.stop()
		}
	}
	for name, r := range all {
		state := ivsrealtime.RecordingStopped
		if r.failed != "" {
			state = ivsrealtime.RecordingFailed
		}
		ended[name] = r.await(r.id, state)
	}
	for _, r := range all {
		r.stop()
	}
	if err := s.running.Stop(); err != nil {
		t.Fatal(err)
	}
	events := recordingEvents(t, s.data)
	s.serve() // for the end of the test
	for name, r := range all {
		t.Run(name, func(t *testing.T) {
			expectTruth(t, at, ended[name], r.s3Case, events[r.id])
		})
	}
	expectLinkOpens(t, s, at, ended["healthy"], endpoint)
	s.verify(append([]string{"--s3-endpoint", endpoint}, slices.Sorted(maps.Keys(all))...)...)
}

// expectLinkOpens plays a recording in S3 by its link, as a player does.
func expectLinkOpens(t *testing.T, s *studio, at *s3Server, p *ivsrealtime.Participant, endpoint string) {
	t.Helper()
	where := p.RecordingS3BucketName + "/" + p.RecordingS3Prefix
	out, err := exec.CommandContext(t.Context(), s.binary, "link", where, "--data-dir", s.data, "--s3-endpoint", endpoint, "--public-url", s.running.URL).CombinedOutput()
	if err != nil {
		t.Fatalf("link: %v\n%s", err, out)
	}
	link, err := url.Parse(strings.TrimSpace(string(out)))
	noError(t, err)
	for _, expected := range []string{"high/playlist.m3u8", "init-0.mp4"} {
		text, found := "", false
		for _, text = range strings.FieldsFunc(fetch(t, link), func(r rune) bool { return r == '\n' || r == '"' }) {
			if found = strings.HasPrefix(text, expected+"?"); found {
				break
			}
		}
		if !found {
			t.Fatalf("%s does not refer to %s", link.Path, expected)
		}
		if link, err = link.Parse(text); err != nil {
			t.Fatal(err)
		}
	}
	if got := fetch(t, link); got == "" || got != string(at.get(p.RecordingS3BucketName, p.RecordingS3Prefix+"/media/hls/high/init-0.mp4")) {
		t.Errorf("the link opens %d other bytes", len(got))
	}
}

func fetch(t *testing.T, from *url.URL) string {
	t.Helper()
	answer, err := http.Get(from.String())
	noError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", from.Path, answer.Status, err)
	}
	return string(body)
}

// A recordingEvent is one of those about a recording.
type recordingEvent struct {
	Name        string `json:"event_name"`
	Participant string `json:"participant_id"`
	Duration    int64  `json:"recording_duration_ms"`
	Code        string `json:"error_code"`
	Reason      string `json:"reason"`
}

// recordingEvents reads the log of a server that has ended, by participant.
func recordingEvents(t *testing.T, data string) map[string][]recordingEvent {
	t.Helper()
	s, err := store.Open(context.Background(), store.Config{Dir: data})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	all := map[string][]recordingEvent{}
	for after := int64(0); ; {
		page, err := s.Events(t.Context(), store.EventQuery{After: after, Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page {
			after = e.Cursor
			var d recordingEvent
			if e.DetailType != event.RecordingChange {
				continue
			}
			if err := json.Unmarshal(e.Detail, &d); err != nil {
				t.Fatal(err)
			}
			all[d.Participant] = append(all[d.Participant], d)
		}
		if len(page) < 1000 {
			return all
		}
	}
}

func expectTruth(t *testing.T, at *s3Server, p *ivsrealtime.Participant, c s3Case, events []recordingEvent) {
	t.Helper()
	get := func(name string) []byte { return at.get(p.RecordingS3BucketName, path.Join(p.RecordingS3Prefix, name)) }
	list, err := hls.Parse(get("media/hls/high/playlist.m3u8"))
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range list.Segments {
		if get("media/hls/high/"+g.Name) == nil || get("media/hls/high/"+g.Init) == nil {
			t.Errorf("the playlist lists %s, and the bucket does not have it", g.Name)
		}
	}
	expected := []string{"Recording Start", "Recording End"}
	switch {
	case c.never:
		expected = []string{"Recording Start Failure"}
	case c.failed != "":
		expected[1] = "Recording End Failure"
	}
	var names []string
	for _, e := range events {
		names = append(names, e.Name)
	}
	if strings.Join(names, ", ") != strings.Join(expected, ", ") {
		t.Fatalf("the events are %q, expected %q", names, expected)
	}
	last := events[len(events)-1]
	if last.Code != c.failed || (last.Reason != "") != (c.failed != "") {
		t.Errorf("the last event has %q, %q, expected %q", last.Code, last.Reason, c.failed)
	}
	done, failed := get("events/recording-ended.json"), get("events/recording-failed.json")
	if !c.closed {
		return // the bucket takes nothing any more
	}
	if (done != nil) == (failed != nil) || (failed != nil) != (c.failed != "") {
		t.Fatalf("recording-ended.json is %s, recording-failed.json is %s", done, failed)
	}
	var meta struct {
		Media struct {
			HLS struct {
				Duration int64 `json:"duration_ms"`
			}
		}
	}
	if err := json.Unmarshal(append(done, failed...), &meta); err != nil {
		t.Fatal(err)
	}
	if ms := list.Duration().Milliseconds(); !list.Ended || meta.Media.HLS.Duration != ms || last.Duration != ms {
		t.Errorf("the playlist lasts %v, ended %v; %d ms in the file, %d ms in the event", list.Duration(), list.Ended, meta.Media.HLS.Duration, last.Duration)
	}
	if failed == nil && list.Duration() < 5*time.Second {
		t.Errorf("the recording lasts %v", list.Duration())
	}
}
