package job

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"rostrum/internal/layout"
)

// How long a process may take.
const (
	StopTime       = 5 * time.Second
	HeartbeatLimit = 5 * time.Second
)

// A Job is one composition.
type Job struct {
	Token    string    `json:"token"`             // of a participant that may subscribe, and that nobody sees
	Layout   Layout    `json:"layout"`            // none is the grid with its defaults
	Encoder  string    `json:"encoder,omitempty"` // of pictures, by FFmpeg's name; default libx264
	Programs []Program `json:"programs"`          // one for each format; each is encoded once
}

// Layout is the API's LayoutConfiguration with its defaults filled in: one of the
// two, or none.
type Layout struct {
	Grid *layout.Grid `json:"grid,omitempty"`
	Pip  *layout.Pip  `json:"pip,omitempty"`
}

// Chosen is the layout that was chosen.
func (l Layout) Chosen() layout.Layout {
	switch {
	case l.Grid != nil:
		return *l.Grid
	case l.Pip != nil:
		return *l.Pip
	}
	return layout.DefaultGrid()
}

// A Program is one format, as an EncoderConfiguration has it, and where it goes.
type Program struct {
	Width        int           `json:"width,omitempty"`     // pixels; default 1280
	Height       int           `json:"height,omitempty"`    // pixels; default 720
	FrameRate    float64       `json:"framerate,omitempty"` // default 30
	Bitrate      int           `json:"bitrate,omitempty"`   // bits a second; default 2,500,000
	Destinations []Destination `json:"destinations"`
}

// A Destination is one place that a Program goes to: exactly one of RTMP, HLS, File.
type Destination struct {
	ID   string `json:"id"` // for Reports
	RTMP *RTMP  `json:"rtmp,omitempty"`
	HLS  *HLS   `json:"hls,omitempty"`
	File string `json:"file,omitempty"` // a fragmented MP4, overwritten
}

// RTMP is a push to a server.
type RTMP struct {
	URL      string `json:"url"`                       // rtmp:// or rtmps://, the stream key as last element of its path
	Patience int    `json:"patienceSeconds,omitempty"` // how long it may be interrupted before the destination has failed; default 90
}

// HLS is a recording into a directory: the files under media/ of a composite
// recording. Each appears whole; a Report tells of it.
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
	First           int  `json:"first,omitempty"`                 // the first n, where those before may be taken away
	Latest          bool `json:"latest,omitempty"`                // media/latest_thumbnail/<W>x<H>/thumb.jpg
}

// Read takes a Job from a channel, and nothing after it.
func Read(r io.Reader) (Job, *json.Decoder, error) {
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
	for _, is := range []bool{d.RTMP != nil, d.HLS != nil, d.File != ""} {
		if is {
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
