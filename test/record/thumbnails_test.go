package record

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"rostrum/internal/testpattern"
	"rostrum/ivsrealtime"
	"rostrum/test/server"
)

// withMedia is the folder of a binary that finds rostrum-media.
var withMedia = sync.OnceValues(func() (string, error) {
	folder := filepath.Join(filepath.Dir(binary), "media")
	if err := os.Mkdir(folder, 0o750); err != nil {
		return "", err
	}
	if err := os.Link(binary, filepath.Join(folder, "rostrum")); err != nil {
		return "", err
	}
	return filepath.Join(folder, "rostrum"), server.BuildMedia(context.Background(), folder)
})

// openWithMedia opens a studio whose server has rostrum-media.
func openWithMedia(t *testing.T, c ivsrealtime.AutoParticipantRecordingConfiguration) *studio {
	t.Helper()
	b, err := withMedia()
	if err != nil {
		t.Skip(err)
	}
	return openBinary(t, b, c)
}

func thumbnailsEach(seconds int, storage ...ivsrealtime.ThumbnailStorageType) *ivsrealtime.ParticipantThumbnailConfiguration {
	return &ivsrealtime.ParticipantThumbnailConfiguration{RecordingMode: ivsrealtime.ThumbnailInterval, TargetIntervalSeconds: &seconds, Storage: storage}
}

// exifTime is when a thumbnail says that it was taken.
func exifTime(t *testing.T, file []byte) time.Time {
	t.Helper()
	found := regexp.MustCompile(`(?s)\x04(\d{3})\x00.{4}(\d{4}:\d\d:\d\d \d\d:\d\d:\d\d)\x00\+00:00\x00`).FindSubmatch(file[:min(len(file), 200)])
	if found == nil {
		t.Fatalf("a thumbnail has no time: %q", file[:min(len(file), 200)])
	}
	at, err := time.Parse("2006:01:02 15:04:05.000", fmt.Sprintf("%s.%s", found[2], found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// mark reads the mark of the pattern in a thumbnail.
func mark(t *testing.T, file []byte) (at time.Time, m testpattern.Mark) {
	t.Helper()
	picture, err := jpeg.Decode(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if size := picture.Bounds().Size(); size != image.Pt(640, 360) {
		t.Errorf("a thumbnail of 640x360 has %v", size)
	}
	at = exifTime(t, file)
	m, ok := testpattern.Read(picture.(*image.YCbCr), float64(8*testpattern.Scale(640, 360)), at)
	if !ok {
		t.Errorf("the thumbnail of %v does not show the pattern", at)
	}
	return at, m
}

func (s *studio) expectImages(p *ivsrealtime.Participant, sequential, latest, media bool) {
	s.t.Helper()
	for _, name := range []string{"events/recording-started.json", "events/recording-ended.json"} {
		var meta struct {
			Message string `json:"recording_status_message"`
			Media   map[string]json.RawMessage
		}
		if err := json.Unmarshal(s.read(p, name), &meta); err != nil {
			s.t.Fatal(err)
		}
		compact := func(m json.RawMessage) string {
			var b bytes.Buffer
			_ = json.Compact(&b, m)
			return b.String()
		}
		for member, want := range map[string]string{
			"thumbnails":       map[bool]string{true: `{"path":"media/thumbnails","renditions":[{"path":"high"}]}`}[sequential],
			"latest_thumbnail": map[bool]string{true: `{"path":"media/latest_thumbnail","renditions":[{"path":"high"}]}`}[latest],
		} {
			if got := compact(meta.Media[member]); got != want {
				s.t.Errorf("%s has %s %s, want %s", name, member, got, want)
			}
		}
		if _, found := meta.Media["hls"]; found != media {
			s.t.Errorf("%s has media %s", name, compact(meta.Media["hls"]))
		}
		if meta.Message != "" {
			s.t.Errorf("%s says %q", name, meta.Message)
		}
	}
}

func TestThumbnails_ShowTheRecordingAtIntervals(t *testing.T) {
	t.Parallel()
	c := configuration()
	c.ThumbnailConfiguration = thumbnailsEach(1, ivsrealtime.ThumbnailSequential, ivsrealtime.ThumbnailLatest)
	s := openWithMedia(t, c)
	token, id := s.token()
	stop := s.publish(token, "--keyframe", "1m") // most thumbnails need the pictures between keyframes
	p := s.await(id, ivsrealtime.RecordingActive)
	for n := 1; n <= 5; n++ {
		s.awaitFile(p, fmt.Sprintf("media/thumbnails/high/%d.jpg", n))
		mark(t, s.read(p, "media/latest_thumbnail/high/thumb.jpg")) // whole, while it is replaced
	}
	stop()
	p = s.await(id, ivsrealtime.RecordingStopped)
	s.expectImages(p, true, true, true)
	files, err := os.ReadDir(filepath.Join(s.folder(p), "media/thumbnails/high"))
	if err != nil {
		t.Fatal(err)
	}
	var first, last time.Time
	for n := 1; n <= len(files); n++ {
		file := s.read(p, fmt.Sprintf("media/thumbnails/high/%d.jpg", n))
		at, m := mark(t, file)
		if late := at.Sub(m.Sent); late < -50*time.Millisecond || late > maxDelay || m.Identity != testpattern.IdentityOf(id) {
			t.Errorf("thumbnail %d of %v shows what %d sent %v before", n, at, m.Identity, late)
		}
		if n > 1 && !at.After(last) {
			t.Errorf("thumbnail %d is of %v, the one before of %v", n, at, last)
		}
		if last = at; n == 1 {
			first = at
		}
		if n == len(files) && !bytes.Equal(file, s.read(p, "media/latest_thumbnail/high/thumb.jpg")) {
			t.Error("the latest thumbnail is not the last")
		}
	}
	if covered := last.Sub(first); covered < time.Duration(len(files)-2)*time.Second {
		t.Errorf("%d thumbnails are of %v", len(files), covered)
	}
	list := s.expectComplete(p)
	if begins := list.Segments[0].Begins; first.Before(begins.Add(-maxDelay)) || first.After(begins.Add(maxDelay)) {
		t.Errorf("the first thumbnail is of %v, and the recording begins %v", first, begins)
	}
}

// maxDelay is that of a picture on a busy machine.
const maxDelay = 3 * time.Second

func TestThumbnails_AloneAreARecording(t *testing.T) {
	t.Parallel()
	c := ivsrealtime.AutoParticipantRecordingConfiguration{MediaTypes: []ivsrealtime.ParticipantRecordingMediaType{ivsrealtime.RecordNone}}
	c.ThumbnailConfiguration = thumbnailsEach(60, ivsrealtime.ThumbnailLatest)
	s := openWithMedia(t, c)
	token, id := s.token()
	stop := s.publish(token)
	p := s.await(id, ivsrealtime.RecordingActive)
	s.awaitFile(p, "media/latest_thumbnail/high/thumb.jpg")
	s.awaitFile(p, "events/recording-started.json")
	stop()
	p = s.await(id, ivsrealtime.RecordingStopped)
	s.expectImages(p, false, true, false)
	mark(t, s.read(p, "media/latest_thumbnail/high/thumb.jpg"))
	if _, err := os.Stat(filepath.Join(s.folder(p), "media/hls")); err == nil {
		t.Error("there are media, too")
	}
}

func TestThumbnails_AreNumberedOnAfterAReconnect(t *testing.T) {
	t.Parallel()
	c := configuration()
	c.RecordingReconnectWindowSeconds = new(60)
	c.ThumbnailConfiguration = thumbnailsEach(1)
	s := openWithMedia(t, c)
	token, id := s.token()
	stop := s.publish(token)
	p := s.await(id, ivsrealtime.RecordingActive)
	s.awaitFile(p, "media/thumbnails/high/2.jpg")
	stop()
	folder := filepath.Join(s.folder(p), "media/thumbnails/high")
	before, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	first := s.read(p, "media/thumbnails/high/1.jpg")
	s.publish(token)
	s.awaitFile(p, fmt.Sprintf("media/thumbnails/high/%d.jpg", len(before)+3)) // one may have been on its way
	if !bytes.Equal(first, s.read(p, "media/thumbnails/high/1.jpg")) {
		t.Error("the first thumbnail was replaced")
	}
	var last time.Time
	for n := 1; n <= len(before)+3; n++ {
		at, _ := mark(t, s.read(p, fmt.Sprintf("media/thumbnails/high/%d.jpg", n)))
		if !at.After(last) {
			t.Errorf("thumbnail %d is of %v, the one before of %v", n, at, last)
		}
		last = at
	}
}

func TestThumbnails_OfARecordingWithoutVideoAreTaken(t *testing.T) {
	t.Parallel()
	c := configuration()
	c.MediaTypes = []ivsrealtime.ParticipantRecordingMediaType{ivsrealtime.RecordAudioOnly}
	c.ThumbnailConfiguration = thumbnailsEach(30)
	s := openWithMedia(t, c)
	token, id := s.token()
	stop := s.publish(token)
	p := s.await(id, ivsrealtime.RecordingActive)
	s.awaitFile(p, "media/thumbnails/high/1.jpg")
	stop()
	p = s.await(id, ivsrealtime.RecordingStopped)
	s.expectImages(p, true, false, true)
	mark(t, s.read(p, "media/thumbnails/high/1.jpg"))
}

func TestThumbnails_WithoutTheWorkerAreMissedTruthfully(t *testing.T) {
	t.Parallel()
	t.Run("beside media", func(t *testing.T) {
		t.Parallel()
		c := configuration()
		c.ThumbnailConfiguration = thumbnailsEach(1)
		s := open(t, c)
		token, id := s.token()
		stop := s.publish(token)
		p := s.await(id, ivsrealtime.RecordingActive)
		s.awaitFile(p, "media/hls/high/0.mp4")
		stop()
		p = s.await(id, ivsrealtime.RecordingStopped)
		s.expectComplete(p)
		if end := string(s.read(p, "events/recording-ended.json")); strings.Contains(end, "media/thumbnails") || !strings.Contains(end, "rostrum-media is not installed") {
			t.Errorf("recording-ended.json is\n%s", end)
		}
	})
	t.Run("alone", func(t *testing.T) {
		t.Parallel()
		c := ivsrealtime.AutoParticipantRecordingConfiguration{MediaTypes: []ivsrealtime.ParticipantRecordingMediaType{ivsrealtime.RecordNone}}
		c.ThumbnailConfiguration = thumbnailsEach(1)
		s := open(t, c)
		token, id := s.token()
		s.publish(token)
		p := s.await(id, ivsrealtime.RecordingFailed)
		if end := string(s.read(p, "events/recording-failed.json")); !strings.Contains(end, "rostrum-media is not installed") {
			t.Errorf("recording-failed.json is\n%s", end)
		}
	})
}
