package main

import (
	"bufio"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"rostrum/ivsrealtime"
	"rostrum/test/server"
)

// freePort is one that nobody has at the moment, by UDP and TCP.
func freePort(t *testing.T) string {
	t.Helper()
	address, err := server.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(address)
	return port
}

// A line is what one of the commands of a participant says.
type line struct {
	Event, ParticipantID, Kind, Error string
	Frames                            uint64
}

// speaking runs a command in a process of its own and hands on what it says.
func speaking(t *testing.T, args ...string) <-chan line {
	t.Helper()
	cmd := rostrum(t, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := make(chan line, 1000)
	go func(cmd *exec.Cmd) {
		defer close(said)
		for in := bufio.NewScanner(out); in.Scan(); {
			var l line
			if json.Unmarshal(in.Bytes(), &l) == nil {
				said <- l
			}
		}
		_ = cmd.Wait()
	}(cmd)
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		for range said {
		}
	})
	return said
}

func await(t *testing.T, said <-chan line, what string, fits func(line) bool) line {
	t.Helper()
	timeout := time.After(30 * time.Second)
	for {
		select {
		case l, open := <-said:
			if !open {
				t.Fatalf("%s: it ended before", what)
			}
			if fits(l) {
				return l
			}
		case <-timeout:
			t.Fatalf("%s: not within 30 s", what)
		}
	}
}

// TestServe_RestartedIsRejoinedByPublisherAndViewers: without anybody's help, whether it
// said goodbye or not, and whether they know whom they watch or ask the stage.
func TestServe_RestartedIsRejoinedByPublisherAndViewers(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	args := []string{"--data-dir", data, "--listen", "127.0.0.1:" + freePort(t), "--media-port", freePort(t), "--rtmp-listen", "127.0.0.1:0"}
	s := serve(t, args...)
	keys := answer[environment](t, "env", "--data-dir", data, "--public-url", s.Endpoint)
	client := s.client(t, keys.AccessKey, keys.SecretKey)
	made, err := s.createStage(t, keys.AccessKey, keys.SecretKey)
	if err != nil {
		t.Fatal(err)
	}
	token := func(user string) string {
		out, err := client.CreateParticipantToken(t.Context(), &ivsrealtime.CreateParticipantTokenInput{StageARN: made.Stage.ARN, UserID: user})
		if err != nil {
			t.Fatal(err)
		}
		return out.ParticipantToken.Token
	}
	publisher := speaking(t, "publish", "--json", "--size", "320x180", "--video-bitrate", "200k", "--token", token("ann"))
	id := await(t, publisher, "publishing", func(l line) bool { return l.Event == "published" }).ParticipantID
	viewers := map[string]<-chan line{
		"who watches one":        speaking(t, "subscribe", "--json", "--token", token("bob"), id),
		"who takes who is there": speaking(t, "subscribe", "--json", "--token", token("eve")),
	}
	pictures := func(l line) bool { return l.Kind == "video" && l.Event == "statistics" && l.Frames > 5 }
	for who, said := range viewers {
		await(t, said, who+" sees pictures", pictures)
	}
	for _, signal := range []os.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		s.stop(t, signal)
		ended := time.Now()
		s = serve(t, args...)
		up := time.Now()
		for who, said := range viewers {
			await(t, said, who+" was interrupted", func(l line) bool { return l.Event == "interrupted" })
			await(t, said, who+" sees pictures again", pictures)
		}
		t.Logf("%v: up again after %v, seen again %v after that", signal, up.Sub(ended).Round(time.Millisecond), time.Since(up).Round(time.Millisecond))
	}
}
