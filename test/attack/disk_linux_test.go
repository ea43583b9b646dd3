package attack

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"golang.org/x/sys/unix"

	"rostrum/ivsrealtime"
	"rostrum/test/server"
)

// Item 33: the disk of the data folder is full. What must be kept is refused, what is asked
// is answered, and once there is room all works again; the process never ends.
func TestAttack_AFullDiskIsOutlasted(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", folder, "tmpfs", 0, "size=8m"); err != nil {
		t.Skipf("no small disk can be made here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(folder, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	const key, secret = "AKIAFULLDISK", "secret-of-the-full-disk"
	s, err := server.Start(t.Context(), stand.binary, "--data-dir", folder, "--access-key", key, "--secret-key", secret, "--log-level", "error")
	if err != nil {
		t.Fatal(err)
	}
	client, err := ivsrealtime.NewClientBuilder().Region("us-east-1").EndpointOverride(s.URL).MaxAttempts(1).
		CredentialsProvider(credentials.NewStaticCredentialsProvider(key, secret, "")).Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	create := func() error {
		_, err := client.CreateStage(t.Context(), &ivsrealtime.CreateStageInput{})
		return err
	}
	if err := create(); err != nil {
		t.Fatal(err)
	}
	filler, err := os.Create(filepath.Join(folder, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 4096)
	for err == nil {
		_, err = filler.Write(block)
	}
	filler.Close()
	refused := 0
	for range 200 { // the database has some room in what it holds already
		if create() != nil {
			refused++
		}
	}
	if refused == 0 {
		t.Error("nothing was refused although nothing can be kept")
	}
	if _, err := client.ListStages(t.Context(), &ivsrealtime.ListStagesInput{}); err != nil {
		t.Errorf("what needs no room: %v", err)
	}
	if seen := status(t, s.URL+"/healthz"); seen != http.StatusOK {
		t.Errorf("/healthz: %d, expected the process to be well", seen)
	}
	for deadline := time.Now().Add(30 * time.Second); status(t, s.URL+"/readyz") != http.StatusServiceUnavailable; time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("/readyz says that all is well although nothing can be kept")
		}
	}
	if err := os.Remove(filler.Name()); err != nil {
		t.Fatal(err)
	}
	if err := create(); err != nil {
		t.Errorf("once there is room: %v\n%s", err, s.Output())
	}
	if seen := status(t, s.URL+"/readyz"); seen != http.StatusOK {
		t.Errorf("/readyz: %d once there is room, expected 200", seen)
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

func status(t *testing.T, url string) int {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode
}
