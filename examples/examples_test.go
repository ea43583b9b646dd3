// Package examples_test runs the examples against a real server.
package examples_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"rostrum/test/server"
)

// environment is the one that "rostrum env" exports for s.
func environment(s *server.Server) []string {
	return append(os.Environ(),
		"AWS_ENDPOINT_URL_IVS_REALTIME="+s.URL, "AWS_REGION="+s.Region,
		"AWS_ACCESS_KEY_ID="+s.AccessKey, "AWS_SECRET_ACCESS_KEY="+s.SecretKey)
}

// build compiles all examples, and the server, into a folder.
func build(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	if _, err := server.Build(t.Context(), folder); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "build", "-o", folder+string(filepath.Separator), "./...").CombinedOutput(); err != nil {
		t.Fatalf("build the examples: %v\n%s", err, out)
	}
	return folder
}

func TestExamples_Run(t *testing.T) {
	folder := build(t)
	s, err := server.Start(t.Context(), filepath.Join(folder, "rostrum"), "--ephemeral", "--media-port", "0", "--rtmp-listen", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Kill()
	for _, example := range []struct{ name, output string }{
		{"stage-and-token", `^stage arn:aws:ivs:\S+\nparticipant \S+\ntoken ey\S+\n(?s:.*)listed lobby arn:aws:ivs:`},
		{"many-stages", `^(created stage-\d\n){10}deleted true\n$`},
		{"token-signing", `^token ey\S+\n$`},
	} {
		t.Run(example.name, func(t *testing.T) {
			cmd := exec.Command(filepath.Join(folder, example.name))
			cmd.Env = environment(s)
			out, err := cmd.CombinedOutput()
			if err != nil || !regexp.MustCompile(example.output).Match(out) {
				t.Errorf("%v, printed:\n%s\nexpected a match of %s", err, out, example.output)
			}
		})
	}
	t.Run("participants", func(t *testing.T) { participate(t, folder, s) })
	t.Run("event-pattern", func(t *testing.T) { followsLog(t, folder, s) })
	t.Run("webhook-receiver", func(t *testing.T) { refusesUnsigned(t, filepath.Join(folder, "webhook-receiver")) })
}

// start runs a program until the test ends, and returns what it prints.
func start(t *testing.T, environment []string, program string, args ...string) io.Reader {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env, cmd.Stderr = environment, os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = cmd.Wait() })
	return out
}

// followsLog publishes with rostrum publish, and waits until the example prints the event.
func followsLog(t *testing.T, folder string, s *server.Server) {
	printed := start(t, environment(s), filepath.Join(folder, "event-pattern"))
	cmd := exec.Command(filepath.Join(folder, "stage-and-token"))
	cmd.Env = environment(s)
	out, err := cmd.Output()
	token := regexp.MustCompile(`(?m)^token (\S+)$`).FindSubmatch(out)
	if err != nil || token == nil {
		t.Fatalf("no token: %v, %s", err, out)
	}
	start(t, append(os.Environ(), "ROSTRUM_TOKEN="+string(token[1])), filepath.Join(folder, "rostrum"), "publish")
	line, err := bufio.NewReader(printed).ReadString('\n')
	if err != nil || !strings.Contains(line, `"event_name":"Participant Published"`) {
		t.Errorf("the example printed %q, %v, expected the event", line, err)
	}
}

// refusesUnsigned sends the receiver a request without a signature.
func refusesUnsigned(t *testing.T, program string) {
	address, err := server.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	start(t, append(os.Environ(), "LISTEN="+address, "ROSTRUM_WEBHOOK_SECRET=a-secret-of-the-webhook"), program)
	for deadline := time.Now().Add(20 * time.Second); ; {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the receiver does not listen: %v", err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	answer, err := http.Post("http://"+address, "application/json", strings.NewReader("{}"))
	if err != nil || answer.StatusCode != http.StatusForbidden {
		t.Errorf("an unsigned event: %v, %v, expected 403", answer, err)
	}
}
