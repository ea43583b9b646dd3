package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"time"

	"rostrum/internal/bucket"
	"rostrum/internal/config"
	"rostrum/internal/recording"
	"rostrum/internal/store"
	"rostrum/internal/web"
)

// A RecordingLink is what a link to a recording opens.
type RecordingLink struct {
	Bucket, Prefix string
	File           string // below the prefix, that players open; a folder if it ends with a slash
}

// maxStartedFile bounds a file of metadata, in bytes.
const maxStartedFile = 1 << 20

// FindRecording returns what to open of the recording at a prefix of a bucket: its playlist, or
// its thumbnails where it has nothing else.
func FindRecording(ctx context.Context, s *config.Settings, name, prefix string) (RecordingLink, error) {
	l := RecordingLink{Bucket: name, Prefix: prefix}
	buckets, err := openBuckets(ctx, s)
	if err != nil {
		return l, err
	}
	b, err := buckets(string(s.Region), name)
	if err != nil {
		return l, err
	}
	l.File, err = findFile(ctx, b, prefix)
	if errors.Is(err, bucket.ErrNoFile) || errors.Is(err, bucket.ErrNoBucket) {
		return l, fmt.Errorf("there is no recording %s/%s: rostrum recordings list shows all, and one exists once its state is ACTIVE", name, prefix)
	}
	return l, err
}

func findFile(ctx context.Context, b bucket.Bucket, prefix string) (string, error) {
	playlist, err := b.Get(ctx, path.Join(prefix, recording.PlaylistName))
	if err == nil {
		return recording.PlaylistName, playlist.Close()
	}
	if !errors.Is(err, bucket.ErrNoFile) {
		return "", err
	}
	started, err := b.Get(ctx, path.Join(prefix, "events/recording-started.json"))
	if err != nil {
		return "", err
	}
	defer started.Close()
	type images struct {
		Path       string
		Renditions []struct{ Path string }
	}
	var metadata struct {
		Media struct {
			HLS        *struct{}
			Thumbnails images
			Latest     images `json:"latest_thumbnail"`
		}
	}
	if err := json.NewDecoder(io.LimitReader(started, maxStartedFile)).Decode(&metadata); err != nil {
		return "", fmt.Errorf("read recording-started.json: %w", err)
	}
	switch m := metadata.Media; {
	case m.HLS == nil && len(m.Thumbnails.Renditions) > 0:
		return path.Join(m.Thumbnails.Path, m.Thumbnails.Renditions[0].Path) + "/", nil
	case m.HLS == nil && len(m.Latest.Renditions) > 0:
		return path.Join(m.Latest.Path, m.Latest.Renditions[0].Path, "thumb.jpg"), nil
	}
	return "", bucket.ErrNoFile
}

// URL is one that opens all files of the recording until it expires, and no others.
func (l RecordingLink) URL(ctx context.Context, s *config.Settings, st *store.Store, endpoint string, expires time.Time) (string, error) {
	links, err := openLinks(ctx, st)
	return endpoint + l.address(links, s, string(s.Region), expires), err
}

// address is the path and the query of the URL of a recording in a bucket of a region.
func (l RecordingLink) address(links bucket.Links, s *config.Settings, region string, expires time.Time) string {
	if s.S3Endpoint == "" {
		region = "" // folders have none
	}
	return web.RecordingsPath + l.Bucket + "/" + l.Prefix + "/" + l.File + "?" + links.Sign(region, l.Bucket, l.Prefix, expires).Encode()
}
