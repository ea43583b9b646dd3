package composition

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

	"rostrum/internal/hls"
	"rostrum/ivsrealtime"
)

// The files of a composite recording besides its media (User Guide, composite
// recording: contents).
const (
	startedFile = "events/recording-started.json"
	endedFile   = "events/recording-ended.json"
	failedFile  = "events/recording-failed.json"
	hlsFolder   = "media/hls"
)

// metadata is what is told about a recording in its own files.
type metadata struct {
	prefix     string // of all its files in the bucket
	stageARN   string
	rendition  string // the name of its folder
	width      int
	height     int
	sequential bool // which thumbnails there are
	latest     bool
	started    time.Time // zero until it has
}

// renditionName names the folder of a destination's rendition: the same at every
// start of a worker, since it goes on there.
func renditionName(v *ivsrealtime.Video, destinationID string) string {
	sum := sha256.Sum256([]byte(destinationID))
	text := new(big.Int).SetBytes(sum[:]).Text(62)
	return fmt.Sprintf("%dp%d-%s", *v.Height, int(math.Round(float64(*v.Framerate))), text[:12])
}

func (m *metadata) playlist() string { return path.Join(hlsFolder, m.rendition, "playlist.m3u8") }

// The shape of the files under events/.
type metadataFile struct {
	Version   string        `json:"version"`
	StageARN  string        `json:"stage_arn"`
	StartedAt string        `json:"recording_started_at,omitempty"`
	EndedAt   string        `json:"recording_ended_at,omitempty"`
	Status    string        `json:"recording_status"`
	Message   string        `json:"recording_status_message,omitempty"`
	Media     metadataMedia `json:"media"`
}

type metadataMedia struct {
	HLS             metadataHLS     `json:"hls"`
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
	Width    int    `json:"resolution_width"`
	Height   int    `json:"resolution_height"`
}

type metadataImages struct {
	Path        string              `json:"path"`
	Resolutions []metadataRendition `json:"resolutions"`
}

func (m *metadata) file(status string) metadataFile {
	size := fmt.Sprintf("%dx%d", m.width, m.height)
	images := func(at string, are bool) *metadataImages {
		if !are {
			return nil
		}
		return &metadataImages{at, []metadataRendition{{Path: size, Width: m.width, Height: m.height}}}
	}
	return metadataFile{
		Version: "v1", StageARN: m.stageARN, StartedAt: stamp(m.started), Status: status,
		Media: metadataMedia{
			HLS: metadataHLS{
				Path: hlsFolder, Playlist: "multivariant.m3u8",
				Renditions: []metadataRendition{{m.rendition, "playlist.m3u8", m.width, m.height}},
			},
			Thumbnails:      images("media/thumbnails", m.sequential),
			LatestThumbnail: images("media/latest_thumbnail", m.latest),
		},
	}
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// begin writes the file that tells of the start.
func (m *metadata) begin(into spool) error {
	data, err := json.MarshalIndent(m.file("RECORDING_STARTED"), "", "  ")
	if err != nil {
		return err
	}
	return into.put(startedFile, data)
}

// end closes the playlist, where the worker could not, and writes the file that
// tells of the end.
func (m *metadata) end(into spool, e ending) error {
	if m.started.IsZero() && e.failure == nil {
		return nil // it was stopped before it began
	}
	duration, err := m.close(into)
	if err != nil {
		return err
	}
	if e.failure != nil {
		data, err := m.failed(e, duration)
		if err != nil {
			return err
		}
		return into.put(failedFile, data)
	}
	f := m.file("RECORDING_ENDED")
	ms := duration.Milliseconds()
	f.EndedAt, f.Media.HLS.DurationMS = stamp(e.at), &ms
	data, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	return into.put(endedFile, data)
}

// failed is the file that tells of an end in failure, after so much was recorded.
func (m *metadata) failed(e ending, duration time.Duration) ([]byte, error) {
	if m.started.IsZero() {
		f := m.file("RECORDING_START_FAILED")
		f.Message = e.failure.Reason
		return json.MarshalIndent(f, "", "  ")
	}
	f := m.file("RECORDING_ENDED_WITH_FAILURE")
	ms := duration.Milliseconds()
	f.EndedAt, f.Message, f.Media.HLS.DurationMS = stamp(e.at), e.failure.Reason, &ms
	return json.MarshalIndent(f, "", "  ")
}

// close makes the playlist one of what is over, and tells how long that is.
func (m *metadata) close(in spool) (time.Duration, error) {
	data, err := os.ReadFile(in.path(m.playlist()))
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
		if err := in.put(m.playlist(), list.Marshal()); err != nil {
			return 0, err
		}
	}
	return list.Duration(), nil
}
