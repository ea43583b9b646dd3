package reverseproxy

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/aws/aws-sdk-go-v2/service/ivsrealtime"

	"rostrum/realtime"
	"rostrum/test/authority"
	"rostrum/test/call"
	"rostrum/test/server"
)

const (
	accessKey = "AKIAPROXY"
	secretKey = "a-secret-for-the-tests-behind-proxies"
	region    = "us-east-1"
	maxWait   = 2 * time.Minute // on a busy machine
)

// A proxy is a program, its configuration in deploy/, and what differs in the test: the address,
// the certificate, and that it neither needs rights nor writes outside a folder.
type proxy struct {
	config    string
	configure func(text, certificate, address string) string
	arguments func(folder, config string) []string
}

var proxies = map[string]proxy{
	"nginx": {
		config: "nginx.conf",
		configure: func(text, certificate, address string) string {
			text = strings.NewReplacer("listen 443", "listen "+address, "/etc/ssl/rt.example.com.pem", certificate+"/cert.pem", "/etc/ssl/rt.example.com.key", certificate+"/key.pem").Replace(text)
			paths := ""
			for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
				paths += kind + "_temp_path " + kind + ";\n"
			}
			return "pid nginx.pid;\ndaemon off;\nevents {}\nhttp {\naccess_log off;\n" + paths + text + "}\n"
		},
		arguments: func(folder, config string) []string { return []string{"-p", folder, "-c", config, "-e", "stderr"} },
	},
	"caddy": {
		config: "Caddyfile",
		configure: func(text, certificate, address string) string {
			site := fmt.Sprintf("https://%s {\n\ttls %s/cert.pem %[2]s/key.pem", address, certificate)
			return "{\n\tadmin off\n\tauto_https disable_redirects\n}\n" + strings.Replace(text, "rt.example.com {", site, 1)
		},
		arguments: func(_, config string) []string {
			return []string{"run", "--config", config, "--adapter", "caddyfile"}
		},
	},
}

func TestReverseProxies_PassOnWhatClientsDo(t *testing.T) {
	binary, err := server.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	certificate := t.TempDir()
	authority.SelfSigned(t, certificate, "localhost", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	t.Setenv("SSL_CERT_FILE", filepath.Join(certificate, "cert.pem")) // for the clients
	for name, p := range proxies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			program, err := exec.LookPath(name)
			if err != nil {
				t.Skipf("%s is not installed", name)
			}
			newFront(t, binary, program, certificate, p).useAll()
		})
	}
}

// A front is the server behind a proxy.
type front struct {
	*testing.T
	ctx     context.Context
	running *server.Server
	url     string
}

func (f *front) check(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func newFront(t *testing.T, binary, program, certificate string, p proxy) *front {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), maxWait)
	t.Cleanup(cancel)
	address, err := server.FreeAddress()
	f := &front{T: t, ctx: ctx, url: "https://" + address}
	f.check(err)
	upstream, err := server.FreeAddress()
	f.check(err)
	text, err := os.ReadFile(filepath.Join("../../deploy", p.config))
	f.check(err)
	folder := t.TempDir()
	config := filepath.Join(folder, p.config)
	local := strings.ReplaceAll(p.configure(string(text), certificate, address), "127.0.0.1:7080", upstream)
	f.check(os.WriteFile(config, []byte(local), 0o600))
	f.start(program, p.arguments(folder, config), address)
	f.running, err = server.Start(context.Background(), binary, "--data-dir", filepath.Join(folder, "data"), "--listen", upstream, "--media-port", "0", "--rtmp-listen", "127.0.0.1:0",
		"--public-url", f.url, "--access-key", accessKey, "--secret-key", secretKey, "--region", region, "--log-level", "warn")
	f.check(err)
	t.Cleanup(func() {
		if err := f.running.Stop(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// start starts a proxy until the end of the test.
func (f *front) start(program string, arguments []string, address string) {
	f.Helper()
	var output bytes.Buffer
	cmd := exec.CommandContext(context.Background(), program, arguments...)
	cmd.Stdout, cmd.Stderr = &output, &output
	f.check(cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	f.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		<-ended
	})
	for {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case err := <-ended:
			ended <- err
			f.Fatalf("%s ended: %v\n%s", program, err, &output)
		case <-f.ctx.Done():
			f.Fatal("the proxy does not listen")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// useAll uses signed requests with ARNs in the path, WebSockets, WHIP and HLS.
func (f *front) useAll() {
	keys := credentials.NewStaticCredentialsProvider(accessKey, secretKey, "")
	stages := ivsrealtime.New(ivsrealtime.Options{BaseEndpoint: &f.url, Region: region, Credentials: keys})
	made, err := stages.CreateStage(f.ctx, &ivsrealtime.CreateStageInput{Name: aws.String("front"), Tags: map[string]string{"a/b": "c d"}})
	f.check(err)
	if got := aws.ToString(made.Stage.Endpoints.Whip); !strings.HasPrefix(got, f.url+"/") {
		f.Errorf("the WHIP endpoint is %s", got)
	}
	_, err = stages.UntagResource(f.ctx, &ivsrealtime.UntagResourceInput{ResourceArn: made.Stage.Arn, TagKeys: []string{"none", "a b"}})
	f.check(err)
	tags, err := stages.ListTagsForResource(f.ctx, &ivsrealtime.ListTagsForResourceInput{ResourceArn: made.Stage.Arn})
	f.check(err)
	if tags.Tags["a/b"] != "c d" {
		f.Errorf("the tags are %v", tags.Tags)
	}
	join := func(user string) *realtime.Stage {
		out, err := stages.CreateParticipantToken(f.ctx, &ivsrealtime.CreateParticipantTokenInput{StageArn: made.Stage.Arn, UserId: &user})
		f.check(err)
		stage, err := realtime.Join(f.ctx, aws.ToString(out.ParticipantToken.Token), realtime.Config{})
		f.check(err)
		return stage
	}
	alice, bob := join("alice"), join("bob")
	publication := call.Publish(f.ctx, f, alice, time.Second)
	subscription, keyframes := call.Subscribe(f.ctx, f, bob)
	select {
	case <-keyframes:
	case <-f.ctx.Done():
		f.Fatalf("no picture comes; the server's last words:\n%s", f.running.Output())
	}
	f.check(subscription.Close())
	f.check(publication.Close())
	call.AwaitEvent(f.ctx, f, bob, func(e realtime.PublishChanged) bool { return !e.Participant.Publishing })
	f.check(alice.Close())
	f.check(bob.Close())
	f.play(ivs.New(ivs.Options{BaseEndpoint: &f.url, Region: region, Credentials: keys}))
}

// play plays a channel.
func (f *front) play(channels *ivs.Client) {
	made, err := channels.CreateChannel(f.ctx, &ivs.CreateChannelInput{InsecureIngest: true})
	f.check(err)
	call.Encode(f.ctx, f, f.running.Encoders[0]+aws.ToString(made.StreamKey.Value))
	for {
		answer, err := http.Get(aws.ToString(made.Channel.PlaybackUrl))
		f.check(err)
		text, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		f.check(err)
		if answer.StatusCode == http.StatusOK && bytes.Contains(text, []byte("#EXT-X-STREAM-INF")) {
			return
		}
		select {
		case <-f.ctx.Done():
			f.Fatalf("the channel is answered with %s %.200s", answer.Status, text)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
