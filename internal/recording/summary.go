package recording

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"

	"rostrum/internal/bucket"
)

// A Summary is what a recording says of itself.
type Summary struct {
	Recording     string `json:"recording"` // bucket and prefix
	StageARN      string `json:"stageArn,omitempty"`
	SessionID     string `json:"sessionId,omitempty"`
	ParticipantID string `json:"participantId,omitempty"` // empty for a composition's
	Status        string `json:"status"`
	Message       string `json:"message,omitempty"`
	Started       string `json:"startedAt,omitempty"`
	Ended         string `json:"endedAt,omitempty"`
	DurationMS    int64  `json:"durationMs"`
}

// A Description is a summary with the recording's files.
type Description struct {
	Summary
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
}

// Describe reads what the recording says of itself.
func (r *Recording) Describe(ctx context.Context) (Description, error) {
	d := Description{Files: len(r.files)}
	for _, size := range r.files {
		d.Bytes += size
	}
	var err error
	d.Summary, err = summarize(r.Name(), func(name string) ([]byte, error) { return r.read(ctx, name, maxMetadata) })
	return d, err
}

// summarize reads the last of the files under events/.
func summarize(recording string, read func(name string) ([]byte, error)) (Summary, error) {
	s := Summary{Recording: recording}
	for _, name := range []string{failedFile, endedFile, startedFile} {
		data, err := read(name)
		if errors.Is(err, errMissing) {
			continue
		}
		var m metadata
		if err == nil {
			err = json.Unmarshal(data, &m)
		}
		if err != nil {
			return s, fmt.Errorf("%s/%s: %w", recording, name, err)
		}
		s.StageARN, s.SessionID, s.ParticipantID = m.StageARN, m.SessionID, m.ParticipantID
		s.Status, s.Message, s.Started, s.Ended = m.Status, m.Message, m.StartedAt, m.EndedAt
		if m.Media.HLS != nil && m.Media.HLS.DurationMS != nil {
			s.DurationMS = *m.Media.HLS.DurationMS
		}
		break
	}
	return s, nil
}

// errFound ends a list at the first file that is looked for.
var errFound = errors.New("found")

// Summarize reads what the recording of a prefix says of itself, without listing its files.
func Summarize(ctx context.Context, b bucket.Bucket, place, prefix string) (Summary, error) {
	return summarize(place+"/"+prefix, func(name string) ([]byte, error) { return readFile(ctx, b, path.Join(prefix, name), maxMetadata) })
}

// List summarizes at most limit recordings below a folder of a bucket, of those that isMine
// accepts, in the order of the bucket, from the one after a prefix on. next is the prefix to
// continue after; empty where there are no more. It looks for one recording after the other, without listing their
// files, so that a page costs the same however large the bucket is.
func List(ctx context.Context, b bucket.Bucket, place, below, after string, limit int, isMine func(Summary) bool) (page []Summary, next string, err error) {
	if below != "" {
		below += "/"
	}
	for len(page) < limit {
		prefix := ""
		err := b.List(ctx, below, after, func(f bucket.File) error {
			var ok bool
			if prefix, ok = root(f.Key); ok && prefix != "" {
				return errFound
			}
			return nil
		})
		if err == nil {
			return page, "", nil
		}
		if !errors.Is(err, errFound) {
			return nil, "", err
		}
		s, err := Summarize(ctx, b, place, prefix)
		if err != nil {
			if ctx.Err() != nil {
				return nil, "", err
			}
			s.Status, s.Message = "UNKNOWN", err.Error()
		}
		if after = prefix; isMine(s) {
			page = append(page, s)
		}
	}
	return page, after, nil
}
