package record

import (
	"context"
	"crypto/md5"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"rostrum/test/server"
)

// An s3Server is a real S3 server (versitygw), where ROSTRUM_S3_SERVER names one, or the little
// of S3 that recordings need.
type s3Server struct {
	t      *testing.T
	url    *url.URL
	client *s3.Client
}

// setCredentials has programs that tests start find S3's credentials where all AWS tools do. It is
// for all tests, so that those of S3 can run beside others.
func setCredentials() error {
	var err error
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": accessKey, "AWS_SECRET_ACCESS_KEY": secretKey, "AWS_SESSION_TOKEN": "", "AWS_REGION": "us-east-1",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true",
	} {
		err = errors.Join(err, os.Setenv(name, value))
	}
	return err
}

// openS3 starts a server.
func openS3(t *testing.T) *s3Server {
	t.Helper()
	s := &s3Server{t: t}
	if program := os.Getenv("ROSTRUM_S3_SERVER"); program != "" {
		s.url = startS3(t, program)
	} else {
		memory := httptest.NewServer(&memoryS3{objects: map[string][]byte{}})
		t.Cleanup(memory.Close)
		s.url, _ = url.Parse(memory.URL)
	}
	s.client = s3.New(s3.Options{
		BaseEndpoint: aws.String(s.url.String()), UsePathStyle: true, Region: "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""),
	})
	return s
}

func startS3(t *testing.T, program string) *url.URL {
	t.Helper()
	address, err := server.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	objects, attributes := filepath.Join(folder, "objects"), filepath.Join(folder, "attributes")
	for _, f := range []string{objects, attributes} {
		if err := os.Mkdir(f, 0o750); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(program, "--quiet", "--port", address, "posix", "--sidecar", attributes, objects)
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+accessKey, "ROOT_SECRET_KEY="+secretKey)
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for end := time.Now().Add(maxWait); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
			return &url.URL{Scheme: "http", Host: address}
		}
		if time.Now().After(end) {
			t.Fatalf("the S3 server does not listen: %v", err)
		}
	}
}

func (s *s3Server) createBucket(name string) {
	s.t.Helper()
	if _, err := s.client.CreateBucket(s.t.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		s.t.Fatal(err)
	}
}

// get reads a file; nil if there is none.
func (s *s3Server) get(bucket, key string) []byte {
	s.t.Helper()
	out, err := s.client.GetObject(context.Background(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return nil
	}
	defer out.Body.Close()
	data, err := io.ReadAll(out.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return data
}

// A memoryS3 has objects under /bucket/key.
type memoryS3 struct {
	mu      sync.Mutex // guards what follows
	objects map[string][]byte
}

func (m *memoryS3) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || r.ContentLength > 0 && int64(len(body)) != r.ContentLength {
		refuseS3(w, http.StatusBadRequest, "IncompleteBody")
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch data, found := m.objects[r.URL.Path]; {
	case r.URL.Query().Get("list-type") == "2":
		m.list(w, r.URL.Path+"/", r.URL.Query().Get("prefix"))
	case r.Method == http.MethodPut && strings.Count(r.URL.Path, "/") > 1:
		m.objects[r.URL.Path] = body
		w.Header().Set("ETag", fmt.Sprintf(`"%x"`, md5.Sum(body)))
	case r.Method == http.MethodPut: // of a bucket
	case r.Method == http.MethodPost:
		_, _ = io.WriteString(w, `<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>`)
	case r.Method == http.MethodDelete:
		w.WriteHeader(http.StatusNoContent)
	case !found:
		refuseS3(w, http.StatusNotFound, "NoSuchKey")
	default:
		_, _ = w.Write(data)
	}
}

// list lists all objects of a bucket that begin with a prefix, in one page.
func (m *memoryS3) list(w http.ResponseWriter, bucket, prefix string) {
	type object struct {
		Key  string
		Size int
	}
	var page struct {
		XMLName  xml.Name `xml:"ListBucketResult"`
		Contents []object
	}
	for _, path := range slices.Sorted(maps.Keys(m.objects)) {
		if key, ok := strings.CutPrefix(path, bucket); ok && strings.HasPrefix(key, prefix) {
			page.Contents = append(page.Contents, object{key, len(m.objects[path])})
		}
	}
	_ = xml.NewEncoder(w).Encode(page)
}

func refuseS3(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	_ = xml.NewEncoder(w).Encode(struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
	}{Code: code})
}

// A fault handles the nth upload of a file to a bucket; it returns false to have it forwarded.
type fault func(n int, w http.ResponseWriter, r *http.Request) bool

// An s3Proxy is between Rostrum and an S3 server, with faults by bucket.
type s3Proxy struct {
	forward *httputil.ReverseProxy
	mu      sync.Mutex // guards what follows
	faults  map[string]fault
	puts    map[string]int
}

func openProxy(t *testing.T, to *s3Server) (p *s3Proxy, address string) {
	p = &s3Proxy{faults: map[string]fault{}, puts: map[string]int{}}
	p.forward = &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to.url)
		r.Out.Host = r.In.Host // which is signed
	}, ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }}
	listening := httptest.NewServer(p)
	t.Cleanup(listening.Close)
	return p, listening.URL
}

// inject makes uploads to a bucket fail from now on.
func (p *s3Proxy) inject(bucket string, f fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults[bucket] = f
}

func (p *s3Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	bucket, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	p.mu.Lock()
	f := p.faults[bucket]
	if r.Method == http.MethodPut {
		p.puts[bucket]++
	}
	n := p.puts[bucket]
	p.mu.Unlock()
	if f != nil && (r.Method == http.MethodPut || r.Method == http.MethodPost) && f(n, w, r) {
		return
	}
	p.forward.ServeHTTP(w, r)
}

// The faults of uploads.

func status(code int, name string, when func(n int, key string) bool) fault {
	return func(n int, w http.ResponseWriter, r *http.Request) bool {
		if !when(n, r.URL.Path) {
			return false
		}
		_, _ = io.Copy(io.Discard, r.Body)
		refuseS3(w, code, name)
		return true
	}
}

// believe answers with success, and forwards nothing.
func believe(when func(n int, key string) bool) fault {
	return func(n int, w http.ResponseWriter, r *http.Request) bool {
		if !when(n, r.URL.Path) {
			return false
		}
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("ETag", fmt.Sprintf(`"%032x"`, n))
		return true
	}
}

// reset breaks the connection within the body.
func reset(when func(n int, key string) bool) fault {
	return func(n int, w http.ResponseWriter, r *http.Request) bool {
		if !when(n, r.URL.Path) {
			return false
		}
		_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength/2)
		panic(http.ErrAbortHandler)
	}
}

// slow lets two seconds pass before each file.
func slow(_ int, _ http.ResponseWriter, r *http.Request) bool {
	select {
	case <-time.After(2 * time.Second):
	case <-r.Context().Done():
	}
	return false
}
