package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/bucket"
	"rostrum/internal/control"
	"rostrum/internal/recording"
	"rostrum/ivsrealtime"
)

const (
	// recordingsPage is how many recordings are listed at once.
	recordingsPage = 25
	// maxOpenedFiles bounds the files of a recording that are looked at, and maxOpened the
	// recordings whose files are in memory at once.
	maxOpenedFiles = 200_000
	maxOpened      = 4
	// maxRecordingFiles bounds the files of a recording that are listed.
	maxRecordingFiles = 5000
	// recordingLinkAge is how long the links to the files of a recording are valid.
	recordingLinkAge = 4 * time.Hour
	// recordingTimeout bounds a request about recordings, verifyTimeout one that reads all media.
	recordingTimeout = 30 * time.Second
	verifyTimeout    = 5 * time.Minute
)

// Recordings are where the console finds recordings.
type Recordings struct {
	Buckets bucket.Buckets
	// Address is the address of a recording's playlist, with a link that is valid until a time.
	Address func(region, bucket, prefix string, expires time.Time) string
}

// A recordingsList is a page of recordings, by the id of their storage configuration.
type recordingsList struct {
	Recordings []listedRecording `json:"recordings"`
	Next       string            `json:"nextToken,omitempty"`
}

type listedRecording struct {
	Prefix string `json:"prefix"`
	recording.Summary
}

// listRecordings lists the recordings of the caller in the bucket of a storage configuration.
func (s *Server) listRecordings(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	s.withBucket(w, r, recordingTimeout, func(ctx context.Context, c control.Caller, b bucket.Bucket, name string) (any, error) {
		below, after := q.Get("below"), q.Get("nextToken")
		if !isFolder(below) || !isFolder(after) {
			return nil, ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "below and nextToken must be prefixes of recordings")
		}
		page, next, err := recording.List(ctx, b, name, below, after, recordingsPage, func(s recording.Summary) bool { return isOf(c, s) })
		out := recordingsList{Recordings: []listedRecording{}, Next: next}
		for _, summary := range page {
			out.Recordings = append(out.Recordings, listedRecording{strings.TrimPrefix(summary.Recording, name+"/"), summary})
		}
		return out, err
	})
}

// isFolder reports whether a text may be the prefix of a recording, or is empty.
func isFolder(prefix string) bool {
	return prefix == "" || prefix == path.Clean(prefix) && !strings.HasPrefix(prefix, "/") && prefix != ".." && !strings.HasPrefix(prefix, "../")
}

// isOf reports whether a recording is of a stage of the caller's account and region: those of
// others may be in the same bucket.
func isOf(c control.Caller, s recording.Summary) bool {
	stage, err := arn.Parse(s.StageARN)
	return err == nil && stage.Account == c.Account && stage.Region == c.Region
}

// A shownRecording is one recording with its files.
type shownRecording struct {
	recording.Description
	Listed   []recording.File `json:"listed"`   // the first of its files
	Playlist string           `json:"playlist"` // its address; empty where there are no media
	Base     string           `json:"base"`     // the address of a file is base, its name and query
	Query    string           `json:"query"`
	Expires  time.Time        `json:"expires"`
}

// showRecording describes a recording, with links to its files.
func (s *Server) showRecording(w http.ResponseWriter, r *http.Request) {
	s.withRecording(w, r, recordingTimeout, func(_ context.Context, found *recording.Recording, d recording.Description) (any, error) {
		out := shownRecording{Description: d, Expires: time.Now().Add(recordingLinkAge).UTC().Truncate(time.Second)}
		stage, err := arn.Parse(d.StageARN)
		if err != nil {
			return nil, err
		}
		address := s.config.Recordings.Address(stage.Region, found.Place, found.Prefix, out.Expires)
		at, query, _ := strings.Cut(address, "?")
		out.Base, out.Query = strings.TrimSuffix(at, recording.PlaylistName), "?"+query
		if found.HasMedia() {
			out.Playlist = address
		}
		files := found.Files()
		out.Listed = files[:min(len(files), maxRecordingFiles)]
		return out, nil
	})
}

// verifyRecording checks a recording from end to end. It reads all media, one recording at a time.
func (s *Server) verifyRecording(w http.ResponseWriter, r *http.Request) {
	s.withRecording(w, r, verifyTimeout, func(ctx context.Context, found *recording.Recording, _ recording.Description) (any, error) {
		if !s.verifying.TryLock() {
			return nil, ivsrealtime.Errorf(ivsrealtime.Throttling, "Another recording is being verified: try again when that is done.")
		}
		defer s.verifying.Unlock()
		return found.Verify(ctx)
	})
}

// withRecording answers with what run returns for the recording of a request.
func (s *Server) withRecording(w http.ResponseWriter, r *http.Request, timeout time.Duration, run func(context.Context, *recording.Recording, recording.Description) (any, error)) {
	prefix := r.URL.Query().Get("prefix")
	s.withBucket(w, r, timeout, func(ctx context.Context, c control.Caller, b bucket.Bucket, name string) (any, error) {
		if prefix == "" || !isFolder(prefix) {
			return nil, noRecording(name, prefix)
		}
		summary, err := recording.Summarize(ctx, b, name, prefix)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil || !isOf(c, summary) { // before its files are listed
			return nil, noRecording(name, prefix)
		}
		select {
		case s.opening <- struct{}{}:
			defer func() { <-s.opening }()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		found, err := recording.Open(ctx, b, name, prefix, maxOpenedFiles)
		if errors.Is(err, recording.ErrTooLarge) {
			return nil, ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "The recording has more than %d files: rostrum recordings of the command line has no limit.", maxOpenedFiles)
		}
		if err != nil {
			return nil, err
		}
		d, err := found.Describe(ctx)
		if err != nil {
			return nil, err
		}
		return run(ctx, found, d)
	})
}

func noRecording(bucket, prefix string) error {
	return ivsrealtime.Errorf(ivsrealtime.ResourceNotFound, "There is no recording %s/%s of this account and region.", bucket, prefix)
}

// withBucket answers with what run returns for the bucket of the storage configuration that a
// request names, if the caller may read recordings there.
func (s *Server) withBucket(w http.ResponseWriter, r *http.Request, timeout time.Duration, run func(context.Context, control.Caller, bucket.Bucket, string) (any, error)) {
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(timeout + liveWriteTimeout)) // not all have one
	out, err := func() (any, error) {
		_, caller, err := s.caller(r)
		if err != nil {
			return nil, err
		}
		name, err := s.plane.RecordingBucket(ctx, caller, r.URL.Query().Get("storage"))
		if err != nil {
			return nil, err
		}
		b, err := s.config.Recordings.Buckets(caller.Region, name)
		if err != nil {
			return nil, err
		}
		return run(ctx, caller, b, name)
	}()
	if err != nil {
		refuse(w, bucketError(ctx, err))
		return
	}
	answer(w, out)
}

// bucketError is an error of a bucket as one of the API.
func bucketError(ctx context.Context, err error) error {
	var known *ivsrealtime.Error
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return ivsrealtime.Errorf(ivsrealtime.ServiceUnavailable, "The bucket takes too long to answer: rostrum recordings of the command line has no limit of time.")
	case bucket.IsRefusal(err):
		return ivsrealtime.Errorf(ivsrealtime.ResourceNotFound, "The bucket can't be read: %v", err)
	}
	return fmt.Errorf("read recordings: %w", err)
}
