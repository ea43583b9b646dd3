package main

import (
	"path/filepath"
	"strings"
	"testing"

	"rostrum/internal/bucket"
)

func TestLink_IsToARecordingThatExists(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	note(t, data)
	recordings, err := bucket.Folders(filepath.Join(data, "buckets"))("", "recordings")
	if err != nil {
		t.Fatal(err)
	}
	images := `{"media":{"thumbnails":{"path":"media/thumbnails","renditions":[{"path":"high"}]}}}`
	latest := `{"media":{"latest_thumbnail":{"path":"media/latest_thumbnail","renditions":[{"path":"high"}]}}}`
	for key, text := range map[string]string{
		"s/c/d/composite/media/hls/multivariant.m3u8": "#EXTM3U\n",
		"images/events/recording-started.json":        images,
		"latest/events/recording-started.json":        latest,
		"begun/events/recording-started.json":         strings.Replace(images, `{"media":{`, `{"media":{"hls":{},`, 1),
	} {
		if err := recordings.Put(t.Context(), key, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	for recording, c := range map[string]struct {
		code  int
		print string
	}{
		"recordings/s/c/d/composite":  {exitOK, "/recordings/s/c/d/composite/media/hls/multivariant.m3u8?"},
		"recordings/s/c/d/composite/": {exitOK, "/recordings/s/c/d/composite/media/hls/multivariant.m3u8?"},
		"recordings/images":           {exitOK, "/recordings/images/media/thumbnails/high/?"},
		"recordings/latest":           {exitOK, "/recordings/latest/media/latest_thumbnail/high/thumb.jpg?"},
		"recordings/begun":            {exitFailure, "there is no recording recordings/begun"},
		"recordings/s/c/d":            {exitFailure, "there is no recording recordings/s/c/d"},
		"recordings/nothing":          {exitFailure, "there is no recording recordings/nothing"},
		"elsewhere/s/c/d/composite":   {exitFailure, "there is no recording elsewhere/s/c/d/composite"},
		"recordings/../x":             {exitFailure, "there is no recording"},
		"recordings":                  {exitUsage, "is not BUCKET/PREFIX"},
	} {
		out, complaints, code := finish(t, rostrum(t, "link", recording, "--data-dir", data))
		if code != c.code || !strings.Contains(out+complaints, c.print) || (code == exitOK) != (out != "") {
			t.Errorf("%s: expected exit %d with %q, saw %d: %s%s", recording, c.code, c.print, code, out, complaints)
		}
	}
}
