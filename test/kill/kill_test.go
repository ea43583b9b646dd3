// Package kill holds the whole server to its promise that nothing acknowledged
// is ever lost: it is killed at random moments under load, started again, and
// asked for everything it ever said yes to.
package kill

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"rostrum/test/server"
)

// rounds names the environment variable that sets how often the server is killed.
const rounds = "ROSTRUM_KILL_ROUNDS"

// An operator whose key the test knows.
const (
	accessKey = "AKIAKILLLOOP"
	secretKey = "secret-of-the-kill-loop"
	region    = "us-east-1"
)

func TestServer_LosesNothingAcknowledgedWhenItIsKilled(t *testing.T) {
	n := 10
	if given, err := strconv.Atoi(os.Getenv(rounds)); err == nil {
		n = given
	}
	folder := t.TempDir()
	binary, err := server.Build(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(folder, "data")
	start := func() *server.Server {
		s, err := server.Start(context.Background(), binary, "--data-dir", data, "--access-key", accessKey, "--secret-key", secretKey,
			"--region", region, "--limits", "open,requests=0", "--log-level", "warn")
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	load, book := newLoad(), newEventRecord()
	for round := range n {
		s := start()
		load.verify(t, s.URL)
		load.run(t, s, 50*time.Millisecond+rand.N(450*time.Millisecond))
		book.audit(t, data)
		if t.Failed() {
			t.Fatalf("round %d of %d; the server's last words:\n%s", round+1, n, s.Output())
		}
	}
	s := start()
	load.verify(t, s.URL)
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	book.audit(t, data)
	book.expectAllOver(t)
	t.Logf("killed %d times: %d acknowledged writes, all there; %d sessions with %d events", n, load.acknowledged(), len(book.sessions), book.events)
}
