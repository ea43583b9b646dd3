package recording

import (
	"encoding/json"
	"errors"
	"path"
	"regexp"
	"time"

	"rostrum/internal/arn"
)

// metadata is the content of a file under events/ (User Guide, individual participant
// recording and composite recording: JSON metadata files).
type metadata struct {
	Version       string `json:"version"`
	StageARN      string `json:"stage_arn"`
	SessionID     string `json:"session_id"`
	ParticipantID string `json:"participant_id"`
	StartedAt     string `json:"recording_started_at"`
	EndedAt       string `json:"recording_ended_at"`
	Status        string `json:"recording_status"`
	Message       string `json:"recording_status_message"`
	Media         struct {
		HLS             *metadataHLS    `json:"hls"`
		Thumbnails      *metadataImages `json:"thumbnails"`
		LatestThumbnail *metadataImages `json:"latest_thumbnail"`
	} `json:"media"`
}

type metadataHLS struct {
	DurationMS *int64           `json:"duration_ms"`
	Path       string           `json:"path"`
	Playlist   string           `json:"playlist"`
	Renditions []metadataFolder `json:"renditions"`
}

type metadataImages struct {
	Path        string           `json:"path"`
	Renditions  []metadataFolder `json:"renditions"`  // of a participant
	Resolutions []metadataFolder `json:"resolutions"` // of a composition
}

type metadataFolder struct {
	Path     string `json:"path"`
	Playlist string `json:"playlist"`
	Width    int    `json:"resolution_width"`
	Height   int    `json:"resolution_height"`
}

func (m *metadata) isParticipant() bool { return m.ParticipantID != "" }

// statuses are the values of recording_status by file.
var statuses = map[string][]string{
	startedFile: {"RECORDING_STARTED"},
	endedFile:   {"RECORDING_ENDED"},
	failedFile:  {"RECORDING_START_FAILED", "RECORDING_ENDED_WITH_FAILURE"},
}

// metadata checks the files under events/, and returns the last one.
func (v *verifier) metadata() *metadata {
	started := v.metadataFile(startedFile)
	ended, failed := v.metadataFile(endedFile), v.metadataFile(failedFile)
	if ended != nil && failed != nil {
		v.problem(failedFile, "the recording has ended and failed, too")
	}
	last := ended
	if failed != nil {
		last = failed
	}
	switch {
	case last == nil && started == nil:
		v.problem(startedFile, "no file says what was recorded")
		return nil
	case last == nil:
		return started
	case started == nil && last.Status != "RECORDING_START_FAILED":
		v.problem(startedFile, "there is no such file, but the recording started")
	case started != nil && (started.StageARN != last.StageARN || started.SessionID != last.SessionID ||
		started.ParticipantID != last.ParticipantID || started.StartedAt != last.StartedAt):
		v.problem(startedFile, "it says otherwise than the file about the end what was recorded and when it started")
	}
	return last
}

// metadataFile reads and checks one file under events/; nil where there is none.
func (v *verifier) metadataFile(name string) *metadata {
	data, ok := v.readOptional(name, maxMetadata)
	if !ok {
		return nil
	}
	m := &metadata{}
	if err := json.Unmarshal(data, m); err != nil {
		v.problem(name, "it is not the JSON expected: %v", err)
		return nil
	}
	if m.Version != "v1" {
		v.problem(name, "its version is %q", m.Version)
	}
	if known := statuses[name]; m.Status != known[0] && m.Status != known[len(known)-1] {
		v.problem(name, "its status is %q", m.Status)
	}
	v.subject(name, m)
	v.times(name, m)
	if m.Status != "RECORDING_START_FAILED" && m.Media.HLS != nil && (m.Media.HLS.Path != hlsFolder || path.Join(m.Media.HLS.Path, m.Media.HLS.Playlist) != multivariantFile) {
		v.problem(name, "it names the playlist %s/%s", m.Media.HLS.Path, m.Media.HLS.Playlist)
	}
	return m
}

// timeInPrefix is the last element of a participant's prefix.
var timeInPrefix = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ$`)

// subject checks what was recorded against the prefix.
func (v *verifier) subject(name string, m *metadata) {
	stage, err := arn.Parse(m.StageARN)
	if err != nil || stage.Type != arn.Stage {
		v.problem(name, "%q is not the ARN of a stage", m.StageARN)
		return
	}
	if (m.SessionID == "") != (m.ParticipantID == "") {
		v.problem(name, "it names a session without a participant, or the other way round")
	}
	if !m.isParticipant() || v.recording.Prefix == "" {
		return
	}
	at := v.recording.Prefix
	for _, expected := range []string{"", m.ParticipantID, m.SessionID, stage.ID} {
		last := path.Base(at)
		if at = path.Dir(at); at == "." && expected != stage.ID {
			return // a copy under another prefix
		}
		if expected == "" && !timeInPrefix.MatchString(last) || expected != "" && expected != last {
			v.problem(name, "the prefix is not <stage>/<session>/<participant>/<time> of what it names")
			return
		}
	}
}

// times checks when the recording started and ended.
func (v *verifier) times(name string, m *metadata) {
	started, err1 := time.Parse(time.RFC3339, m.StartedAt)
	ended, err2 := time.Parse(time.RFC3339, m.EndedAt)
	if m.Status == "RECORDING_START_FAILED" {
		if m.StartedAt != "" {
			v.problem(name, "it says when a recording started that did not")
		}
		return
	}
	if name == startedFile {
		if err1 != nil || m.EndedAt != "" {
			v.problem(name, "it says that the recording started at %q and ended at %q", m.StartedAt, m.EndedAt)
		}
		return
	}
	if errors.Join(err1, err2) != nil || ended.Before(started) {
		v.problem(name, "it says that the recording started at %q and ended at %q", m.StartedAt, m.EndedAt)
	}
	if m.Media.HLS != nil && m.Media.HLS.DurationMS == nil {
		v.problem(name, "it does not say how long the recording is (duration_ms)")
	}
}
