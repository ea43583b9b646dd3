//go:build cgo

package compose

import (
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// An s3Server is a foreign S3 server (versitygw) with a bucket called recordings.
// It can be ended and begun again, with what it keeps.
type s3Server struct {
	t            *testing.T
	address, url string
	folder       string
	client       *s3.Client
	cmd          *exec.Cmd
}

const (
	s3AccessKey = "AKIARECORDINGS"
	s3SecretKey = "another secret that no manual has printed"
)

// openS3 begins a server, and has the programs that tests start find its
// credentials where all AWS tools do.
func openS3(t *testing.T) *s3Server {
	t.Helper()
	if os.Getenv("ROSTRUM_S3_SERVER") == "" {
		t.Skip("ROSTRUM_S3_SERVER names no S3 server: make s3 does")
	}
	s := &s3Server{t: t, address: freeAddress(t), folder: t.TempDir()}
	s.url = "http://" + s.address
	s.client = s3.New(s3.Options{
		BaseEndpoint: aws.String(s.url), UsePathStyle: true, Region: "us-east-1", RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(s3AccessKey, s3SecretKey, ""),
	})
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": s3AccessKey, "AWS_SECRET_ACCESS_KEY": s3SecretKey, "AWS_SESSION_TOKEN": "", "AWS_REGION": "us-east-1",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
	s.begin()
	t.Cleanup(s.end)
	if _, err := s.client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("recordings")}); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *s3Server) begin() {
	s.t.Helper()
	objects, notes := filepath.Join(s.folder, "objects"), filepath.Join(s.folder, "notes")
	for _, folder := range []string{objects, notes} {
		if err := os.MkdirAll(folder, 0o750); err != nil {
			s.t.Fatal(err)
		}
	}
	s.cmd = exec.Command(os.Getenv("ROSTRUM_S3_SERVER"), "--quiet", "--port", s.address, "posix", "--sidecar", notes, objects)
	s.cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+s3AccessKey, "ROOT_SECRET_KEY="+s3SecretKey)
	s.cmd.Stderr = s.t.Output()
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for late := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", s.address)
		if err == nil {
			_ = c.Close()
			return
		}
		if time.Now().After(late) {
			s.t.Fatalf("the S3 server doesn't listen: %v", err)
		}
	}
}

// end kills the server.
func (s *s3Server) end() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// signal stops the server where it is, or has it go on.
func (s *s3Server) signal(what syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(what); err != nil {
		s.t.Fatal(err)
	}
}

// names are the files below a prefix, without it.
func (s *s3Server) names(prefix string) (all []string) {
	s.t.Helper()
	pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{Bucket: aws.String("recordings"), Prefix: aws.String(prefix + "/")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		for _, o := range page.Contents {
			if name := strings.TrimPrefix(*o.Key, prefix+"/"); !strings.HasSuffix(name, "/") {
				all = append(all, name)
			}
		}
	}
	return all
}

// get reads a file, and tells its content type.
func (s *s3Server) get(key string) (data []byte, contentType string) {
	s.t.Helper()
	out, err := s.client.GetObject(s.t.Context(), &s3.GetObjectInput{Bucket: aws.String("recordings"), Key: &key})
	if err != nil {
		s.t.Fatal(err)
	}
	defer out.Body.Close()
	data, err = io.ReadAll(out.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return data, aws.ToString(out.ContentType)
}

// download puts what is below a prefix into a folder of this machine.
func (s *s3Server) download(prefix string) (folder string) {
	s.t.Helper()
	folder = s.t.TempDir()
	for _, name := range s.names(prefix) {
		data, _ := s.get(prefix + "/" + name)
		at := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o750); err != nil {
			s.t.Fatal(err)
		}
		if err := os.WriteFile(at, data, 0o640); err != nil {
			s.t.Fatal(err)
		}
	}
	return folder
}

// presign makes an address at which a file can be got for a minute.
func (s *s3Server) presign(key string) string {
	s.t.Helper()
	r, err := s3.NewPresignClient(s.client).PresignGetObject(context.Background(),
		&s3.GetObjectInput{Bucket: aws.String("recordings"), Key: &key}, s3.WithPresignExpires(time.Minute))
	if err != nil {
		s.t.Fatal(err)
	}
	return r.URL
}
