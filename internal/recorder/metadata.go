package recorder

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"os"
	"path"
	"time"

	"rostrum/internal/event"
	"rostrum/internal/hls"
)

// The files of a recording besides its media (User Guide, composite recording: contents).
const (
	startedFile = "events/recording-started.json"
	endedFile   = "events/recording-ended.json"
	failedFile  = "events/recording-failed.json"
	hlsFolder   = "media/hls"
)

// Metadata is what a recording's own files say about it.
type Metadata struct {
	StageARN    string
	Session     string // of a participant's recording; empty for a composition's, like Participant
	Participant string
	Rendition   string // the name of its folder
	Width       int
	Height      int
	Sequential  bool // thumbnails are kept one by one
	Latest      bool // the latest thumbnail is kept
	NoHLS       bool // there is nothing but thumbnails
}

// RenditionName names the folder of an output's rendition. It is the same for each
// worker, since they continue the rendition.
func RenditionName(height int, frameRate float64, id string) string {
	sum := sha256.Sum256([]byte(id))
	text := new(big.Int).SetBytes(sum[:]).Text(62)
	return fmt.Sprintf("%dp%d-%s", height, int(math.Round(frameRate)), text[:12])
}

func (m *Metadata) playlist() string { return path.Join(hlsFolder, m.Rendition, "playlist.m3u8") }

// A metadataFile is the content of a file under events/.
type metadataFile struct {
	Version     string        `json:"version"`
	StageARN    string        `json:"stage_arn"`
	Session     string        `json:"session_id,omitempty"`
	Participant string        `json:"participant_id,omitempty"`
	StartedAt   string        `json:"recording_started_at,omitempty"`
	EndedAt     string        `json:"recording_ended_at,omitempty"`
	Status      string        `json:"recording_status"`
	Message     string        `json:"recording_status_message,omitempty"`
	Media       metadataMedia `json:"media"`
}

type metadataMedia struct {
	HLS             *metadataHLS    `json:"hls,omitempty"`
	Thumbnails      *metadataImages `json:"thumbnails,omitempty"`
	LatestThumbnail *metadataImages `json:"latest_thumbnail,omitempty"`
}

type metadataHLS struct {
	DurationMS *int64              `json:"duration_ms,omitempty"`
	Path       string              `json:"path"`
	Playlist   string              `json:"playlist"`
	Renditions []metadataRendition `json:"renditions"`
}

type metadataRendition struct {
	Path     string `json:"path"`
	Playlist string `json:"playlist,omitempty"`
	Width    int    `json:"resolution_width,omitempty"` // of a composition
	Height   int    `json:"resolution_height,omitempty"`
}

type metadataImages struct {
	Path        string              `json:"path"`
	Renditions  []metadataRendition `json:"renditions,omitempty"`  // of a participant
	Resolutions []metadataRendition `json:"resolutions,omitempty"` // of a composition
}

func (m *Metadata) file(status string, started time.Time) metadataFile {
	f := metadataFile{
		Version: "v1", StageARN: m.StageARN, Session: m.Session, Participant: m.Participant, StartedAt: timestamp(started), Status: status,
		Media: metadataMedia{
			Thumbnails: m.images(thumbnailFolder, m.Sequential), LatestThumbnail: m.images(latestFolder, m.Latest),
		},
	}
	if !m.NoHLS {
		f.Media.HLS = &metadataHLS{
			Path: hlsFolder, Playlist: "multivariant.m3u8",
			Renditions: []metadataRendition{{m.Rendition, "playlist.m3u8", m.Width, m.Height}},
		}
	}
	return f
}

// images describes a folder of thumbnails; nil if there are none.
func (m *Metadata) images(folder string, kept bool) *metadataImages {
	switch {
	case !kept:
		return nil
	case m.Participant != "":
		return &metadataImages{Path: folder, Renditions: []metadataRendition{{Path: m.Rendition}}}
	}
	size := fmt.Sprintf("%dx%d", m.Width, m.Height)
	return &metadataImages{Path: folder, Resolutions: []metadataRendition{{Path: size, Width: m.Width, Height: m.Height}}}
}

func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func (f metadataFile) setDuration(d time.Duration) {
	if f.Media.HLS != nil {
		ms := d.Milliseconds()
		f.Media.HLS.DurationMS = &ms
	}
}

func (f metadataFile) marshal() ([]byte, error) { return json.MarshalIndent(f, "", "  ") }

// writeStarted writes the file that says when the recording started.
func (m *Metadata) writeStarted(s Spool, started time.Time) error {
	data, err := m.file("RECORDING_STARTED", started).marshal()
	if err != nil {
		return err
	}
	return s.put(startedFile, data)
}

// writeEnded ends the playlist, if no worker did, and writes the file that says how the
// recording ended. A recording that never started and did not fail has neither. It returns the
// duration.
func (m *Metadata) writeEnded(s Spool, started time.Time, e ending) (time.Duration, error) {
	if started.IsZero() && e.failure == nil {
		return 0, nil
	}
	duration, err := m.endPlaylist(s)
	if err != nil {
		return 0, err
	}
	if e.failure != nil {
		data, err := m.failed(started, e.time, duration, *e.failure)
		if err != nil {
			return 0, err
		}
		return duration, s.put(failedFile, data)
	}
	f := m.file("RECORDING_ENDED", started)
	f.EndedAt, f.Message = timestamp(e.time), e.remark
	f.setDuration(duration)
	data, err := f.marshal()
	if err != nil {
		return 0, err
	}
	return duration, s.put(endedFile, data)
}

// failed is the file that says that the recording failed after this duration.
func (m *Metadata) failed(started, ended time.Time, duration time.Duration, why event.Failure) ([]byte, error) {
	if started.IsZero() {
		f := m.file("RECORDING_START_FAILED", started)
		f.Message = why.Reason
		return f.marshal()
	}
	f := m.file("RECORDING_ENDED_WITH_FAILURE", started)
	f.EndedAt, f.Message = timestamp(ended), why.Reason
	f.setDuration(duration)
	return f.marshal()
}

// endPlaylist makes the playlist one that has ended, and returns its duration.
func (m *Metadata) endPlaylist(s Spool) (time.Duration, error) {
	data, err := os.ReadFile(s.path(m.playlist()))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	list, err := hls.Parse(data)
	if err != nil {
		return 0, err
	}
	if !list.Ended {
		list.Ended = true
		if err := s.put(m.playlist(), list.Marshal()); err != nil {
			return 0, err
		}
	}
	return list.Duration(), nil
}
