package worker

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "compose" {
		fakeWorker()
		os.Exit(0)
	}
	if len(os.Args) == 2 && os.Args[1] == "transcode" {
		slowStreams()
		os.Exit(0)
	}
	if len(os.Args) == 2 && os.Args[1] == "compose-recordings" {
		fakeComposer()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// fakeWorker speaks the protocol without media, until its input ends. The job's token says
// how it behaves.
func fakeWorker() {
	reports := NewReportWriter(os.Stdout)
	report := func(r Report) {
		if reports.Write(r) != nil {
			os.Exit(4)
		}
	}
	j, _, err := ReadJob(os.Stdin)
	if err != nil {
		report(Report{Kind: Ended, Reason: err.Error()})
		return
	}
	report(Report{Kind: Ready})
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(ended)
	}()
	ticks := int64(0)
	for {
		select {
		case <-ended:
			if j.Token == "ignores its input" {
				time.Sleep(time.Hour) // an empty select without other goroutines is fatal
			}
			report(Report{Kind: Ended})
			return
		case <-time.After(10 * time.Millisecond):
		}
		if ticks++; ticks > 5 {
			switch j.Token {
			case "hangs":
				select {}
			case "stands still":
				ticks = 5
			case "crashes":
				report(Report{Kind: Ended, Reason: "last"})
				os.Exit(3)
			case "shows its environment":
				report(Report{Kind: Ended, Reason: strings.Join(os.Environ(), "\n")})
				return
			case "shows its limits":
				limits, _ := os.ReadFile("/proc/self/limits")
				report(Report{Kind: Ended, Reason: string(limits)})
				return
			case "tries":
				report(Report{Kind: Ended, Reason: attempt(j.Encoder)})
				return
			case "floods its log":
				for range 10_000 {
					report(Report{Kind: Log, Level: "WARN", Reason: "flood"})
				}
				return
			}
		}
		report(Report{Kind: Heartbeat, Health: &Health{Programs: []ProgramHealth{{Ticks: ticks}}}})
	}
}

// start runs the test binary as a worker that behaves in a way.
func start(t *testing.T, how string, c Config) *Process {
	t.Helper()
	return startJob(t, c, Job{Token: how, Programs: []Program{{Destinations: []Destination{{ID: "a", HLS: &HLS{Directory: t.TempDir(), Rendition: "r"}}}}}})
}

func startJob(t *testing.T, c Config, j Job) *Process {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c.Program, c.Memory = program, 1<<30
	if c.Log == nil {
		c.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	p, err := Start(c, j)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Kill(); _ = p.Wait() })
	return p
}

// last reads all reports and returns the last one's reason.
func last(p *Process) (reason string) {
	for r := range p.Reports() {
		reason = r.Reason
	}
	return reason
}

func TestProcess_StopsWhenItsInputEnds(t *testing.T) {
	p := start(t, "works", Config{})
	if r := <-p.Reports(); r.Kind != Ready {
		t.Fatalf("the first report is %+v", r)
	}
	p.Stop(10 * time.Second)
	var kind Kind
	for r := range p.Reports() {
		kind = r.Kind
	}
	if err := p.Wait(); err != nil || kind != Ended {
		t.Errorf("the last report is %q, exit %v", kind, err)
	}
	if u := p.Usage(); runtime.GOOS == "linux" && u.CPU == 0 || u.Memory != 0 {
		t.Errorf("usage after the exit is %+v", u)
	}
}

func TestProcess_IsKilled(t *testing.T) {
	for how, run := range map[string]func(*Process){
		"ignores its input": func(p *Process) { <-p.Reports(); p.Stop(50 * time.Millisecond) },
		"hangs":             func(*Process) {},
		"stands still":      func(*Process) {},
	} {
		t.Run(how, func(t *testing.T) {
			limit := 2 * time.Second // a busy machine's process may start slowly
			if how == "ignores its input" {
				limit = time.Hour
			}
			p := start(t, how, Config{HeartbeatLimit: limit})
			run(p)
			if err := p.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
				t.Errorf("it exits with %v, expected to be killed", err)
			}
		})
	}
}

func TestProcess_DeliversAllReportsBeforeTheEnd(t *testing.T) {
	for range 5 {
		p := start(t, "crashes", Config{})
		<-p.exited // the owner is late
		if got := last(p); got != "last" {
			t.Fatalf("the last report is %q", got)
		}
		if p.Wait() == nil {
			t.Fatal("a crash is reported as a clean exit")
		}
	}
}

func TestProcess_GetsNoCredentials(t *testing.T) {
	for _, name := range []string{"AWS_SECRET_ACCESS_KEY", "ROSTRUM_TOKEN", "PGPASSWORD", "DATABASE_URL", "SENTRY_DSN", "HTTPS_PROXY"} {
		t.Setenv(name, "confidential")
	}
	environment := last(start(t, "shows its environment", Config{}))
	if !strings.Contains(environment, "PATH=") || strings.Contains(environment, "confidential") {
		t.Errorf("the environment is\n%s", environment)
	}
}

func TestProcess_HasLimits(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("limits exist on Linux only")
	}
	limits := last(start(t, "shows its limits", Config{}))
	for name, want := range map[string]string{
		"Max data size": strconv.Itoa(1 << 30), "Max core file size": "0", "Max open files": "1024", "Max file size": strconv.Itoa(1 << 30),
	} {
		_, after, _ := strings.Cut(limits, name)
		if fields := strings.Fields(after); len(fields) < 2 || fields[0] != want || fields[1] != want {
			t.Errorf("%s: expected %s in\n%s", name, want, limits)
		}
	}
}

func TestProcess_LimitsItsLog(t *testing.T) {
	var log lockedBuffer
	p := start(t, "floods its log", Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	if n := log.lines(); n < logBurst || n > logBurst+60*logRate {
		t.Errorf("10,000 lines became %d", n)
	}
}

// A lockedBuffer keeps what a logger writes.
type lockedBuffer struct {
	mu  sync.Mutex // guards what follows
	all bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Write(p)
}

func (b *lockedBuffer) lines() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Count(b.all.Bytes(), []byte("\n"))
}
