package attack

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"golang.org/x/sys/unix"

	"rostrum/ivsrealtime"
	"rostrum/test/server"
)

// A faulty is a server whose system calls fail at times.
type faulty struct {
	t        *testing.T
	injector *injector
	server   *server.Server
	client   *ivsrealtime.Client
	folder   string // of its data
	ports    map[string]string

	mu      sync.Mutex      // guards what follows
	created map[string]bool // stages by name: acknowledged or refused
	arns    []string        // of those acknowledged
}

const faultyKey, faultySecret = "AKIAFAULTY000000", "secret-of-the-faulty-server"

// TestAttack_AThousandFaultsAreOutlasted: descriptors, listeners, the disk and workers fail
// more than a thousand times. The process goes on, and what it acknowledged is kept.
func TestAttack_AThousandFaultsAreOutlasted(t *testing.T) {
	f := openFaulty(t)
	any := func(errnos ...unix.Errno) unix.Errno { return errnos[rand.IntN(len(errnos))] }
	accepts := func(errnos ...unix.Errno) func(int, string) unix.Errno {
		return func(call int, _ string) unix.Errno {
			if call != unix.SYS_ACCEPT4 || rand.IntN(2) == 0 {
				return 0
			}
			return any(errnos...)
		}
	}
	disk := func(errno unix.Errno, calls ...int) func(int, string) unix.Errno {
		return func(call int, path string) unix.Errno {
			for _, c := range calls {
				if call == c && isData(path, f.folder) && rand.IntN(8) == 0 { // a transaction makes several calls
					return errno
				}
			}
			return 0
		}
	}
	for _, c := range []struct {
		name   string
		faults int64
		fault  func(int, string) unix.Errno
		do     func()
	}{
		{"no descriptors", 200, accepts(unix.EMFILE, unix.ENFILE), f.connect},
		{"listener errors", 200, accepts(unix.ECONNABORTED, unix.ENOBUFS, unix.ENOMEM, unix.EPROTO, unix.EPERM, unix.EINTR), f.connect},
		{"no space", 300, disk(unix.ENOSPC, unix.SYS_PWRITE64, unix.SYS_FTRUNCATE, unix.SYS_FALLOCATE), f.create},
		{"I/O errors", 300, disk(unix.EIO, unix.SYS_PWRITE64, unix.SYS_FSYNC, unix.SYS_FDATASYNC), f.create},
	} {
		began, before := time.Now(), f.injector.injected.Load()
		f.injector.during(t, c.faults, c.fault, c.do)
		t.Logf("%s: %d faults in %v", c.name, f.injector.injected.Load()-before, time.Since(began).Round(time.Millisecond))
		f.expectAllWell(c.name)
	}
	began := time.Now()
	kills := f.killWorkers(10, 8)
	t.Logf("workers: %d kills in %v", kills, time.Since(began).Round(time.Millisecond))
	f.expectAllWell("workers killed")
	if total := f.injector.injected.Load() + kills; total < 1000 {
		t.Errorf("only %d faults came about", total)
	}
	f.expectTruth()
	if err := f.server.Stop(); err != nil {
		t.Errorf("the server stops: %v\n%s", err, f.server.Output())
	}
	f.restart()
	f.expectTruth()
}

// openFaulty starts a server with an injector, and with a worker that does no work.
func openFaulty(t *testing.T) *faulty {
	t.Helper()
	dir := t.TempDir()
	f := &faulty{t: t, folder: filepath.Join(dir, "data"), created: map[string]bool{}, ports: map[string]string{}}
	binary, self := filepath.Join(dir, "rostrum"), os.Args[0]
	if err := errors.Join(os.Link(stand.binary, binary), os.Symlink(self, filepath.Join(dir, fakeWorkerName))); err != nil {
		t.Skipf("the server cannot get a worker: %v", err)
	}
	args := []string{"--data-dir", f.folder, "--access-key", faultyKey, "--secret-key", faultySecret, "--log-level", "error", "--limits", "open,requests=0,stages=0"}
	for name, flag := range map[string]string{"rtmp": "--rtmp-listen", "admin": "--admin-listen"} {
		at, err := server.FreeAddress()
		if err != nil {
			t.Fatal(err)
		}
		f.ports[name] = at
		args = append(args, flag, at)
	}
	injector, start := newInjector(t)
	f.injector = injector
	s, err := server.StartBy(start, t.Context(), binary, args...)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skipf("system calls cannot be made to fail here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	f.use(s)
	return f
}

func (f *faulty) use(s *server.Server) {
	f.server, f.ports["http"] = s, strings.TrimPrefix(s.URL, "http://")
	var err error
	f.client, err = ivsrealtime.NewClientBuilder().Region("us-east-1").EndpointOverride(s.URL).MaxAttempts(1).
		CredentialsProvider(credentials.NewStaticCredentialsProvider(faultyKey, faultySecret, "")).Build(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
}

// restart starts the server again on the same data, without faults.
func (f *faulty) restart() {
	f.t.Helper()
	s, err := server.Start(f.t.Context(), stand.binary, "--data-dir", f.folder, "--access-key", faultyKey, "--secret-key", faultySecret, "--log-level", "error")
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(s.Kill)
	f.use(s)
}

// connect opens a connection to each port, at the same time.
func (f *faulty) connect() {
	var all sync.WaitGroup
	for name := range f.ports {
		for range 4 {
			all.Go(func() {
				if err := f.probe(name); err != nil {
					f.t.Errorf("%s: %v", name, err)
				}
			})
		}
	}
	all.Wait()
}

// probe makes a new connection and waits for an answer.
func (f *faulty) probe(name string) error {
	conn, err := net.DialTimeout("tcp", f.ports[name], 10*time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	question, answer := "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", "HTTP/1.1 200"
	switch name {
	case "rtmp":
		question, answer = "\x03"+strings.Repeat("\x00", 1536), "\x03"
	case "admin":
		question = strings.Replace(question, "/healthz", "/metrics", 1)
	}
	if _, err := io.WriteString(conn, question); err != nil {
		return err
	}
	got := make([]byte, len(answer))
	if _, err := io.ReadFull(conn, got); err != nil {
		return err
	}
	if string(got) != answer {
		return fmt.Errorf("it answers %q", got)
	}
	return nil
}

// create creates stages, at the same time, and keeps what was answered.
func (f *faulty) create() {
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			name := "stage-" + strconv.FormatUint(rand.Uint64(), 36)
			made, err := f.client.CreateStage(f.t.Context(), &ivsrealtime.CreateStageInput{Name: name})
			f.mu.Lock()
			defer f.mu.Unlock()
			if f.created[name] = err == nil; err == nil {
				f.arns = append(f.arns, made.Stage.ARN)
				return
			}
			if refused, ok := errors.AsType[*ivsrealtime.Error](err); !ok || refused.Code.Status() < 500 {
				f.t.Errorf("a stage that can't be kept is answered with %v", err)
			}
		})
	}
	all.Wait()
}

// expectAllWell expects the same process to serve on all ports, and to keep what is created.
func (f *faulty) expectAllWell(after string) {
	f.t.Helper()
	if err := unix.Kill(f.server.PID(), 0); err != nil {
		f.t.Fatalf("%s: the process has ended: %v\n%s", after, err, f.server.Output())
	}
	for name := range f.ports {
		if err := f.probe(name); err != nil {
			f.t.Fatalf("%s: %s: %v\n%s", after, name, err, f.server.Output())
		}
	}
	if _, err := f.client.CreateStage(f.t.Context(), &ivsrealtime.CreateStageInput{}); err != nil {
		f.t.Fatalf("%s: nothing can be created: %v\n%s", after, err, f.server.Output())
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		ready := status(f.t, f.server.URL+"/readyz")
		if ready == http.StatusOK {
			return
		}
		if time.Now().After(end) {
			f.t.Fatalf("%s: /readyz answers %d", after, ready)
		}
	}
}

// expectTruth expects all stages that were acknowledged, and none that was refused.
func (f *faulty) expectTruth() {
	f.t.Helper()
	listed := map[string]bool{}
	for stage, err := range f.client.Stages(f.t.Context(), &ivsrealtime.ListStagesInput{}) {
		if err != nil {
			f.t.Fatal(err)
		}
		listed[stage.Name] = true
	}
	kept, refused := 0, 0
	for name, acknowledged := range f.created {
		switch {
		case acknowledged && !listed[name]:
			f.t.Errorf("%s was acknowledged and is gone", name)
		case !acknowledged && listed[name]:
			f.t.Errorf("%s was refused and is there", name)
		case acknowledged:
			kept++
		default:
			refused++
		}
	}
	if kept == 0 || refused == 0 {
		f.t.Errorf("%d stages are kept and %d were refused: expected both", kept, refused)
	}
	for _, arn := range f.arns[:min(len(f.arns), 20)] {
		if _, err := f.client.GetStage(f.t.Context(), &ivsrealtime.GetStageInput{ARN: arn}); err != nil {
			f.t.Errorf("%s was acknowledged: %v", arn, err)
		}
	}
}

// killWorkers kills the workers of compositions several times each, and expects others in
// their place. It returns how many it killed.
func (f *faulty) killWorkers(compositions, times int) (kills int64) {
	f.t.Helper()
	arns := f.compose(compositions)
	killed := map[int]bool{}
	for end := time.Now().Add(60 * time.Second); kills < int64(compositions*times); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			f.t.Fatalf("only %d workers came to be killed", kills)
		}
		for _, pid := range f.workers() {
			if !killed[pid] && unix.Kill(pid, unix.SIGKILL) == nil {
				killed[pid] = true
				kills++
			}
		}
	}
	for end := time.Now().Add(30 * time.Second); len(f.workers()) < compositions; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			f.t.Fatalf("%d workers run, expected %d\n%s", len(f.workers()), compositions, f.server.Output())
		}
	}
	for _, arn := range arns {
		if _, err := f.client.StopComposition(f.t.Context(), &ivsrealtime.StopCompositionInput{ARN: arn}); err != nil {
			f.t.Errorf("a composition whose workers were killed: %v", err)
		}
	}
	return kills
}

// compose starts compositions.
func (f *faulty) compose(n int) (arns []string) {
	f.t.Helper()
	ctx := f.t.Context()
	made, err := f.client.CreateStage(ctx, &ivsrealtime.CreateStageInput{})
	if err != nil {
		f.t.Fatal(err)
	}
	encoder, err := f.client.CreateEncoderConfiguration(ctx, &ivsrealtime.CreateEncoderConfigurationInput{})
	if err != nil {
		f.t.Fatal(err)
	}
	storage, err := f.client.CreateStorageConfiguration(ctx, &ivsrealtime.CreateStorageConfigurationInput{S3: &ivsrealtime.S3StorageConfiguration{BucketName: "recordings"}})
	if err != nil {
		f.t.Fatal(err)
	}
	for range n {
		out, err := f.client.StartComposition(ctx, &ivsrealtime.StartCompositionInput{StageARN: made.Stage.ARN, Destinations: []ivsrealtime.DestinationConfiguration{{
			S3: &ivsrealtime.S3DestinationConfiguration{StorageConfigurationARN: storage.StorageConfiguration.ARN, EncoderConfigurationARNs: []string{encoder.EncoderConfiguration.ARN}},
		}}})
		if err != nil {
			f.t.Fatal(err)
		}
		arns = append(arns, out.Composition.ARN)
	}
	return arns
}

// workers are the processes that the server has as workers.
func (f *faulty) workers() (pids []int) {
	children, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", f.server.PID()))
	for _, c := range children {
		text, _ := os.ReadFile(c)
		for pid := range strings.FieldsSeq(string(text)) {
			line, _ := os.ReadFile("/proc/" + pid + "/cmdline")
			if n, err := strconv.Atoi(pid); err == nil && bytes.Contains(line, []byte(fakeWorkerName)) {
				pids = append(pids, n)
			}
		}
	}
	return pids
}
