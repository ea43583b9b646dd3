package bucket_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rostrum/internal/bucket"
)

// suite tests an implementation of Bucket. known is a bucket that can be written to.
func suite(t *testing.T, buckets bucket.Buckets, known string) {
	ctx := t.Context()
	b, err := buckets("us-east-1", known)
	if err != nil {
		t.Fatal(err)
	}
	read := func(key string) string {
		t.Helper()
		r, err := b.Get(ctx, key)
		if err != nil {
			t.Fatalf("get %s: %v", key, err)
		}
		defer r.Close()
		all, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return string(all)
	}
	put := func(key, text string) {
		t.Helper()
		if err := b.Put(ctx, key, strings.NewReader(text)); err != nil {
			t.Fatalf("put %s: %v", key, err)
		}
	}
	if err := b.Check(ctx); err != nil {
		t.Errorf("check before the first file: %v", err)
	}
	put("a/b/c.m3u8", "first")
	put("a/b/c.m3u8", "second")
	put("a/empty.json", "")
	if got := read("a/b/c.m3u8"); got != "second" {
		t.Errorf("a file put again: expected second, saw %q", got)
	}
	if got := read("a/empty.json"); got != "" {
		t.Errorf("an empty file: saw %q", got)
	}
	rest := strings.NewReader("skipped kept")
	_, _ = rest.Seek(8, io.SeekStart)
	if err := b.Put(ctx, "a/rest.json", rest); err != nil {
		t.Fatal(err)
	}
	if got := read("a/rest.json"); got != "kept" {
		t.Errorf("a file from the middle of its reader: expected kept, saw %q", got)
	}
	for prefix, expected := range map[string]string{
		"": "a/b/c.m3u8 6, a/empty.json 0, a/rest.json 4", "a/": "a/b/c.m3u8 6, a/empty.json 0, a/rest.json 4",
		"a/b": "a/b/c.m3u8 6", "a/e": "a/empty.json 0", "none/": "",
	} {
		var found []string
		if err := b.List(ctx, prefix, "", func(f bucket.File) error {
			found = append(found, fmt.Sprint(f.Key, " ", f.Size))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if slices.Sort(found); strings.Join(found, ", ") != expected {
			t.Errorf("keys that begin with %q: expected %s, saw %v", prefix, expected, found)
		}
	}
	for _, key := range []string{"order/a/b/1", "order/a/b/2", "order/a/c", "order/d/1", "order/d-1"} {
		if err := b.Put(ctx, key, strings.NewReader("")); err != nil {
			t.Fatal(err)
		}
	}
	for after, expected := range map[string]string{
		"order/a/b": "order/a/c order/d-1 order/d/1", "order/a": "order/d-1 order/d/1", "order/absent": "order/d-1 order/d/1", "order/d": "", "z": "",
	} {
		var found []string
		if err := b.List(ctx, "order/", after, func(f bucket.File) error {
			if f.Key != "order/d-1" || after != "order/d" { // S3 has it before order/d/1
				found = append(found, f.Key)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if slices.Sort(found); strings.Join(found, " ") != expected {
			t.Errorf("keys after %s: expected %s, saw %v", after, expected, found)
		}
	}
	for _, key := range []string{"a/none", "a/b"} {
		if _, err := b.Get(ctx, key); !errors.Is(err, bucket.ErrNoFile) {
			t.Errorf("get %s, which does not exist: expected ErrNoFile, saw %v", key, err)
		}
	}
	if err := b.Check(ctx); err != nil {
		t.Errorf("check: %v", err)
	}
	for _, key := range []string{"", ".", "..", "/etc/passwd", "../x", "a/../../x", "a//b", "a/./b", `..\x`, "a\x00b", strings.Repeat("k", 1025)} {
		if err := b.Put(ctx, key, strings.NewReader("x")); !errors.Is(err, bucket.ErrNoFile) {
			t.Errorf("put %q: expected ErrNoFile, saw %v", key, err)
		}
		if _, err := b.Get(ctx, key); !errors.Is(err, bucket.ErrNoFile) {
			t.Errorf("get %q: expected ErrNoFile, saw %v", key, err)
		}
	}
	for _, name := range []string{"", "..", "a/b", "UPPER", "x", "a..b", ".ab", strings.Repeat("n", 64)} {
		if _, err := buckets("us-east-1", name); !errors.Is(err, bucket.ErrNoBucket) {
			t.Errorf("bucket %q: expected ErrNoBucket, saw %v", name, err)
		}
	}
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			key := fmt.Sprintf("many/%d.jpg", i%5)
			if err := b.Put(ctx, key, bytes.NewReader(bytes.Repeat([]byte{byte(i)}, 10_000))); err != nil {
				t.Errorf("put %s: %v", key, err)
			}
		})
	}
	all.Wait()
	for i := range 5 {
		if got := read(fmt.Sprintf("many/%d.jpg", i)); len(got) != 10_000 || strings.Trim(got, got[:1]) != "" {
			t.Errorf("files put at once are mixed up")
		}
	}
}

func TestFolders_StoreFiles(t *testing.T) { suite(t, bucket.Folders(t.TempDir()), "recordings") }

func TestFolders_CheckWhetherTheyCanBeWritten(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, expected := range map[string]error{"created-later/buckets": nil, "file": bucket.ErrDenied, "file/buckets": bucket.ErrDenied} {
		b, err := bucket.Folders(filepath.Join(root, name))("us-east-1", "recordings")
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Check(t.Context()); !errors.Is(err, expected) {
			t.Errorf("%s: expected %v, saw %v", name, expected, err)
		}
	}
	if left, err := os.ReadDir(root); err != nil || len(left) != 1 {
		t.Errorf("the check leaves %v, %v", left, err)
	}
}

func TestFolders_RemoveWhatAKilledProcessWasWriting(t *testing.T) {
	root := t.TempDir()
	b, err := bucket.Folders(root)("us-east-1", "recordings")
	if err == nil {
		err = b.Put(t.Context(), "a/b", strings.NewReader("x"))
	}
	if err != nil {
		t.Fatal(err)
	}
	old, young := filepath.Join(root, "recordings", "OLD.unfinished"), filepath.Join(root, "recordings", "YOUNG.unfinished")
	for _, name := range []string{old, young} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(old, time.Time{}, time.Now().Add(-2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := bucket.Folders(root)("us-east-1", "recordings"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(old); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what a killed process was writing stays: %v", err)
	}
	if _, err := os.Stat(young); err != nil {
		t.Errorf("what may be written now was removed: %v", err)
	}
}

func TestFolders_IgnoreLinksToTheOutside(t *testing.T) {
	root := t.TempDir()
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("s"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(root, "recordings"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(root, "recordings", "out")); err != nil {
		t.Skip(err)
	}
	b, err := bucket.Folders(root)("", "recordings")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Get(t.Context(), "out/secret"); err == nil {
		t.Error("a file outside of the bucket was read")
	}
	if err := b.Put(t.Context(), "out/new", strings.NewReader("x")); err == nil {
		t.Error("a file outside of the bucket was written")
	}
}

func TestS3_StoresFiles(t *testing.T) {
	server := newS3(t)
	suite(t, server.buckets(t), "recordings")
	if got := server.types["recordings/a/b/c.m3u8"]; got != "application/vnd.apple.mpegurl" {
		t.Errorf("a playlist has the content type %q", got)
	}
}

func TestS3_ReportsPermanentErrors(t *testing.T) {
	server := newS3(t)
	for name, expected := range map[string]error{"missing": bucket.ErrNoBucket, "forbidden": bucket.ErrDenied} {
		b, err := server.buckets(t)("eu-west-1", name)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Put(t.Context(), "x", strings.NewReader("x")); !errors.Is(err, expected) {
			t.Errorf("bucket %s: expected %v, saw %v", name, expected, err)
		}
		if err := b.Check(t.Context()); !errors.Is(err, expected) || !bucket.IsRefusal(err) {
			t.Errorf("check bucket %s: expected %v, saw %v", name, expected, err)
		}
	}
}

func TestS3_BelievesNoSuccessWithoutTheFile(t *testing.T) {
	const sent = "what was sent"
	for name, c := range map[string]struct {
		etag   string
		stores func(body []byte) []byte
		good   bool
	}{
		"another sum, and nothing stored":     {`"00000000000000000000000000000000"`, func([]byte) []byte { return nil }, false},
		"another sum, and something else":     {`"00000000000000000000000000000000"`, func(b []byte) []byte { return b[1:] }, false},
		"no ETag, and half of it":             {"", func(b []byte) []byte { return b[:5] }, false},
		"an ETag that is no sum":              {`"an opaque one"`, func(b []byte) []byte { return b }, true},
		"another sum, and what was sent":      {`"00000000000000000000000000000000"`, func(b []byte) []byte { return b }, true},
		"no ETag of a server that never does": {"", func(b []byte) []byte { return b }, true},
	} {
		t.Run(name, func(t *testing.T) {
			server := newS3(t)
			server.etag, server.stores = c.etag, c.stores
			b, err := server.buckets(t)("eu-west-1", "recordings")
			if err != nil {
				t.Fatal(err)
			}
			for range 5 {
				if err := b.Put(t.Context(), "a.mp4", strings.NewReader(sent)); (err == nil) != c.good {
					t.Errorf("put: %v", err)
				}
			}
		})
	}
}

// An s3Server is the part of S3 that a bucket uses: objects under /bucket/key.
type s3Server struct {
	*httptest.Server
	mu      sync.Mutex // guards what follows
	objects map[string][]byte
	types   map[string]string

	etag   string                   // instead of the sum
	stores func(body []byte) []byte // instead of the body; nil for that
}

func newS3(t *testing.T) *s3Server {
	s := &s3Server{objects: map[string][]byte{}, types: map[string]string{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *s3Server) buckets(t *testing.T) bucket.Buckets {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	b, err := bucket.NewS3(context.Background(), s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (s *s3Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	refuse := func(status int, code string) {
		w.WriteHeader(status)
		_ = xml.NewEncoder(w).Encode(struct {
			XMLName xml.Name `xml:"Error"`
			Code    string
		}{Code: code})
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	at := strings.TrimPrefix(r.URL.Path, "/")
	switch {
	case !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=AKIATEST/"), name == "forbidden":
		refuse(http.StatusForbidden, "AccessDenied")
	case name == "missing":
		refuse(http.StatusNotFound, "NoSuchBucket")
	case r.Method == http.MethodPut:
		body, err := io.ReadAll(r.Body)
		if err != nil || int64(len(body)) != r.ContentLength {
			refuse(http.StatusBadRequest, "IncompleteBody")
			return
		}
		sum := md5.Sum(body)
		if r.Header.Get("Content-MD5") != base64.StdEncoding.EncodeToString(sum[:]) {
			refuse(http.StatusBadRequest, "BadDigest")
			return
		}
		w.Header().Set("ETag", fmt.Sprintf(`"%x"`, sum))
		if s.stores != nil {
			w.Header().Set("ETag", s.etag)
			body = s.stores(body)
		}
		s.objects[at], s.types[at] = body, r.Header.Get("Content-Type")
	case r.Method == http.MethodPost && r.URL.Query().Has("uploads"):
		_, _ = io.WriteString(w, `<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>`)
	case r.Method == http.MethodDelete && r.URL.Query().Get("uploadId") == "u":
		w.WriteHeader(http.StatusNoContent)
	case r.URL.Query().Get("list-type") == "2":
		s.list(w, name, r.URL.Query())
	case s.objects[at] == nil:
		refuse(http.StatusNotFound, "NoSuchKey")
	default:
		_, _ = w.Write(s.objects[at])
	}
}

// list answers with two keys a page.
func (s *s3Server) list(w http.ResponseWriter, name string, query url.Values) {
	type object struct {
		Key  string
		Size int
	}
	var page struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		IsTruncated           bool
		NextContinuationToken string
		Contents              []object
	}
	for _, at := range slices.Sorted(maps.Keys(s.objects)) {
		key, ok := strings.CutPrefix(at, name+"/")
		if !ok || !strings.HasPrefix(key, query.Get("prefix")) || key <= max(query.Get("continuation-token"), query.Get("start-after")) {
			continue
		}
		if len(page.Contents) == 2 {
			page.IsTruncated, page.NextContinuationToken = true, page.Contents[1].Key
			break
		}
		page.Contents = append(page.Contents, object{key, len(s.objects[at])})
	}
	_ = xml.NewEncoder(w).Encode(page)
}

func TestLinks_AllowKeysBelowTheirPrefix(t *testing.T) {
	links := bucket.NewLinks([]byte("0123456789abcdef0123456789abcdef"))
	now := time.Unix(1_800_000_000, 0)
	link := links.Sign("", "recordings", "a/b", now.Add(time.Hour))
	before := map[string][]string{"prefix": {"a/b"}, "expires": {"1800003600"}, "signature": {"68ea141136473628f58a32f385e7e93d08c377ea771c4e198372efc9fefafef0"}}
	abroad := links.Sign("eu-west-1", "recordings", "a/b", now.Add(time.Hour))
	inRegion := func(region string) map[string][]string {
		v := links.Sign("eu-west-1", "recordings", "a/b", now.Add(time.Hour))
		v.Set("region", region)
		return v
	}
	changed := func(name, value string) map[string][]string {
		v := links.Sign("", "recordings", "a/b", now.Add(time.Hour))
		v.Set(name, value)
		return v
	}
	for name, c := range map[string]struct {
		bucket, key string
		query       map[string][]string
		at          time.Time
		expected    bool
	}{
		"a file below":                  {"recordings", "a/b/c.mp4", link, now, true},
		"the file of that name":         {"recordings", "a/b", link, now, true},
		"a key with the same beginning": {"recordings", "a/bc", link, now, false},
		"another bucket":                {"other", "a/b/c.mp4", link, now, false},
		"when it has expired":           {"recordings", "a/b/c.mp4", link, now.Add(time.Hour), false},
		"a wider prefix":                {"recordings", "a/x", changed("prefix", "a"), now, false},
		"a later end":                   {"recordings", "a/b/c.mp4", changed("expires", "1999999999"), now, false},
		"a link of before regions":      {"recordings", "a/b/c.mp4", before, now, true},
		"a bucket of a region":          {"recordings", "a/b/c.mp4", abroad, now, true},
		"another region":                {"recordings", "a/b/c.mp4", inRegion("us-east-1"), now, false},
		"no region":                     {"recordings", "a/b/c.mp4", inRegion(""), now, false},
		"a region for a link without":   {"recordings", "a/b/c.mp4", changed("region", "eu-west-1"), now, false},
		"a region as part of the name":  {"recordings@eu-west-1", "a/b/c.mp4", abroad, now, false},
		"no query":                      {"recordings", "a/b/c.mp4", nil, now, false},
		"another key's link":            {"recordings", "a/b/c.mp4", bucket.NewLinks([]byte("x")).Sign("", "recordings", "a/b", now.Add(time.Hour)), now, false},
	} {
		if got := links.Allows(c.bucket, c.key, c.query, c.at); got != c.expected {
			t.Errorf("%s: expected %v, saw %v", name, c.expected, got)
		}
	}
}
