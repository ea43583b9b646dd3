package recorder

import (
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rostrum/internal/bucket"
	"rostrum/internal/event"
	"rostrum/internal/hls"
	"rostrum/internal/node"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

const (
	leftStage  = "arn:aws:ivs:us-east-1:000000000000:stage/abcdEFGH1234"
	leftPrefix = "abcdEFGH1234/st-first/alice/2026-01-02T03-04-05Z"
	deadNode   = "nodeThatDied"
)

var leftStarted = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// A leftRecording is what a killed process left of a recording.
type leftRecording struct {
	t       *testing.T
	store   *store.Store
	spool   string // of the node that closes it
	buckets string
	row     store.Recording
}

func leaveRecording(t *testing.T) *leftRecording {
	s, err := store.Open(t.Context(), store.Config{Ephemeral: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	l := &leftRecording{t: t, store: s, spool: t.TempDir(), buckets: t.TempDir(), row: store.Recording{
		ID: "r", Node: deadNode, StageARN: leftStage, SessionID: "st-first", LastSessionID: "st-last", ParticipantID: "alice",
		Region: "us-east-1", Bucket: "recordings", Prefix: leftPrefix, Started: leftStarted,
	}}
	p := &store.Participant{StageARN: leftStage, SessionID: "st-last", Node: deadNode}
	p.ParticipantID, p.RecordingState, p.RecordingS3BucketName, p.RecordingS3Prefix = "alice", ivsrealtime.RecordingActive, "recordings", leftPrefix
	l.write(func(tx *store.Tx) error {
		stage := &ivsrealtime.Stage{ARN: leftStage}
		session := store.Session{StageARN: leftStage, ID: "st-last", Node: deadNode, Start: leftStarted}
		return errors.Join(tx.Stages().Create(stage), tx.OpenSession(session), tx.CreateParticipant(p))
	})
	return l
}

func (l *leftRecording) write(f func(tx *store.Tx) error) {
	l.t.Helper()
	if err := l.store.Write(l.t.Context(), f); err != nil {
		l.t.Fatal(err)
	}
}

func (l *leftRecording) createRow() {
	l.write(func(tx *store.Tx) error { return tx.CreateRecording(&l.row) })
}

// leftPlaylist has two segments of two seconds.
func leftPlaylist() hls.Playlist {
	return hls.Playlist{Target: 2 * time.Second, Segments: []hls.Segment{
		{Name: "0.mp4", Init: "init-0.mp4", Duration: 2 * time.Second, Begins: leftStarted},
		{Name: "1.mp4", Init: "init-0.mp4", Duration: 2 * time.Second, Begins: leftStarted.Add(2 * time.Second)},
	}}
}

// fillSpool leaves media in the spool of the dead node.
func (l *leftRecording) fillSpool() {
	s := Spool(filepath.Join(l.spool, deadNode, l.row.ID, "files"))
	for name, data := range map[string]string{"init-0.mp4": "i", "0.mp4": "0", "1.mp4": "1", "playlist.m3u8": string(leftPlaylist().Marshal())} {
		if err := s.put("media/hls/high/"+name, []byte(data)); err != nil {
			l.t.Fatal(err)
		}
	}
}

func (l *leftRecording) fillBucket(name, data string) {
	b, err := bucket.Folders(l.buckets)("us-east-1", "recordings")
	if err == nil {
		err = b.Put(l.t.Context(), leftPrefix+"/"+name, strings.NewReader(data))
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// open starts another node.
func (l *leftRecording) open(shared bool) (*node.Node, *Participants) {
	l.t.Helper()
	log := slog.New(slog.DiscardHandler)
	n, err := node.Open(l.t.Context(), l.store, node.Config{Shared: shared, Log: log})
	if err != nil {
		l.t.Fatal(err)
	}
	return n, NewParticipants(ParticipantsConfig{
		Store: l.store, Buckets: bucket.Folders(l.buckets), Node: n, Spool: l.spool, UploadRetry: time.Hour, MaxSpoolBytes: 1 << 20, Log: log,
	})
}

func (l *leftRecording) close(n *node.Node, p *Participants) {
	l.t.Helper()
	if err := errors.Join(p.Close(), n.Close()); err != nil {
		l.t.Error(err)
	}
}

// run runs another node for a while.
func (l *leftRecording) run(shared bool, length time.Duration) {
	l.t.Helper()
	n, p := l.open(shared)
	if err := n.Recover(l.t.Context()); err != nil {
		l.t.Error(err)
	}
	stop := make(chan struct{})
	go func() {
		defer close(stop)
		for end := time.Now().Add(length); time.Now().Before(end); time.Sleep(5 * time.Second) {
			if err := p.closeDead(l.t.Context(), store.Node{ID: deadNode}); err != nil {
				l.t.Error(err)
			}
		}
	}()
	<-stop
	l.close(n, p)
}

// A leftEvent is what the tests look at of an event about a recording.
type leftEvent struct {
	Name     string `json:"event_name"`
	Session  string `json:"session_id"`
	Duration int64  `json:"recording_duration_ms"`
	Prefix   string `json:"recording_s3_key_prefix"`
}

// details are those of all events about recordings.
func (l *leftRecording) details() (all []leftEvent) {
	l.t.Helper()
	events, err := l.store.Events(l.t.Context(), store.EventQuery{Limit: 100})
	if err != nil {
		l.t.Fatal(err)
	}
	for _, e := range events {
		if e.DetailType != event.RecordingChange {
			continue
		}
		var d leftEvent
		if err := json.Unmarshal(e.Detail, &d); err != nil || d.Session != "st-last" {
			l.t.Errorf("event %s: %v", e.Detail, err)
		}
		all = append(all, d)
	}
	return all
}

// events are the names of those about the recording, with durations.
func (l *leftRecording) events() (all []string) {
	l.t.Helper()
	for _, d := range l.details() {
		all = append(all, d.Name+" "+(time.Duration(d.Duration)*time.Millisecond).String())
	}
	return all
}

func (l *leftRecording) state() (state ivsrealtime.RecordingState) {
	l.t.Helper()
	l.write(func(tx *store.Tx) error {
		p, err := tx.Participant(store.ParticipantRef{StageARN: leftStage, SessionID: "st-last", ParticipantID: "alice"})
		if err == nil {
			state = p.RecordingState
		}
		return err
	})
	return state
}

// stored are the names of the recording's files.
func (l *leftRecording) stored() (names []string) {
	root := filepath.Join(l.buckets, "recordings", filepath.FromSlash(leftPrefix))
	_ = filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(root, file)
			names = append(names, strings.TrimPrefix(filepath.ToSlash(name), "media/hls/high/"))
		}
		return nil
	})
	slices.Sort(names)
	return names
}

func TestParticipants_CloseWhatADeadNodeLeft(t *testing.T) {
	inSpool := (*leftRecording).fillSpool
	inBucket := func(l *leftRecording) {
		l.fillBucket("media/hls/high/playlist.m3u8", string(leftPlaylist().Marshal()))
	}
	media := []string{"0.mp4", "1.mp4"}
	ended := append(slices.Clone(media), "events/recording-ended.json", "events/recording-started.json", "init-0.mp4", "playlist.m3u8")
	for name, c := range map[string]struct {
		leave    func(l *leftRecording)
		shared   bool // the database
		state    ivsrealtime.RecordingState
		events   []string
		expected []string // files in the bucket
	}{
		"while it was recorded": {
			func(l *leftRecording) { l.createRow(); inSpool(l) }, false, ivsrealtime.RecordingStopped, []string{"Recording End 4s"}, ended,
		},
		"beside other nodes": {
			func(l *leftRecording) { l.createRow(); inSpool(l) }, true, ivsrealtime.RecordingStopped, []string{"Recording End 4s"}, ended,
		},
		"before the start was stored": {
			func(l *leftRecording) { l.row.Started = time.Time{}; l.createRow(); inSpool(l) },
			false, ivsrealtime.RecordingStopped, []string{"Recording Start 0s", "Recording End 4s"}, ended,
		},
		"before there was a spool": {
			func(l *leftRecording) { l.row.Started = time.Time{}; l.createRow() }, false, ivsrealtime.RecordingStopped, nil, nil,
		},
		"after the end was stored": {
			func(l *leftRecording) { inSpool(l) }, false, ivsrealtime.RecordingActive, nil, nil, // as the test left the state
		},
		"while it failed": {
			func(l *leftRecording) {
				l.row.Failure = &event.Failure{Code: ivsrealtime.AccessDenied, Reason: "no"}
				l.createRow()
				inSpool(l)
			},
			false, ivsrealtime.RecordingFailed, []string{"Recording End Failure 4s"},
			append(slices.Clone(media), "events/recording-failed.json", "events/recording-started.json", "init-0.mp4", "playlist.m3u8"),
		},
		"after the failure was reported": {
			func(l *leftRecording) {
				l.createRow()
				inSpool(l)
				l.fillBucket(failedFile, `{"recording_status_message":"no"}`)
			},
			false, ivsrealtime.RecordingFailed, []string{"Recording End Failure 4s"},
			append(slices.Clone(media), "events/recording-failed.json", "events/recording-started.json", "init-0.mp4", "playlist.m3u8"),
		},
		"with a spool on another machine": {
			func(l *leftRecording) { l.createRow(); inBucket(l) }, true, ivsrealtime.RecordingFailed, []string{"Recording End Failure 4s"},
			[]string{"events/recording-failed.json", "events/recording-started.json", "playlist.m3u8"},
		},
		"with nothing in the bucket and a spool on another machine": {
			func(l *leftRecording) { l.createRow() }, true, ivsrealtime.RecordingFailed, []string{"Recording End Failure 0s"},
			[]string{"events/recording-failed.json", "events/recording-started.json"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := leaveRecording(t)
				c.leave(l)
				l.run(c.shared, 2*returnWait)
				l.run(c.shared, time.Second) // and again, which changes nothing
				if got := l.events(); !slices.Equal(got, c.events) {
					t.Errorf("events: expected %q, saw %q", c.events, got)
				}
				if got := l.state(); got != c.state {
					t.Errorf("the state is %s, expected %s", got, c.state)
				}
				if got := l.stored(); !slices.Equal(got, c.expected) {
					t.Errorf("files: expected %q, saw %q", c.expected, got)
				}
				if len(c.expected) > 2 {
					if list, err := os.ReadFile(filepath.Join(l.buckets, "recordings", leftPrefix, "media/hls/high/playlist.m3u8")); err != nil || !strings.Contains(string(list), "#EXT-X-ENDLIST") {
						t.Errorf("the playlist is not closed: %v\n%s", err, list)
					}
				}
				if left, _ := filepath.Glob(filepath.Join(l.spool, "*")); len(left) > 0 {
					t.Errorf("the spool keeps %v", left)
				}
			})
		})
	}
}

// The node may be started again on the same data folder, with all that waits for the bucket.
func TestParticipants_WaitForTheSpoolOfADeadNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := leaveRecording(t)
		l.createRow()
		own := l.spool
		l.spool = t.TempDir() // of another machine
		l.run(true, returnWait-time.Minute)
		if got := l.events(); len(got) > 0 {
			t.Errorf("after %v there are events %q", returnWait-time.Minute, got)
		}
		l.spool = own
		l.fillSpool()
		l.run(true, time.Second)
		if got, expected := l.events(), []string{"Recording End 4s"}; !slices.Equal(got, expected) {
			t.Errorf("events: expected %q, saw %q", expected, got)
		}
	})
}

// A full disk may have no space for the folder of a node.
func TestParticipants_UploadASpoolThatCannotBeMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := leaveRecording(t)
		l.createRow()
		l.fillSpool()
		n, p := l.open(false)
		if err := os.WriteFile(filepath.Join(l.spool, n.ID()), nil, 0o600); err != nil { // where the folder belongs
			t.Fatal(err)
		}
		if err := p.closeDead(t.Context(), store.Node{ID: deadNode}); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		l.close(n, p)
		if got, expected := l.events(), []string{"Recording End 4s"}; !slices.Equal(got, expected) {
			t.Errorf("events: expected %q, saw %q", expected, got)
		}
		if got := l.stored(); !slices.Contains(got, "1.mp4") {
			t.Errorf("the bucket has %q", got)
		}
		if left, _ := filepath.Glob(filepath.Join(l.spool, "*")); len(left) > 0 {
			t.Errorf("the spool keeps %v", left)
		}
	})
}

// The sessions of participants, metrics and the end of the process need the lock.
func TestParticipants_HoldNoLockDuringAWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := leaveRecording(t)
		l.createRow()
		l.fillSpool()
		n, p := l.open(false)
		answer := make(chan struct{})
		writing := make(chan error)
		write := func(f func() error) { go func() { writing <- f() }() }
		write(func() error {
			return l.store.Write(t.Context(), func(*store.Tx) error {
				<-answer
				return nil
			})
		})
		synctest.Wait()
		write(func() error { return p.adopt(t.Context(), l.row) })
		synctest.Wait() // until it waits for the database
		if p.mu.TryLock() {
			p.mu.Unlock()
		} else {
			t.Error("the lock is held while the database does not answer")
		}
		close(answer)
		if err := errors.Join(<-writing, <-writing); err != nil {
			t.Error(err)
		}
		l.close(n, p)
		if got, expected := l.events(), []string{"Recording End 4s"}; !slices.Equal(got, expected) {
			t.Errorf("events: expected %q, saw %q", expected, got)
		}
	})
}
