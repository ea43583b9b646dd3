package recording

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// A Report says what a check of a recording found.
type Report struct {
	Description
	Segments int       `json:"segments"`
	Pictures int       `json:"pictures"`
	MediaMS  int64     `json:"mediaMs"` // sum of the segments' durations
	GapsMS   int64     `json:"gapsMs"`  // between sections
	Sections int       `json:"sections"`
	Problems []Problem `json:"problems"`
}

// A Problem is one thing that is wrong with a recording.
type Problem struct {
	File string `json:"file"`
	Text string `json:"problem"`
}

func (p Problem) String() string { return p.File + ": " + p.Text }

// maxProblems bounds a report.
const maxProblems = 100

// Verify checks all files of a recording against each other. The error is about reading
// them; what is wrong with them is in the report.
func (r *Recording) Verify(ctx context.Context) (*Report, error) {
	d, err := r.Describe(ctx)
	v := &verifier{ctx: ctx, recording: r, report: Report{Description: d, Problems: []Problem{}}, known: map[string]bool{}}
	if err != nil { // the check of that file says so, too
		v.report.Status = "unknown"
	}
	m := v.metadata()
	if m != nil {
		v.media(m)
		v.images(m)
	}
	v.unknownFiles()
	return &v.report, errors.Join(v.err, ctx.Err())
}

// A verifier checks one recording.
type verifier struct {
	ctx       context.Context
	recording *Recording
	report    Report
	known     map[string]bool // files that another one refers to
	err       error           // of the bucket
}

func (v *verifier) problem(file, format string, args ...any) {
	if len(v.report.Problems) < maxProblems {
		v.report.Problems = append(v.report.Problems, Problem{file, fmt.Sprintf(format, args...)})
	}
}

// read reads a file that there has to be.
func (v *verifier) read(name string, limit int64) ([]byte, bool) {
	data, err := v.recording.read(v.ctx, name, limit)
	v.known[name] = true
	switch {
	case err == nil:
		return data, true
	case errors.Is(err, errMissing), v.recording.files[name] > limit:
		v.problem(name, "%v", err)
	case v.err == nil:
		v.err = fmt.Errorf("%s/%s: %w", v.recording.Name(), name, err)
	}
	return nil, false
}

func (v *verifier) readOptional(name string, limit int64) ([]byte, bool) {
	if _, ok := v.recording.files[name]; !ok {
		return nil, false
	}
	return v.read(name, limit)
}

// media checks the playlists and segments.
func (v *verifier) media(m *metadata) {
	_, exists := v.recording.files[multivariantFile]
	ended := m.EndedAt != ""
	if m.Media.HLS == nil || m.Status == "RECORDING_START_FAILED" || !exists && (isEmpty(m) || !ended) {
		return
	}
	listed := v.multivariant()
	for _, f := range m.Media.HLS.Renditions {
		at := slices.IndexFunc(listed, func(r variant) bool { return r.uri == f.Path+"/"+f.Playlist })
		if at < 0 {
			v.problem(multivariantFile, "it does not list the rendition %s/%s", f.Path, f.Playlist)
			continue
		}
		if f.Width > 0 && listed[at].resolution != fmt.Sprintf("%dx%d", f.Width, f.Height) {
			v.problem(multivariantFile, "its RESOLUTION is %s, that of the files under events/ %dx%d", listed[at].resolution, f.Width, f.Height)
		}
	}
	if len(listed) != len(m.Media.HLS.Renditions) {
		v.problem(multivariantFile, "it lists %d renditions, the files under events/ %d", len(listed), len(m.Media.HLS.Renditions))
	}
	for _, l := range listed {
		if _, exists := v.recording.files[path.Join(hlsFolder, l.uri)]; !exists && !ended {
			continue // it comes with the first segment
		}
		measured := v.rendition(l.uri, ended)
		if measured == nil {
			continue
		}
		v.variant(l, measured, ended)
		v.report.Pictures += measured.pictures
		v.report.MediaMS = max(v.report.MediaMS, measured.duration.Milliseconds())
		if d := m.Media.HLS.DurationMS; d != nil && (measured.duration-time.Duration(*d)*time.Millisecond).Abs() > 2*time.Millisecond {
			v.problem(endFile(m), "its duration_ms is %d, the playlist lasts %d ms", *d, measured.duration.Milliseconds())
		}
	}
}

// isEmpty reports whether a recording has ended without media.
func isEmpty(m *metadata) bool { return m.Media.HLS.DurationMS != nil && *m.Media.HLS.DurationMS == 0 }

func endFile(m *metadata) string {
	if m.Status == statuses[endedFile][0] {
		return endedFile
	}
	return failedFile
}

// unknownFiles reports the files that are no part of a recording. While it is written,
// files are there before others refer to them.
func (v *verifier) unknownFiles() {
	ended := v.known[endedFile] || v.known[failedFile]
	var unknown []string
	for name := range v.recording.files {
		isMedia := strings.HasPrefix(name, hlsFolder+"/") || strings.HasPrefix(name, thumbnailFolder+"/") || strings.HasPrefix(name, latestFolder+"/")
		if !v.known[name] && (ended || !isMedia) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		v.problem(name, "no other file refers to it")
	}
}
