package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"go.uber.org/goleak"

	"rostrum/internal/server"
	"rostrum/ivsrealtime"
)

// A served is the real binary, serving.
type served struct {
	server.Banner
	cmd *exec.Cmd
}

// serve starts the binary on a free port and waits until it is ready.
func serve(t *testing.T, args ...string) *served {
	t.Helper()
	return start(t, rostrum(t, append([]string{"serve", "--json", "--listen", "127.0.0.1:0"}, args...)...))
}

// start starts a prepared server and waits until it is ready. Its log may be kept.
func start(t *testing.T, cmd *exec.Cmd, keep ...*strings.Builder) *served {
	t.Helper()
	s := &served{cmd: cmd}
	s.cmd.Cancel = func() error { return s.cmd.Process.Kill() }
	log := new(strings.Builder)
	if len(keep) > 0 {
		log = keep[0]
	}
	s.cmd.Stderr = log
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill(); _ = s.cmd.Wait() })
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &s.Banner)
	}
	if err != nil {
		_ = s.cmd.Wait()
		t.Fatalf("no banner: %v, %s%s", err, line, log.String())
	}
	return s
}

// stop sends a signal and answers the exit code and how long it took.
func (s *served) stop(t *testing.T, signal os.Signal) (code int, took time.Duration) {
	t.Helper()
	began := time.Now()
	if err := s.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	_ = s.cmd.Wait()
	return s.cmd.ProcessState.ExitCode(), time.Since(began)
}

// client is an application's.
func (s *served) client(t *testing.T, accessKey, secretKey string) *ivsrealtime.Client {
	t.Helper()
	client, err := ivsrealtime.NewClientBuilder().Region("us-east-1").EndpointOverride(s.Endpoint).
		CredentialsProvider(credentials.NewStaticCredentialsProvider(accessKey, secretKey, "")).Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func (s *served) createStage(t *testing.T, accessKey, secretKey string) (*ivsrealtime.CreateStageOutput, error) {
	t.Helper()
	return s.client(t, accessKey, secretKey).CreateStage(t.Context(), &ivsrealtime.CreateStageInput{Name: "hello"})
}

func TestServe_StopsWithinFiveSecondsOnSIGTERM(t *testing.T) {
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		s := serve(t, "--ephemeral")
		// A client that never finishes its request must not hold the server up.
		slow, err := net.Dial("tcp", strings.TrimPrefix(s.Endpoint, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer slow.Close()
		if _, err := io.WriteString(slow, "POST /CreateStage HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{"); err != nil {
			t.Fatal(err)
		}
		if code, took := s.stop(t, signal); code != exitOK || took > 5*time.Second {
			t.Errorf("%v: expected exit 0 within 5 s, saw exit %d after %v", signal, code, took)
		}
	}
}

func TestServe_KeepsTheKeyOfTheFirstStart(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	first := serve(t, "--data-dir", data)
	if !first.First || first.AccessKey != "" {
		t.Errorf("expected a first start that prints no key, saw %+v", first.Banner)
	}
	printed := answer[environment](t, "env", "--data-dir", data)
	if _, err := first.createStage(t, printed.AccessKey, printed.SecretKey); err != nil {
		t.Errorf("create a stage with what env prints: %v", err)
	}
	if code, _ := first.stop(t, syscall.SIGTERM); code != exitOK {
		t.Fatalf("expected exit 0, saw %d", code)
	}
	second := serve(t, "--data-dir", data)
	if second.First {
		t.Error("expected the second start to know that it is not the first")
	}
	if _, err := second.createStage(t, printed.AccessKey, printed.SecretKey); err != nil {
		t.Errorf("create a stage with the same key after a restart: %v", err)
	}
	if _, err := second.createStage(t, printed.AccessKey, "another-secret-altogether"); err == nil {
		t.Error("expected a wrong secret to be refused")
	}
	if info, err := os.Stat(data); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("expected a folder for its owner alone, saw %v, %v", info.Mode(), err)
	}
}

func TestServe_EphemeralPrintsItsKeyAndKeepsNothing(t *testing.T) {
	s := serve(t, "--ephemeral")
	if _, err := s.createStage(t, s.AccessKey, s.SecretKey); err != nil {
		t.Errorf("create a stage with the printed key: %v", err)
	}
	if code, _ := s.stop(t, syscall.SIGTERM); code != exitOK {
		t.Errorf("expected exit 0, saw %d", code)
	}
	if left, _ := os.ReadDir(s.cmd.Dir); len(left) > 0 {
		t.Errorf("expected nothing left behind, saw %v", left)
	}
}

func TestServe_CarriesMediaFromOneParticipantToAnother(t *testing.T) {
	s := serve(t, "--ephemeral")
	made, err := s.createStage(t, s.AccessKey, s.SecretKey)
	if err != nil {
		t.Fatal(err)
	}
	ctx, enough := context.WithCancel(t.Context())
	published := make(chan int)
	go func() {
		published <- run(ctx, []string{"publish", "--token", s.token(t, made.Stage.ARN), "--size", "320x180", "--fps", "10"}, io.Discard, io.Discard)
	}()
	var stdout, stderr strings.Builder
	if code := run(ctx, []string{"subscribe", "--token", s.token(t, made.Stage.ARN), "--duration", "3s", "--json"}, &stdout, &stderr); code != exitOK {
		t.Errorf("subscribe: exit %d, %s%s", code, stdout.String(), stderr.String())
	}
	enough()
	if code := <-published; code != exitOK {
		t.Errorf("publish: exit %d", code)
	}
	began := time.Now()
	if code, _ := s.stop(t, syscall.SIGTERM); code != exitOK || time.Since(began) > 5*time.Second {
		t.Errorf("expected exit 0 within 5 s, saw %d after %v", code, time.Since(began))
	}
}

// token makes a participant of a stage who may do everything.
func (s *served) token(t *testing.T, stageARN string) string {
	t.Helper()
	out, err := s.client(t, s.AccessKey, s.SecretKey).CreateParticipantToken(t.Context(), &ivsrealtime.CreateParticipantTokenInput{StageARN: stageARN})
	if err != nil {
		t.Fatal(err)
	}
	return out.ParticipantToken.Token
}

func TestServe_ReceivesMediaWhereToldWhileHTTPStaysOnLoopback(t *testing.T) {
	s := serve(t, "--ephemeral", "--media-port", "0", "--media-listen", "127.0.0.1,::1")
	seen := strings.Join(s.Candidates, " ")
	for _, expected := range []string{"udp 127.0.0.1:", "udp [::1]:", "tcp 127.0.0.1:", "tcp [::1]:"} {
		if !strings.Contains(seen, expected) {
			t.Errorf("candidates are %q, expected one at %q", seen, expected)
		}
	}
	if !strings.HasPrefix(s.Endpoint, "http://127.0.0.1:") {
		t.Errorf("endpoint is %s, expected loopback", s.Endpoint)
	}
}

func TestServe_TakesAnyCredentialsOnLoopbackWhenTold(t *testing.T) {
	s := serve(t, "--ephemeral", "--auth", "none")
	if out, err := s.createStage(t, "ANYBODY", "whatever-they-say"); err != nil || !strings.Contains(out.Stage.ARN, ":000000000000:stage/") {
		t.Errorf("expected a stage of the first operator's account, saw %+v, %v", out, err)
	}
}

func TestServe_AuthNoneAnswersNoForeignPage(t *testing.T) {
	for name, c := range map[string]struct {
		args                 []string
		method, origin, host string
		fetch                string // Sec-Fetch-Site
		status               int
		allowed              string // Access-Control-Allow-Origin
	}{
		"a program":                          {nil, "POST", "", "", "", 200, ""},
		"a page of this machine":             {nil, "POST", "http://localhost:3000", "", "cross-site", 200, "http://localhost:3000"},
		"its question before":                {nil, "OPTIONS", "http://localhost:3000", "", "cross-site", 204, "http://localhost:3000"},
		"a foreign page":                     {nil, "POST", "https://evil.example", "", "cross-site", 403, ""},
		"its question before, too":           {nil, "OPTIONS", "https://evil.example", "", "cross-site", 403, ""},
		"a page whose name leads here":       {nil, "POST", "http://evil.example", "evil.example", "same-origin", 421, ""},
		"a page that is listed":              {[]string{"--cors-origins", "https://app.example"}, "POST", "https://app.example", "", "cross-site", 200, "https://app.example"},
		"a page of this machine that is not": {[]string{"--cors-origins", "https://app.example"}, "POST", "http://localhost:3000", "", "cross-site", 403, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, append([]string{"--ephemeral", "--auth", "none"}, c.args...)...)
			r, err := http.NewRequest(c.method, s.Endpoint+"/CreateStage", strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			r.Host = c.host
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=ANYBODY/20260701/us-east-1/ivs/aws4_request, SignedHeaders=host, Signature="+strings.Repeat("0", 64))
			r.Header.Set("X-Amz-Date", "20260701T000000Z")
			if c.origin != "" {
				r.Header.Set("Origin", c.origin)
				r.Header.Set("Sec-Fetch-Site", c.fetch)
			}
			a, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = a.Body.Close()
			if allowed := a.Header.Get("Access-Control-Allow-Origin"); a.StatusCode != c.status || allowed != c.allowed {
				t.Errorf("answered by %d for %q, expected %d for %q", a.StatusCode, allowed, c.status, c.allowed)
			}
		})
	}
}

func TestServe_MetricsAreNotPublicByDefault(t *testing.T) {
	for name, c := range map[string]struct {
		host   string
		args   []string
		admin  bool // there are metrics at the operators' address
		status int  // of the main address
	}{
		"on loopback":                       {"127.0.0.1", nil, false, 200},
		"behind a proxy with a name":        {"127.0.0.1", []string{"--public-url", "https://stage.example"}, false, 404},
		"where others reach it":             {"0.0.0.0", []string{"--insecure"}, false, 404},
		"there, with an operators' address": {"0.0.0.0", []string{"--insecure"}, true, 404},
	} {
		t.Run(name, func(t *testing.T) {
			port, adminPort := freePort(t), freePort(t)
			args := append([]string{"serve", "--json", "--ephemeral", "--listen", c.host + ":" + port, "--media-port", "0", "--rtmp-listen", "127.0.0.1:0"}, c.args...)
			if c.admin {
				args = append(args, "--admin-listen", "127.0.0.1:"+adminPort)
			}
			start(t, rostrum(t, args...))
			if status, _ := fetch(t, "http://127.0.0.1:"+port+"/metrics"); status != c.status {
				t.Errorf("answered by %d, expected %d", status, c.status)
			}
			if c.admin {
				if status, _ := fetch(t, "http://127.0.0.1:"+adminPort+"/metrics"); status != http.StatusOK {
					t.Errorf("the operators' address answers %d", status)
				}
			}
		})
	}
}

func TestServe_TellsItsHealthAndCounts(t *testing.T) {
	s := serve(t, "--ephemeral")
	if _, err := s.createStage(t, s.AccessKey, s.SecretKey); err != nil {
		t.Fatal(err)
	}
	for path, expected := range map[string]string{
		"/healthz": "ok\n",
		"/readyz":  "ready\n",
		"/metrics": `rostrum_api_requests_total{code="",operation="CreateStage"} 1`,
	} {
		if status, body := fetch(t, s.Endpoint+path); status != http.StatusOK || !strings.Contains(body, expected) {
			t.Errorf("%s: expected 200 and %q, saw %d %s", path, expected, status, body)
		}
	}
	if status, _ := fetch(t, s.Endpoint+"/debug/pprof/"); status == http.StatusOK {
		t.Error("profiles are served to everybody")
	}
}

func TestServe_MetricsMoveToTheOperatorsAddress(t *testing.T) {
	at := "127.0.0.1:" + freePort(t)
	s := serve(t, "--ephemeral", "--admin-listen", at)
	if status, _ := fetch(t, s.Endpoint+"/metrics"); status == http.StatusOK {
		t.Error("metrics are still served at the main address")
	}
	for _, path := range []string{"/metrics", "/debug/pprof/"} {
		if status, body := fetch(t, "http://"+at+path); status != http.StatusOK {
			t.Errorf("%s: expected 200, saw %d %s", path, status, body)
		}
	}
}

func TestServe_ThatCannotStartLeavesNoTrace(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, c := range map[string]struct{ listen, complaint string }{
		"an address in use":    {taken.Addr().String(), "address already in use"},
		"an address of others": {"0.0.0.0:0", "without TLS"},
	} {
		cmd := rostrum(t, "serve", "--listen", c.listen)
		_, stderr, code := finish(t, cmd)
		if code != exitFailure || !strings.Contains(stderr, c.complaint) {
			t.Errorf("%s: expected exit 1 and %q, saw exit %d and %s", name, c.complaint, code, stderr)
		}
		if left, _ := os.ReadDir(cmd.Dir); len(left) > 0 {
			t.Errorf("%s: expected nothing left behind, saw %v", name, left)
		}
	}
}

func TestServe_ThatCannotStartClosesWhatItOpened(t *testing.T) {
	before := goleak.IgnoreCurrent()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, c := range map[string]struct {
		args      []string
		stdout    io.Writer
		complaint string
	}{
		"the last of its addresses is taken": {[]string{"--media-port", strings.TrimPrefix(taken.Addr().String(), "127.0.0.1:")}, io.Discard, "listen for media"},
		"its first operator has no secret":   {[]string{"--access-key", "AKIDNOTKEPTHERE"}, io.Discard, "secret_key is missing"},
		"its output is closed":               {nil, gone{}, io.ErrClosedPipe.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			free, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			at := free.Addr().String()
			_ = free.Close()
			t.Chdir(t.TempDir())
			var stderr strings.Builder
			args := append([]string{"serve", "--json", "--listen", at, "--media-port", "0", "--rtmp-listen", "127.0.0.1:0"}, c.args...)
			if code := run(t.Context(), args, c.stdout, &stderr); code == exitOK || !strings.Contains(stderr.String(), c.complaint) {
				t.Errorf("expected a failure and %q, saw exit %d and %s", c.complaint, code, stderr.String())
			}
			again, err := net.Listen("tcp", at)
			if err != nil {
				t.Fatalf("the address is still taken: %v", err)
			}
			_ = again.Close()
			goleak.VerifyNone(t, before)
		})
	}
}

// gone is a terminal that was closed.
type gone struct{}

func (gone) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func fetch(t *testing.T, url string) (status int, body string) {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(b)
}

// TestServe_RefusesADataFolderInUse: a second server would end the sessions of the first.
func TestServe_RefusesADataFolderInUse(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	first := serve(t, "--data-dir", data)
	second := rostrum(t, "serve", "--listen", "127.0.0.1:0", "--data-dir", data)
	expected := fmt.Sprintf("%s is in use by another server (pid %d): stop that one", data, first.cmd.Process.Pid)
	if _, stderr, code := finish(t, second); code != exitFailure || !strings.Contains(stderr, expected) || !strings.Contains(stderr, "--data-dir") {
		t.Errorf("expected exit 1 and %q with the setting to change, saw exit %d and %s", expected, code, stderr)
	}
	for _, tool := range [][]string{{"env"}, {"keys", "list"}, {"backup", filepath.Join(t.TempDir(), "copy")}} {
		if _, stderr, code := finish(t, rostrum(t, append(tool, "--data-dir", data)...)); code != exitOK {
			t.Errorf("%s beside the server: exit %d, %s", tool[0], code, stderr)
		}
	}
	first.stop(t, syscall.SIGKILL)
	if code, _ := serve(t, "--data-dir", data).stop(t, syscall.SIGTERM); code != exitOK {
		t.Errorf("after the first was killed: exit %d", code)
	}
}
