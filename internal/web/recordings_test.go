package web_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rostrum/internal/bucket"
	"rostrum/internal/web"
)

func TestRecordings_OpensTheBucketOfTheLinksRegion(t *testing.T) {
	links := bucket.NewLinks([]byte("0123456789abcdef0123456789abcdef"))
	for _, region := range []string{"", "eu-west-1"} {
		opened := "none"
		h := web.Recordings(func(in, _ string) (bucket.Bucket, error) {
			opened = in
			return nil, bucket.ErrNoBucket
		}, links)
		link := links.Sign(region, "recordings", "a", time.Now().Add(time.Minute)).Encode()
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", web.RecordingsPath+"recordings/a/0.mp4?"+link, nil))
		if opened != region {
			t.Errorf("a link of the region %q opens a bucket of %q", region, opened)
		}
	}
}

func TestRecordings_ServesOnlyWhatTheLinkAllows(t *testing.T) {
	buckets := bucket.Folders(t.TempDir())
	recordings, err := buckets("", "recordings")
	if err != nil {
		t.Fatal(err)
	}
	for key, text := range map[string]string{
		"a/media/multivariant.m3u8": "#EXTM3U\n#EXT-X-MAP:URI=\"init-0.mp4\"\n720p30/playlist.m3u8\n",
		"a/media/720p30/0.mp4":      "0123456789",
		"b/media/720p30/0.mp4":      "secret",
	} {
		if err := recordings.Put(t.Context(), key, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	links := bucket.NewLinks([]byte("0123456789abcdef0123456789abcdef"))
	mux := http.NewServeMux()
	mux.Handle(web.RecordingsPath, web.Recordings(buckets, links))
	server := httptest.NewServer(mux)
	defer server.Close()
	link := "?" + links.Sign("", "recordings", "a", time.Now().Add(time.Minute)).Encode()
	old := "?" + links.Sign("", "recordings", "a", time.Now().Add(-time.Minute)).Encode()
	for name, c := range map[string]struct {
		method, path, byteRange string
		status                  int
		body                    string
	}{
		"a segment":                {"GET", "recordings/a/media/720p30/0.mp4" + link, "", 200, "0123456789"},
		"a range of a segment":     {"GET", "recordings/a/media/720p30/0.mp4" + link, "bytes=2-4", 206, "234"},
		"a playlist with links":    {"GET", "recordings/a/media/multivariant.m3u8" + link, "", 200, "#EXTM3U\n#EXT-X-MAP:URI=\"init-0.mp4" + link + "\"\n720p30/playlist.m3u8" + link + "\n"},
		"a folder":                 {"GET", "recordings/a/media/720p30/" + link, "", 200, "[\"0.mp4\"]\n"},
		"a folder without files":   {"GET", "recordings/a/" + link, "", 200, "[]\n"},
		"another's folder":         {"GET", "recordings/b/media/720p30/" + link, "", 403, "the link is invalid or has expired\n"},
		"a folder out of the link": {"GET", "recordings/a/%2e%2e/b/media/720p30/" + link, "", 404, "no such file\n"},
		"a missing file":           {"GET", "recordings/a/none" + link, "", 404, "no such file\n"},
		"another recording":        {"GET", "recordings/b/media/720p30/0.mp4" + link, "", 403, "the link is invalid or has expired\n"},
		"a path out of the folder": {"GET", "recordings/a/%2e%2e/b/media/720p30/0.mp4" + link, "", 404, "no such file\n"},
		"no link":                  {"GET", "recordings/a/media/720p30/0.mp4", "", 403, "the link is invalid or has expired\n"},
		"an old link":              {"GET", "recordings/a/media/720p30/0.mp4" + old, "", 403, "the link is invalid or has expired\n"},
		"another bucket":           {"GET", "others/a/media/720p30/0.mp4" + link, "", 403, "the link is invalid or has expired\n"},
		"a PUT":                    {"PUT", "recordings/a/media/720p30/0.mp4" + link, "", 405, "method not allowed\n"},
		"a CORS preflight":         {"OPTIONS", "recordings/a/media/720p30/0.mp4", "", 204, ""},
	} {
		r, err := http.NewRequest(c.method, server.URL+web.RecordingsPath+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.byteRange != "" {
			r.Header.Set("Range", c.byteRange)
		}
		answer, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if answer.StatusCode != c.status || string(body) != c.body {
			t.Errorf("%s: expected %d %q, got %d %q", name, c.status, c.body, answer.StatusCode, body)
		}
		if answer.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: Access-Control-Allow-Origin is missing", name)
		}
	}
}

// A remoteBucket has one file, which can't be sought in.
type remoteBucket struct {
	bucket.Bucket
	file io.Reader
}

func (b remoteBucket) Get(_ context.Context, key string) (io.ReadCloser, error) {
	if strings.HasPrefix(key, "other/") {
		return io.NopCloser(strings.NewReader("x")), nil
	}
	return io.NopCloser(b.file), nil
}

// remote serves a file from another server.
func remote(t *testing.T, file io.Reader) (address, other string) {
	t.Helper()
	links := bucket.NewLinks([]byte("0123456789abcdef0123456789abcdef"))
	server := httptest.NewServer(web.RemoteRecordings(func(string, string) (bucket.Bucket, error) { return remoteBucket{file: file}, nil }, links))
	t.Cleanup(server.Close)
	link := func(prefix string) string {
		return server.URL + web.RecordingsPath + "recordings/" + prefix + "/0.mp4?" + links.Sign("", "recordings", prefix, time.Now().Add(time.Minute)).Encode()
	}
	return link("a"), link("other")
}

func TestRemoteRecordings_AreWholeOrBroken(t *testing.T) {
	for name, c := range map[string]struct {
		failure error
		broken  bool
	}{"whole": {io.EOF, false}, "broken": {errors.New("reset"), true}} {
		reader, writer := io.Pipe()
		go func() {
			_, _ = writer.Write([]byte(strings.Repeat("x", 1<<20)))
			writer.CloseWithError(c.failure)
		}()
		address, _ := remote(t, reader)
		answer, err := http.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusOK || len(body) < 1<<20 && !c.broken || (err != nil) != c.broken {
			t.Errorf("%s: status %d, %d bytes, %v", name, answer.StatusCode, len(body), err)
		}
	}
}

func TestRemoteRecordings_RefuseWhatIsTooMuch(t *testing.T) {
	reader, writer := io.Pipe() // nothing comes before the end of the test
	address, other := remote(t, reader)
	answers := make(chan *http.Response)
	const count = 200
	for range count {
		go func() {
			answer, err := http.Get(address)
			if err == nil {
				defer answer.Body.Close()
				_, _ = io.Copy(io.Discard, answer.Body)
			}
			answers <- answer
		}()
	}
	refused := <-answers // all others wait
	if refused == nil || refused.StatusCode != http.StatusServiceUnavailable || refused.Header.Get("Retry-After") == "" {
		t.Errorf("one of %d requests at once is answered with %+v", count, refused)
	}
	if answer, err := http.Get(other); err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("another link is answered with %+v, %v", answer, err)
	}
	_ = writer.Close()
	for range count - 1 {
		<-answers
	}
}
