package conformance

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"rostrum/test/server"
)

// A proxy is a reverse proxy in front of the server, with the Host it passes on.
type proxy struct {
	name    string
	command func(t *testing.T, listen, upstream string) *exec.Cmd
}

// proxies are the ways in which nginx and Caddy are mostly set up, and worse ones.
var proxies = []proxy{
	{"nginx by default", nginx("")}, // passes on the upstream's address
	{"nginx with the name alone", nginx("proxy_set_header Host $host;")},
	{"nginx with name and port", nginx("proxy_set_header Host $host:$server_port;")},
	{"nginx with the Host received", nginx("proxy_set_header Host $http_host;")},
	{"nginx with another case", nginx("proxy_set_header Host LOCALHOST;")},
	{"Caddy by default", caddy("")},
	{"Caddy with the upstream's address", caddy("header_up Host {upstream_hostport}")},
}

// TestProxies has the clients sign for the public URL and be received behind a proxy.
func TestProxies(t *testing.T) {
	all := clients(t)
	binary, err := server.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range proxies {
		t.Run(p.name, func(t *testing.T) {
			listen, upstream := freeAddress(t), freeAddress(t)
			_, port, _ := net.SplitHostPort(listen)
			public := "http://localhost:" + port
			start(t, p.command(t, listen, upstream))
			s, err := server.Start(context.Background(), binary, "--ephemeral", "--listen", upstream, "--public-url", public)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Stop() })
			for _, c := range all {
				t.Run(c.name, func(t *testing.T) {
					who := caller{Name: p.name, Endpoint: public, Region: s.Region, AccessKey: s.AccessKey, SecretKey: s.SecretKey, Attempts: 1}
					walkTags(t, c, who)
				})
			}
		})
	}
}

// walkTags makes calls whose ARN is in the body, in the path and beside a query.
func walkTags(t *testing.T, c client, who caller) {
	t.Helper()
	call := func(operation string, input map[string]any) map[string]any {
		t.Helper()
		got, err := c.call(t, request{Service: stages, Operation: operation, Input: input, Caller: who})
		if err != nil {
			t.Fatal(err)
		}
		if got.Error != nil {
			t.Fatalf("%s: %s: %.300s", operation, got.Error.Name, got.Error.Message)
		}
		return got.Pages[0]
	}
	stage, _ := call("CreateStage", map[string]any{"name": "behind", "tags": map[string]any{"a b": "c/d", "e": "f"}})["stage"].(map[string]any)
	name := stage["arn"]
	call("UntagResource", map[string]any{"resourceArn": name, "tagKeys": []any{"e"}})
	if tags := fmt.Sprint(call("ListTagsForResource", map[string]any{"resourceArn": name})["tags"]); tags != "map[a b:c/d]" {
		t.Errorf("tags are %s", tags)
	}
	call("DeleteStage", map[string]any{"arn": name})
}

// nginx passes requests on as they came, with the Host that a directive says.
func nginx(directive string) func(t *testing.T, listen, upstream string) *exec.Cmd {
	return func(t *testing.T, listen, upstream string) *exec.Cmd {
		folder := t.TempDir()
		config := fmt.Sprintf(`daemon off; worker_processes 1; pid %[1]s/pid; error_log stderr warn;
events {}
http {
	access_log off;
	client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
	server { listen %[2]s; location / { proxy_pass http://%[3]s; %[4]s } }
}`, folder, listen, upstream, directive)
		return proxyCommand(t, "nginx", filepath.Join(folder, "nginx.conf"), config, "-p", folder, "-c")
	}
}

func caddy(directive string) func(t *testing.T, listen, upstream string) *exec.Cmd {
	return func(t *testing.T, listen, upstream string) *exec.Cmd {
		config := fmt.Sprintf("{\n admin off\n auto_https off\n}\nhttp://%s {\n bind 127.0.0.1\n reverse_proxy %s {\n %s\n }\n}\n",
			strings.Replace(listen, "127.0.0.1", "", 1), upstream, directive)
		return proxyCommand(t, "caddy", filepath.Join(t.TempDir(), "Caddyfile"), config, "run", "--adapter", "caddyfile", "--config")
	}
}

// proxyCommand writes a configuration and is the command that takes its name as last argument.
func proxyCommand(t *testing.T, program, file, config string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		path = filepath.Join("/usr/sbin", program) // where Debian keeps what only root looks for
		if _, err := os.Stat(path); err != nil {
			t.Skipf("%s is not installed: apt-get install %s", program, program)
		}
	}
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, append(args, file)...)
	cmd.Env = append(os.Environ(), "HOME="+filepath.Dir(file), "XDG_DATA_HOME="+filepath.Dir(file), "XDG_CONFIG_HOME="+filepath.Dir(file))
	return cmd
}

// start runs a command until the test ends, and shows what it said if that fails.
func start(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s said:\n%s", cmd.Path, said.String())
		}
	})
}

// freeAddress is an address of loopback that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
