package recorder

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rostrum/internal/bucket"
	"rostrum/internal/hls"
)

// A memoryBucket takes no files before a time.
type memoryBucket struct {
	opens time.Time
	files map[string][]byte // by key; of Run's goroutine until it ends

	refuses func(key string) bool // besides; nil for none
	missing error                 // what Get answers instead of ErrNoFile; nil for that
}

func (b *memoryBucket) Put(_ context.Context, key string, file io.ReadSeeker) error {
	if time.Now().Before(b.opens) || b.refuses != nil && b.refuses(key) {
		return errors.New("503 slow down")
	}
	data, err := io.ReadAll(file)
	b.files[key] = data
	return err
}

func (b *memoryBucket) Get(_ context.Context, key string) (io.ReadCloser, error) {
	data, found := b.files[key]
	if !found {
		return nil, cmp.Or(b.missing, bucket.ErrNoFile)
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

func (b *memoryBucket) Check(context.Context) error { return nil }

func (b *memoryBucket) List(context.Context, string, string, func(bucket.File) error) error {
	return errors.ErrUnsupported
}

const rendition = "media/hls/720p30/"

// newRecorder records into a bucket; updates get each change of what became of it.
func newRecorder(t *testing.T, into bucket.Bucket, updates *[]Update) *Recorder {
	return New(Config{
		Spool: Spool(t.TempDir()), Bucket: into, Prefix: "p", Metadata: Metadata{Rendition: "720p30"},
		RetryFor: 90 * time.Minute, MaxBytes: 4 << 30, Log: slog.New(slog.DiscardHandler),
		Notify: func(u Update) {
			if n := len(*updates); n == 0 || (*updates)[n-1] != u {
				*updates = append(*updates, u)
			}
		},
	})
}

// record writes segments of ten seconds for a while, ends the recording, and waits for
// Run, at most until a length of time has passed.
func record(t *testing.T, r *Recorder, writes, length time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.Run(ctx)
	}()
	r.Start(time.Now())
	var list hls.Playlist
	for began := time.Now(); time.Since(began) < writes; time.Sleep(10 * time.Second) {
		s := hls.Segment{Name: fmt.Sprintf("%d.mp4", len(list.Segments)), Duration: 10 * time.Second, Begins: time.Now(), Init: "init-0.mp4"}
		list.Segments = append(list.Segments, s)
		err := errors.Join(r.config.Spool.put(rendition+s.Name, bytes.Repeat([]byte{1}, 100)), r.config.Spool.put(rendition+"playlist.m3u8", list.Marshal()))
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // a failed recording's spool is removed again and again
			t.Fatal(err)
		}
		r.Scan()
	}
	r.Finish(nil)
	<-ended
}

func TestRecorder_SurvivesAnHourWithoutItsBucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		into := &memoryBucket{opens: time.Now().Add(time.Hour), files: map[string][]byte{}}
		var updates []Update
		record(t, newRecorder(t, into, &updates), 70*time.Minute, 2*time.Hour)
		if expected := []Update{Interrupted, Current, Complete}; !slices.Equal(updates, expected) {
			t.Errorf("updates: expected %v, saw %v", expected, updates)
		}
		list, err := hls.Parse(into.files["p/"+rendition+"playlist.m3u8"])
		if err != nil || !list.Ended || len(list.Segments) != 420 {
			t.Errorf("expected a playlist of 420 segments, saw %d, ended %v: %v", len(list.Segments), list.Ended, err)
		}
		for _, s := range list.Segments {
			if len(into.files["p/"+rendition+s.Name]) != 100 {
				t.Fatalf("segment %s is lost", s.Name)
			}
		}
		if ended := string(into.files["p/"+endedFile]); !strings.Contains(ended, `"duration_ms": 4200000`) {
			t.Errorf("%s is %s", endedFile, ended)
		}
	})
}

// What is written does not make a bucket that fails get more requests.
func TestRecorder_TriesAFailingBucketLessAndLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var attempts atomic.Int32
		into := &memoryBucket{files: map[string][]byte{}, refuses: func(string) bool { attempts.Add(1); return true }}
		r := newRecorder(t, into, new([]Update))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			r.Run(ctx)
		}()
		r.Start(time.Now())
		for range 300 { // a minute
			r.Scan()
			time.Sleep(tickInterval)
		}
		synctest.Wait()
		if n := attempts.Load(); n > 10 {
			t.Errorf("there are %d attempts in a minute", n)
		}
		time.Sleep(time.Second)
		before := attempts.Load()
		r.Finish(nil)
		synctest.Wait()
		if attempts.Load() == before {
			t.Error("the end of the recording is not tried to be uploaded")
		}
		cancel()
		<-ended
	})
}

func TestRecorder_FailsAfterRetryFor(t *testing.T) {
	for name, writes := range map[string]time.Duration{"while it is written": 2 * time.Hour, "after it was ended": 10 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				into := &memoryBucket{opens: began.Add(3 * time.Hour), files: map[string][]byte{}}
				var updates []Update
				var failed time.Time
				r := newRecorder(t, into, &updates)
				notify := r.config.Notify
				r.config.Notify = func(u Update) {
					if u == Failed {
						failed = time.Now()
					}
					notify(u)
				}
				record(t, r, writes, 4*time.Hour)
				if expected := []Update{Interrupted, Failed}; !slices.Equal(updates, expected) || r.Failure() == nil {
					t.Errorf("updates: expected %v, saw %v with failure %v", expected, updates, r.Failure())
				}
				if after := failed.Sub(began); after < 90*time.Minute || after > 91*time.Minute {
					t.Errorf("it failed after %v", after)
				}
				if left, err := r.config.Spool.size(); err != nil || left != 0 {
					t.Errorf("%d bytes are left in the spool: %v", left, err)
				}
			})
		})
	}
}

// A worker ends its playlist whenever it exits; the next one continues it.
func TestRecorder_EndsThePlaylistInTheBucketOnlyAtTheEnd(t *testing.T) {
	into := &memoryBucket{files: map[string][]byte{}}
	r := newRecorder(t, into, new([]Update))
	r.Start(time.Now())
	list := hls.Playlist{Target: 2 * time.Second, Ended: true, Segments: []hls.Segment{{Name: "0.mp4", Duration: 2 * time.Second, Init: "init-0.mp4"}}}
	if err := r.config.Spool.put(rendition+"playlist.m3u8", list.Marshal()); err != nil {
		t.Fatal(err)
	}
	expect := func(ended bool) {
		t.Helper()
		if _, _, err := r.upload(t.Context()); err != nil {
			t.Fatal(err)
		}
		list.Ended = ended
		if got := into.files["p/"+rendition+"playlist.m3u8"]; !bytes.Equal(got, list.Marshal()) {
			t.Errorf("the playlist is\n%s\nexpected\n%s", got, list.Marshal())
		}
	}
	expect(false)
	if !r.IsDrained() {
		t.Error("the playlist still waits after its upload")
	}
	r.Finish(nil)
	expect(true)
}

// Another node continues a composition with the playlist in the bucket: all that is stored is listed
// once the worker has stopped.
func TestRecorder_UploadsALongPlaylistOnceNothingIsWritten(t *testing.T) {
	into := &memoryBucket{files: map[string][]byte{}}
	r := newRecorder(t, into, new([]Update))
	r.Start(time.Now())
	list := hls.Playlist{Target: 2 * time.Second}
	write := func(segments int) {
		t.Helper()
		for n := len(list.Segments); len(list.Segments) < segments; n++ {
			list.Segments = append(list.Segments, hls.Segment{Name: fmt.Sprintf("%d.mp4", n), Duration: 2 * time.Second, Init: "init-0.mp4"})
		}
		if err := r.config.Spool.put(rendition+"playlist.m3u8", list.Marshal()); err != nil {
			t.Fatal(err)
		}
		if _, _, err := r.upload(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	isListed := func() bool { return bytes.Equal(into.files["p/"+rendition+"playlist.m3u8"], list.Marshal()) }
	const day = 43_200
	write(day)
	if write(day + 1); isListed() || r.IsDrained() {
		t.Fatal("the playlist of a day is uploaded with each segment")
	}
	r.SetWriting(false)
	if _, _, err := r.upload(t.Context()); err != nil || !isListed() || !r.IsDrained() {
		t.Errorf("the last segment is not listed: %v", err)
	}
	r.SetWriting(true)
	if write(day + 2); isListed() {
		t.Error("the playlist of a day is uploaded with each segment once the recording continues")
	}
}

// The recording is stopped before a worker of this machine continued it.
func TestRecorder_EndsThePlaylistOfAnotherMachine(t *testing.T) {
	list := hls.Playlist{Target: 2 * time.Second, Segments: []hls.Segment{{Name: "0.mp4", Duration: 2 * time.Second, Init: "init-0.mp4"}}}
	into := &memoryBucket{files: map[string][]byte{"p/" + rendition + "playlist.m3u8": list.Marshal()}}
	r := newRecorder(t, into, new([]Update))
	r.Start(time.Now())
	r.Finish(nil)
	if _, complete, err := r.upload(t.Context()); err != nil || !complete {
		t.Fatalf("complete %v: %v", complete, err)
	}
	list.Ended = true
	if got := into.files["p/"+rendition+"playlist.m3u8"]; !bytes.Equal(got, list.Marshal()) {
		t.Errorf("the playlist is\n%s\nexpected\n%s", got, list.Marshal())
	}
	if ended := string(into.files["p/"+endedFile]); !strings.Contains(ended, `"duration_ms": 2000`) {
		t.Errorf("%s is %s", endedFile, ended)
	}
}

// Buckets whose policy does not allow to list them deny a file that does not exist.
func TestRecorder_LooksForNoPlaylistOfThumbnails(t *testing.T) {
	r := newRecorder(t, &memoryBucket{files: map[string][]byte{}, missing: bucket.ErrDenied}, new([]Update))
	r.config.Metadata.NoHLS = true
	if err := r.Resume(t.Context()); err != nil {
		t.Error(err)
	}
	r.Start(time.Now())
	r.Finish(nil)
	if _, complete, err := r.upload(t.Context()); err != nil || !complete {
		t.Errorf("complete %v: %v", complete, err)
	}
}

// The bucket takes no more amid a batch of files: the list of what it took comes after
// them, so that the bucket never gets it.
func TestRecorder_ListsWhatWasStoredWhenItFails(t *testing.T) {
	for name, refused := range map[string][]string{"the last ones": {"4.mp4"}, "one between": {"2.mp4"}, "an initialization section": {"init-1.mp4"}} {
		t.Run(name, func(t *testing.T) {
			into := &memoryBucket{files: map[string][]byte{}}
			r := newRecorder(t, into, new([]Update))
			r.Start(time.Now())
			list := hls.Playlist{Target: 2 * time.Second}
			into.refuses = func(key string) bool {
				return strings.HasSuffix(key, ".m3u8") || slices.ContainsFunc(refused, func(f string) bool { return strings.HasSuffix(key, "/"+f) })
			}
			for n := range 5 {
				s := hls.Segment{Name: fmt.Sprintf("%d.mp4", n), Duration: 2 * time.Second, Init: fmt.Sprintf("init-%d.mp4", n/3)}
				list.Segments = append(list.Segments, s)
				for _, file := range []string{s.Init, s.Name} {
					if err := r.config.Spool.put(rendition+file, []byte{1}); err != nil {
						t.Fatal(err)
					}
				}
				if err := r.config.Spool.put(rendition+"playlist.m3u8", list.Marshal()); err != nil {
					t.Fatal(err)
				}
				_, _, _ = r.upload(t.Context()) // fails where the bucket refuses
			}
			into.refuses = nil
			r.Finish(nil)
			r.reportFailure(t.Context(), failureOf(bucket.ErrDenied))
			got, err := hls.Parse(into.files["p/"+rendition+"playlist.m3u8"])
			if err != nil || !got.Ended {
				t.Fatalf("%v, ended %v", err, got.Ended)
			}
			listed := map[string]bool{}
			for _, s := range got.Segments {
				listed[s.Name] = true
				if into.files["p/"+rendition+s.Name] == nil || into.files["p/"+rendition+s.Init] == nil {
					t.Errorf("%s is listed, and not in the bucket", s.Name)
				}
			}
			for _, s := range list.Segments {
				if stored := into.files["p/"+rendition+s.Name] != nil && into.files["p/"+rendition+s.Init] != nil; stored && !listed[s.Name] {
					t.Errorf("%s is in the bucket, and not listed", s.Name)
				}
			}
		})
	}
}
