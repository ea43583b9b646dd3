package worker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"rostrum/internal/layout"
)

// Limits of a process.
const (
	StopTime       = 5 * time.Second // from the end of its input to its exit
	HeartbeatLimit = 5 * time.Second // without progress of its output clocks
)

// A Job is one composition.
type Job struct {
	Token        string    `json:"token"`                  // of a hidden participant that may subscribe
	Certificates string    `json:"certificates,omitempty"` // PEM: trusted beside those of the system
	Layout       Layout    `json:"layout"`                 // none is the grid with its defaults
	Encoder      string    `json:"encoder,omitempty"`      // of video, by FFmpeg's name; default libx264
	Programs     []Program `json:"programs"`               // one for each format; each is encoded once
}

// Layout is the API's LayoutConfiguration with its defaults filled in: grid, pip or
// neither.
type Layout struct {
	Grid *layout.Grid `json:"grid,omitempty"`
	Pip  *layout.Pip  `json:"pip,omitempty"`
}

// Chosen returns the layout that is set, or the default grid.
func (l Layout) Chosen() layout.Layout {
	switch {
	case l.Grid != nil:
		return *l.Grid
	case l.Pip != nil:
		return *l.Pip
	}
	return layout.DefaultGrid()
}

// A Program is one format, as in an EncoderConfiguration, and its destinations.
type Program struct {
	Width        int           `json:"width,omitempty"`     // pixels; default 1280
	Height       int           `json:"height,omitempty"`    // pixels; default 720
	FrameRate    float64       `json:"framerate,omitempty"` // default 30
	Bitrate      int           `json:"bitrate,omitempty"`   // bits a second; default 2,500,000
	Destinations []Destination `json:"destinations"`
}

// A Destination is one output of a Program: exactly one of RTMP, HLS, File.
type Destination struct {
	ID   string `json:"id"` // for Reports
	RTMP *RTMP  `json:"rtmp,omitempty"`
	HLS  *HLS   `json:"hls,omitempty"`
	File string `json:"file,omitempty"` // a fragmented MP4, overwritten
}

// RTMP is a push to a server.
type RTMP struct {
	URL          string `json:"url"`                    // rtmp:// or rtmps://, the stream key as last element of its path
	RetrySeconds int    `json:"retrySeconds,omitempty"` // of interruption before the destination fails; default 90
}

// HLS is a recording into a directory: the files under media/ of a composite
// recording. Each file is complete when it appears; a Report names it.
type HLS struct {
	Directory      string      `json:"directory"`                              // of the recording's prefix
	Rendition      string      `json:"rendition"`                              // the name of its folder
	SegmentSeconds int         `json:"targetSegmentDurationSeconds,omitempty"` // default 2
	Thumbnails     *Thumbnails `json:"thumbnails,omitempty"`                   // none without
}

// Thumbnails are pictures taken at intervals.
type Thumbnails struct {
	IntervalSeconds int  `json:"targetIntervalSeconds,omitempty"` // default 60
	Sequential      bool `json:"sequential,omitempty"`            // media/thumbnails/<W>x<H>/<n>.jpg
	First           int  `json:"first,omitempty"`                 // the first n; earlier ones may have been uploaded and removed
	Latest          bool `json:"latest,omitempty"`                // media/latest_thumbnail/<W>x<H>/thumb.jpg
}

// ReadJob reads and checks a Job. The decoder that it returns reads on behind it.
func ReadJob(r io.Reader) (Job, *json.Decoder, error) {
	var j Job
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&j); err != nil {
		return Job{}, nil, fmt.Errorf("read job: %w", err)
	}
	if err := j.check(); err != nil {
		return Job{}, nil, fmt.Errorf("read job: %w", err)
	}
	return j, d, nil
}

func (j *Job) check() error {
	if j.Token == "" {
		return errors.New("has no token")
	}
	if j.Layout.Grid != nil && j.Layout.Pip != nil {
		return errors.New("has grid and pip, must have at most one of them")
	}
	seen := map[string]bool{}
	for _, p := range j.Programs {
		for _, d := range p.Destinations {
			if err := d.check(); err != nil {
				return err
			}
			if seen[d.ID] {
				return fmt.Errorf("has two destinations %q", d.ID)
			}
			seen[d.ID] = true
		}
	}
	if len(seen) == 0 {
		return errors.New("has no destination")
	}
	return nil
}

func (d *Destination) check() error {
	kinds := 0
	for _, set := range []bool{d.RTMP != nil, d.HLS != nil, d.File != ""} {
		if set {
			kinds++
		}
	}
	switch {
	case kinds != 1:
		return fmt.Errorf("destination %q has %d of rtmp, hls and file, must have one", d.ID, kinds)
	case d.HLS != nil && d.HLS.Directory == "":
		return fmt.Errorf("destination %q has no directory", d.ID)
	case d.HLS != nil && (d.HLS.Rendition == "" || !filepath.IsLocal(d.HLS.Rendition)):
		return fmt.Errorf("destination %q has the rendition %q, must have the name of a folder", d.ID, d.HLS.Rendition)
	case d.HLS != nil && (d.HLS.SegmentSeconds < 0 || d.HLS.SegmentSeconds > 60):
		return fmt.Errorf("destination %q has segments of %d s, must have 1 to 60", d.ID, d.HLS.SegmentSeconds)
	}
	return nil
}
