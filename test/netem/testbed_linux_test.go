package netem

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"golang.org/x/sys/unix"

	"rostrum/ivsrealtime"
	"rostrum/test/server"
)

const (
	serverIP  = "10.211.0.1"
	viewerIP  = "10.211.0.2"
	accessKey = "AKIANETEM"
	secretKey = "secret-of-the-bad-network"
	region    = "us-east-1"
)

// A testbed is a server with a publisher beside it, and a place for viewers at the other
// end of a path.
type testbed struct {
	*testing.T
	ctx            context.Context
	path           *path
	binary         string
	server, viewer string      // network namespaces
	process        *os.Process // of the server
	client         *ivsrealtime.Client
	endpoint       string
	http           *http.Client // whose connections begin next to the server
	stage          string
	publisher      string    // participant id
	published      time.Time // of a file
}

// namespace makes a network namespace with a TUN device in it. Where the kernel or our rights
// don't allow it, the test is skipped.
func namespace(t *testing.T, name, address string) *os.File {
	t.Helper()
	run := func(args ...string) error {
		out, err := exec.Command("ip", args...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
		}
		return nil
	}
	if err := run("netns", "add", name); err != nil {
		t.Skipf("network namespaces can't be made here (it takes root and CAP_NET_ADMIN): %v", err)
	}
	t.Cleanup(func() { _ = run("netns", "del", name) })
	var tun *os.File
	err := within(name, func() (err error) {
		tun, err = openTUN("path")
		return err
	})
	if err != nil {
		t.Skipf("no TUN device can be opened here: %v", err)
	}
	t.Cleanup(func() { tun.Close() })
	err = errors.Join(
		run("-n", name, "addr", "add", address+"/24", "dev", "path"),
		run("-n", name, "link", "set", "path", "mtu", "1400", "up"),
		run("-n", name, "link", "set", "lo", "up"))
	if err != nil {
		t.Fatal(err)
	}
	return tun
}

// within runs f in a network namespace. Sockets and devices that it opens stay there.
func within(name string, f func() error) error {
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer home.Close()
	there, err := os.Open("/run/netns/" + name)
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter the namespace: %w", err)
	}
	err = f()
	if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
		return errors.Join(err, back) // the thread stays locked, and ends with its goroutine
	}
	runtime.UnlockOSThread()
	return err
}

func openTUN(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("open /dev/net/tun", err)
	}
	request, err := unix.NewIfreq(name)
	if err == nil {
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("make a tun device", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// in is a command in a namespace, killed at the end.
func (w *testbed) in(name, command string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(w.ctx, "ip", append([]string{"netns", "exec", name, command}, args...)...)
	return cmd
}

// lines starts a command and gives each line that it prints to f, until it ends.
func (w *testbed) lines(cmd *exec.Cmd, f func(line []byte)) {
	w.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		w.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		w.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for in := bufio.NewScanner(out); in.Scan(); {
			f(in.Bytes())
		}
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
	}()
	w.Cleanup(func() { // before the namespaces go
		_ = cmd.Process.Kill()
		<-ended
	})
}

// newWorld is a testbed in which the test pattern is published.
func newTestbed(t *testing.T, publishing ...string) *testbed {
	t.Helper()
	w := newEmptyTestbed(t, 2*time.Minute)
	w.publishes(publishing...)
	return w
}

// publishes has the test pattern published next to the server.
func (w *testbed) publishes(publishing ...string) {
	w.Helper()
	token := w.token("publisher")
	published := make(chan string, 1)
	w.lines(w.in(w.server, w.binary, append([]string{"publish", "--json", "--network", "udp", "--token", token}, publishing...)...), func(line []byte) {
		var said struct{ Event, ParticipantID string }
		if json.Unmarshal(line, &said) == nil && said.Event == "published" {
			published <- said.ParticipantID
		}
	})
	select {
	case w.publisher = <-published:
	case <-w.ctx.Done():
		w.Fatal("nobody published")
	}
}

// newEmptyWorld is a testbed with nobody on its stage. It lasts a while at most. Its server
// has further settings, if any are given.
func newEmptyTestbed(t *testing.T, limit time.Duration, serving ...string) *testbed {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	w := &testbed{T: t, ctx: ctx, server: fmt.Sprintf("rostrum-%d-s", os.Getpid()), viewer: fmt.Sprintf("rostrum-%d-v", os.Getpid())}
	near, far := namespace(t, w.server, serverIP), namespace(t, w.viewer, viewerIP)
	w.path = newPath(near, far)
	t.Cleanup(w.path.close)
	var err error
	if w.binary, err = server.Build(ctx, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(serving, "--data-dir") {
		serving = append(serving, "--ephemeral")
	}
	ready := make(chan string, 1)
	serve := w.in(w.server, w.binary, append([]string{"serve", "--json", "--insecure", "--listen", serverIP + ":7080", "--media-port", "7081",
		"--access-key", accessKey, "--secret-key", secretKey, "--region", region, "--log-level", "warn"}, serving...)...)
	w.lines(serve, func(line []byte) {
		var hello struct{ Endpoint string }
		if json.Unmarshal(line, &hello) == nil && hello.Endpoint != "" {
			ready <- hello.Endpoint
		}
	})
	w.process = serve.Process
	select {
	case endpoint := <-ready:
		w.connect(endpoint)
	case <-ctx.Done():
		t.Fatal("the server did not start")
	}
	return w
}

// connect makes an API client whose connections begin next to the server.
func (w *testbed) connect(endpoint string) {
	w.Helper()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, address string) (conn net.Conn, err error) {
		err = within(w.server, func() error {
			conn, err = (&net.Dialer{}).DialContext(ctx, network, address)
			return err
		})
		return conn, err
	}}
	w.endpoint, w.http = endpoint, &http.Client{Transport: transport}
	var err error
	w.client, err = ivsrealtime.NewClientBuilder().Region(region).EndpointOverride(endpoint).HTTPClient(w.http).
		CredentialsProvider(credentials.NewStaticCredentialsProvider(accessKey, secretKey, "")).Build(w.ctx)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = w.client.Close() })
	w.newStage()
}

func (w *testbed) newStage() {
	w.Helper()
	made, err := w.client.CreateStage(w.ctx, &ivsrealtime.CreateStageInput{})
	if err != nil {
		w.Fatal(err)
	}
	w.stage = made.Stage.ARN
}

func (w *testbed) token(user string) string {
	w.Helper()
	made, err := w.client.CreateParticipantToken(w.ctx, &ivsrealtime.CreateParticipantTokenInput{StageARN: w.stage, UserID: user})
	if err != nil {
		w.Fatal(err)
	}
	return made.ParticipantToken.Token
}
