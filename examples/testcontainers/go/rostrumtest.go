// Package rostrumtest runs a Rostrum server for tests, in a container or, without an engine, as
// a process.
package rostrumtest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/wait"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"net/netip"
)

// The key of all servers.
const (
	AccessKey = "ROSTRUMTEST"
	SecretKey = "rostrum-test-secret"
	Region    = "us-east-1"
)

var command = []string{"serve", "--json"}

// A Server is a running server.
type Server struct {
	Endpoint  string `json:"endpoint"`
	AccessKey string `json:"accessKeyId"`
	SecretKey string `json:"secretAccessKey"`
	Region    string `json:"region"`
	Seed      Seed   `json:"seed"`

	stop func() error
}

// A Seed is the part of what rostrum seed prints that most tests need.
type Seed struct {
	Stages map[string]struct {
		ARN               string `json:"arn"`
		ParticipantTokens []struct {
			ParticipantID string `json:"participantId"`
			UserID        string `json:"userId"`
			Token         string `json:"token"`
		} `json:"participantTokens"`
	} `json:"stages"`
}

// Close stops the server.
func (s *Server) Close() error { return s.stop() }

// freePort returns a port of this machine that is free by TCP and UDP.
func freePort() (int, error) {
	for {
		l, err := net.Listen("tcp", ":0")
		if err != nil {
			return 0, err
		}
		port := l.Addr().(*net.TCPAddr).Port
		u, err := net.ListenPacket("udp", fmt.Sprintf(":%d", port))
		_ = l.Close()
		if err == nil {
			return port, u.Close()
		}
	}
}

// environment has the settings of a server at given ports, the same inside and outside: tokens
// and candidates name them.
func environment(port, mediaPort int, seed string) map[string]string {
	all := map[string]string{
		"ROSTRUM_EPHEMERAL":   "true",
		"ROSTRUM_LISTEN":      fmt.Sprintf("0.0.0.0:%d", port),
		"ROSTRUM_MEDIA_PORT":  fmt.Sprint(mediaPort),
		"ROSTRUM_PUBLIC_URL":  fmt.Sprintf("http://127.0.0.1:%d", port),
		"ROSTRUM_PUBLIC_IP":   "127.0.0.1",
		"ROSTRUM_RTMP_LISTEN": "127.0.0.1:0",
		"ROSTRUM_INSECURE":    "true", // the ports are published on loopback alone
		"ROSTRUM_ACCESS_KEY":  AccessKey,
		"ROSTRUM_SECRET_KEY":  SecretKey,
		"ROSTRUM_REGION":      Region,
	}
	if seed != "" {
		all["ROSTRUM_SEED"] = seed
	}
	return all
}

// banner reads the line that a server prints once it is ready.
func banner(output io.Reader) (*Server, error) {
	for lines := bufio.NewReader(output); ; {
		line, err := lines.ReadString('\n')
		if strings.HasPrefix(line, "{") {
			s := &Server{}
			return s, json.Unmarshal([]byte(line), s)
		}
		if err != nil {
			return nil, fmt.Errorf("rostrum ended before it was ready: %w", err)
		}
	}
}

// Run starts a server in a container. Seed is the text of a seed.
func Run(ctx context.Context, image, seed string) (*Server, error) {
	port, err1 := freePort()
	mediaPort, err2 := freePort()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	path := ""
	var files []testcontainers.ContainerFile
	if seed != "" {
		path = "/seed.yaml"
		files = append(files, testcontainers.ContainerFile{Reader: strings.NewReader(seed), ContainerFilePath: path, FileMode: 0o644})
	}
	ports := network.PortMap{}
	for _, p := range []string{fmt.Sprintf("%d/tcp", port), fmt.Sprintf("%d/tcp", mediaPort), fmt.Sprintf("%d/udp", mediaPort)} {
		number, _, _ := strings.Cut(p, "/")
		ports[network.MustParsePort(p)] = []network.PortBinding{{HostIP: netip.MustParseAddr("127.0.0.1"), HostPort: number}}
	}
	c, err := testcontainers.Run(ctx, image,
		testcontainers.WithCmd(command...), testcontainers.WithEnv(environment(port, mediaPort, path)), testcontainers.WithFiles(files...),
		testcontainers.WithHostConfigModifier(func(h *container.HostConfig) { h.PortBindings = ports }),
		testcontainers.WithWaitStrategy(wait.ForLog(`"endpoint"`)))
	if err != nil {
		return nil, errors.Join(err, testcontainers.TerminateContainer(c))
	}
	s, err := logged(ctx, c)
	if err != nil {
		return nil, errors.Join(err, testcontainers.TerminateContainer(c))
	}
	s.stop = func() error { return testcontainers.TerminateContainer(c) }
	return s, nil
}

func logged(ctx context.Context, c testcontainers.Container) (*Server, error) {
	logs, err := c.Logs(ctx)
	if err != nil {
		return nil, err
	}
	defer logs.Close()
	return banner(logs)
}

// Start starts a server as a process of this machine. Program is a path, or a name in PATH.
func Start(ctx context.Context, program, seed string) (*Server, error) {
	port, err1 := freePort()
	mediaPort, err2 := freePort()
	folder, err3 := os.MkdirTemp("", "rostrum-")
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	path := ""
	if seed != "" {
		path = filepath.Join(folder, "seed.yaml")
		if err := os.WriteFile(path, []byte(seed), 0o600); err != nil {
			return nil, err
		}
	}
	cmd := exec.CommandContext(ctx, program, command...)
	cmd.Env = os.Environ()
	for name, value := range environment(port, mediaPort, path) {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	output, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, err
	}
	stop := func() error {
		_ = cmd.Process.Signal(os.Interrupt)
		return errors.Join(cmd.Wait(), os.RemoveAll(folder))
	}
	s, err := banner(output)
	if err != nil {
		return nil, errors.Join(err, stop())
	}
	s.stop = stop
	return s, nil
}
