package recorder

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rostrum/internal/sfu"
	"rostrum/internal/stage"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// mergeWindow is the reconnect window of the stage in these tests.
const mergeWindow = 30 * time.Second

// recordMerged makes the stage want its participants recorded, with a reconnect window, and
// returns a publication of alice that has no media yet.
func (l *leftRecording) recordMerged(window time.Duration) stage.Publication {
	l.t.Helper()
	p := l.wantRecorded()
	seconds, target := int(window.Seconds()), 6
	l.change(leftStage, func(c *ivsrealtime.AutoParticipantRecordingConfiguration) {
		c.RecordingReconnectWindowSeconds = &seconds
		c.HLSConfiguration = &ivsrealtime.ParticipantRecordingHLSConfiguration{TargetSegmentDurationSeconds: &target}
	})
	p.Publisher = &sfu.Publisher{}
	return p
}

// change changes a stage's recording configuration.
func (l *leftRecording) change(arn string, how func(*ivsrealtime.AutoParticipantRecordingConfiguration)) {
	l.t.Helper()
	l.write(func(tx *store.Tx) error {
		_, err := tx.Stages().Update(arn, func(s *ivsrealtime.Stage) error {
			how(s.AutoParticipantRecordingConfiguration)
			return nil
		})
		return err
	})
}

// openPrefixes are those of the recordings that have not ended.
func (l *leftRecording) openPrefixes(node string) (prefixes []string) {
	l.t.Helper()
	err := l.store.Read(l.t.Context(), func(tx *store.Tx) error {
		rows, err := tx.Recordings(node)
		for _, r := range rows {
			prefixes = append(prefixes, r.Prefix)
		}
		return err
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return prefixes
}

// The rules are those of the documentation: a window, the same storage configuration, the same
// participant, and a return in time.
func TestParticipants_MergeWhatReturnsInTheReconnectWindow(t *testing.T) {
	const otherStage = "arn:aws:ivs:us-east-1:000000000000:stage/efghIJKL5678"
	type recordingConfiguration = ivsrealtime.AutoParticipantRecordingConfiguration
	for name, c := range map[string]struct {
		window time.Duration
		away   time.Duration
		second func(*stage.Publication)
		change func(*recordingConfiguration) // while it is away
		merged bool                          // into the prefix of the first part
		none   bool                          // the second part is not recorded
	}{
		"no window":                             {window: 0, away: time.Second},
		"a return at once":                      {window: mergeWindow, away: time.Millisecond, merged: true},
		"a return just in time":                 {window: mergeWindow, away: mergeWindow - time.Second, merged: true},
		"a return too late":                     {window: mergeWindow, away: mergeWindow + time.Second},
		"the longest window":                    {window: 300 * time.Second, away: 299 * time.Second, merged: true},
		"the stage's next session":              {window: mergeWindow, away: time.Second, second: func(p *stage.Publication) { p.SessionID = "st-next" }, merged: true},
		"another participant":                   {window: mergeWindow, away: time.Second, second: func(p *stage.Publication) { p.ParticipantID = "bob" }},
		"the participant on another stage":      {window: mergeWindow, away: time.Second, second: func(p *stage.Publication) { p.StageARN = otherStage }},
		"a replica of it":                       {window: mergeWindow, away: time.Second, second: func(p *stage.Publication) { p.StageARN, p.Replica = otherStage, true }, none: true},
		"another storage":                       {window: mergeWindow, away: time.Second, change: func(c *recordingConfiguration) { *c.StorageConfigurationARN = otherStorage }},
		"other media":                           {window: mergeWindow, away: time.Second, change: func(c *recordingConfiguration) { c.MediaTypes[0] = ivsrealtime.RecordAudioOnly }},
		"another segment duration":              {window: mergeWindow, away: time.Second, change: func(c *recordingConfiguration) { *c.HLSConfiguration.TargetSegmentDurationSeconds = 2 }},
		"a window that was switched off":        {window: mergeWindow, away: time.Second, change: func(c *recordingConfiguration) { *c.RecordingReconnectWindowSeconds = 0 }},
		"a recording that was switched off":     {window: mergeWindow, away: time.Second, change: func(c *recordingConfiguration) { *c.StorageConfigurationARN = "" }, none: true},
		"a configuration that was set as it is": {window: mergeWindow, away: time.Second, change: func(*recordingConfiguration) {}, merged: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := leaveRecording(t)
				first := l.recordMerged(c.window)
				l.addStage(otherStage)
				n, p := l.open(false)
				p.PublishStarted(first)
				time.Sleep(2 * time.Second)
				before := l.openPrefixes(n.ID())
				if len(before) != 1 || !strings.HasPrefix(before[0], "abcdEFGH1234/st-last/alice/") {
					t.Fatalf("the recordings are %q", before)
				}
				p.PublishStopped(first.StageARN, first.ParticipantID)
				if c.change != nil {
					l.change(leftStage, c.change)
				}
				time.Sleep(c.away)
				inWindow := c.away < c.window
				if is := slices.Contains(l.openPrefixes(n.ID()), before[0]); is != inWindow {
					t.Errorf("after %v the recording is open: %t", c.away, is)
				}
				second := first
				second.Publisher = &sfu.Publisher{}
				if c.second != nil {
					c.second(&second)
				}
				p.PublishStarted(second)
				time.Sleep(2 * time.Second)
				after := l.openPrefixes(n.ID())
				others := slices.DeleteFunc(slices.Clone(after), func(prefix string) bool { return prefix == before[0] })
				if c.merged && (len(after) != 1 || len(others) > 0) || !c.merged && (len(others) == 0) != c.none {
					t.Errorf("the first part is %q, after the second one the recordings are %q", before, after)
				}
				l.close(n, p)
				if left := l.openPrefixes(n.ID()); len(left) > 0 {
					t.Errorf("recordings are left: %q", left)
				}
			})
		})
	}
}

const otherStorage = "arn:aws:ivs:us-east-1:000000000000:storage-configuration/efghIJKL5678"

// addStage adds another stage with the configuration of the first but for replicas, which it does
// not want, with a session, and another storage.
func (l *leftRecording) addStage(arn string) {
	l.t.Helper()
	l.write(func(tx *store.Tx) error {
		s, err := tx.Stages().Get(leftStage)
		if err != nil {
			return err
		}
		other := *s
		other.ARN = arn
		return errors.Join(
			tx.Stages().Create(&other),
			tx.Storages().Create(&ivsrealtime.StorageConfiguration{ARN: otherStorage, S3: &ivsrealtime.S3StorageConfiguration{BucketName: "others"}}),
		)
	})
}
