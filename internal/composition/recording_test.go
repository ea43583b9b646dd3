package composition

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rostrum/internal/bucket"
	"rostrum/internal/hls"
)

// A shelf is a bucket in memory that is closed for a while.
type shelf struct {
	opens time.Time
	files map[string][]byte // by key; of the recording's goroutine until it has ended
}

func (s *shelf) Put(_ context.Context, key string, file io.ReadSeeker) error {
	if time.Now().Before(s.opens) {
		return errors.New("503 slow down")
	}
	data, err := io.ReadAll(file)
	s.files[key] = data
	return err
}

func (s *shelf) Get(_ context.Context, key string) (io.ReadCloser, error) {
	data, is := s.files[key]
	if !is {
		return nil, bucket.ErrNoFile
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// record has segments of ten seconds written for a while, then the recording ended,
// and returns the news of all that time without repetitions.
func record(t *testing.T, r *recording, writes, length time.Duration) (news []recordingNews) {
	t.Helper()
	r.news = func(n recordingNews) {
		if len(news) == 0 || news[len(news)-1] != n {
			news = append(news, n)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.run(ctx)
	}()
	r.begin(time.Now())
	var list hls.Playlist
	folder := "media/hls/" + r.meta.rendition + "/"
	for began := time.Now(); time.Since(began) < writes; time.Sleep(10 * time.Second) {
		s := hls.Segment{Name: fmt.Sprintf("%d.mp4", len(list.Segments)), Duration: 10 * time.Second, Begins: time.Now(), Init: "init-0.mp4"}
		list.Segments = append(list.Segments, s)
		err := errors.Join(r.spool.put(folder+s.Name, bytes.Repeat([]byte{1}, 100)), r.spool.put(folder+"playlist.m3u8", list.Marshal()))
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // once given up, the spool is removed again and again
			t.Fatal(err)
		}
		r.nudge()
	}
	r.finish(ending{at: time.Now()})
	<-ended
	return news
}

func aRecording(t *testing.T, into bucket.Bucket) *recording {
	return &recording{
		spool: spool(t.TempDir()), bucket: into, patience: 90 * time.Minute, most: 4 << 30, log: slog.New(slog.DiscardHandler),
		wake: make(chan struct{}, 1), lost: make(chan error, 1), meta: metadata{prefix: "p", rendition: "720p30"},
	}
}

func TestRecording_OutlivesAnHourWithoutItsBucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		into := &shelf{time.Now().Add(time.Hour), map[string][]byte{}}
		r := aRecording(t, into)
		news := record(t, r, 70*time.Minute, 2*time.Hour)
		if expected := []recordingNews{interrupted, through, brought}; !slices.Equal(news, expected) {
			t.Errorf("news: expected %v, saw %v", expected, news)
		}
		list, err := hls.Parse(into.files["p/media/hls/720p30/playlist.m3u8"])
		if err != nil || !list.Ended || len(list.Segments) != 420 {
			t.Errorf("expected a playlist of 420 segments, saw %d, ended %v: %v", len(list.Segments), list.Ended, err)
		}
		for _, s := range list.Segments {
			if len(into.files["p/media/hls/720p30/"+s.Name]) != 100 {
				t.Fatalf("segment %s is lost", s.Name)
			}
		}
		if ended := string(into.files["p/events/recording-ended.json"]); !strings.Contains(ended, `"duration_ms": 4200000`) {
			t.Errorf("recording-ended.json is %s", ended)
		}
	})
}

func TestRecording_IsGivenUpAfterItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		into := &shelf{began.Add(3 * time.Hour), map[string][]byte{}}
		r := aRecording(t, into)
		news := record(t, r, 2*time.Hour, 4*time.Hour)
		if expected := []recordingNews{interrupted, gaveUp}; !slices.Equal(news, expected) {
			t.Errorf("news: expected %v, saw %v", expected, news)
		}
		_, final := r.known()
		if after := final.at.Sub(began); after < 90*time.Minute || after > 91*time.Minute {
			t.Errorf("given up after %v", after)
		}
		if left, err := r.spool.size(); err != nil || left != 0 {
			t.Errorf("%d bytes are left in the spool: %v", left, err)
		}
	})
}

// A worker that ends, as with its server, ends its playlist; the next goes on with it.
func TestRecording_EndsItsPlaylistOnceItIsOver(t *testing.T) {
	into := &shelf{time.Now(), map[string][]byte{}}
	r := aRecording(t, into)
	r.news = func(recordingNews) {}
	r.begin(time.Now())
	list := hls.Playlist{Target: 2 * time.Second, Ended: true, Segments: []hls.Segment{{Name: "0.mp4", Duration: 2 * time.Second, Init: "init-0.mp4"}}}
	if err := r.spool.put(r.meta.playlist(), list.Marshal()); err != nil {
		t.Fatal(err)
	}
	expect := func(ended bool) {
		t.Helper()
		if _, _, err := r.bring(t.Context()); err != nil {
			t.Fatal(err)
		}
		list.Ended = ended
		if got := into.files["p/"+r.meta.playlist()]; !bytes.Equal(got, list.Marshal()) {
			t.Errorf("the playlist is\n%s\nexpected\n%s", got, list.Marshal())
		}
	}
	expect(false)
	if !r.spool.isEmpty() {
		t.Error("the playlist waits though it was put")
	}
	r.finish(ending{at: time.Now()})
	expect(true)
}

// It is stopped before a worker of this machine went on with it.
func TestRecording_EndsThePlaylistOfAnotherMachine(t *testing.T) {
	list := hls.Playlist{Target: 2 * time.Second, Segments: []hls.Segment{{Name: "0.mp4", Duration: 2 * time.Second, Init: "init-0.mp4"}}}
	into := &shelf{time.Now(), map[string][]byte{"p/media/hls/720p30/playlist.m3u8": list.Marshal()}}
	r := aRecording(t, into)
	r.news = func(recordingNews) {}
	r.begin(time.Now())
	r.finish(ending{at: time.Now()})
	if _, complete, err := r.bring(t.Context()); err != nil || !complete {
		t.Fatalf("complete %v: %v", complete, err)
	}
	list.Ended = true
	if got := into.files["p/"+r.meta.playlist()]; !bytes.Equal(got, list.Marshal()) {
		t.Errorf("the playlist is\n%s\nexpected\n%s", got, list.Marshal())
	}
	if ended := string(into.files["p/events/recording-ended.json"]); !strings.Contains(ended, `"duration_ms": 2000`) {
		t.Errorf("recording-ended.json is %s", ended)
	}
}
