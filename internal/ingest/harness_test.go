package ingest_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rostrum/internal/arn"
	"rostrum/internal/authority"
	"rostrum/internal/channel"
	"rostrum/internal/inbound"
	"rostrum/internal/ingest"
	"rostrum/internal/ivs"
	"rostrum/internal/media"
	"rostrum/internal/node"
	"rostrum/internal/rtmp"
	"rostrum/internal/sfu"
	"rostrum/internal/stage"
	"rostrum/internal/store"
	"rostrum/internal/testpattern"
	"rostrum/ivsrealtime"
)

// A fixture is a channel with the server of its encoders and of its viewers.
type fixture struct {
	store    *store.Store
	channels *channel.Registry
	address  string // of the server
	playback *httptest.Server
	channel  ivs.Channel
	key      string
	scheme   string // rtmp or rtmps
	host     string // that it listens at
	proxies  inbound.Proxies
	logged   logBuffer // of the server
	metrics  *prometheus.Registry
	max      int // connections; 0 for the default
	codecs   []media.Codec

	// Of a server for stages, nil and zero for one with channels only.
	stages *stage.Registry
	engine *sfu.Engine
	stage  *ivsrealtime.Stage
	config *ivsrealtime.IngestConfiguration
	limits stage.Limits
}

func start(t *testing.T, change ...func(*fixture, *channel.Config)) *fixture {
	t.Helper()
	st, err := store.Open(t.Context(), store.Config{Ephemeral: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	s := &fixture{store: st, key: "sk_eu-west-1_abcdefghijkl_secret", scheme: "rtmp", host: "127.0.0.1", metrics: prometheus.NewRegistry()}
	s.channel = ivs.Channel{ARN: arn.New(arn.Channel, "111122223333", "eu-west-1").String(), Name: "show", Tags: map[string]string{}}
	cfg := channel.Config{}
	var secure *tls.Config
	for _, c := range change {
		c(s, &cfg)
	}
	if s.scheme == "rtmps" {
		secure = &tls.Config{Certificates: certificates(t)}
	}
	s.create(t, s.channel, s.key)
	s.playback = httptest.NewUnstartedServer(nil)
	s.playback.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.channels.ServeHTTP(w, r) })
	s.playback.Start()
	t.Cleanup(s.playback.Close)
	l, err := net.Listen("tcp", net.JoinHostPort(s.host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	s.address = l.Addr().String()
	cfg.Local, cfg.Public = s.address, s.playback.URL
	n, err := node.Open(t.Context(), st, node.Config{})
	if err != nil {
		t.Fatal(err)
	}
	s.channels = channel.NewRegistry(st, n, cfg)
	audio := transcoder(t)
	if s.stage != nil {
		s.openStages(t, n)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() {
		server := ingest.New(s.channels, ingest.Config{Stages: s.stages, Transcoder: audio, VideoCodecs: s.codecs, MaxConnections: s.max, Proxies: s.proxies, Log: slog.New(slog.NewTextHandler(&s.logged, nil)), Metrics: s.metrics})
		done <- server.Serve(ctx, l, secure)
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		_ = s.channels.Close()
		_ = audio.Close()
		if s.stages != nil {
			_ = s.stages.Close()
		}
		_ = n.Close()
	})
	return s
}

// openStages makes the registry of stages, with the fixture's stage and ingest configuration.
func (s *fixture) openStages(t *testing.T, n *node.Node) {
	t.Helper()
	engine, err := sfu.Listen(sfu.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	s.engine = engine
	a, err := authority.New(t.Context(), s.store, authority.Config{PublicURL: "http://127.0.0.1:7000"})
	if err != nil {
		t.Fatal(err)
	}
	s.stages = stage.NewRegistry(s.store, engine, a, n, stage.Config{Limits: s.limits, Log: slog.New(slog.NewTextHandler(&s.logged, nil))})
	err = s.store.Write(t.Context(), func(tx *store.Tx) error {
		return errors.Join(tx.Stages().Create(s.stage), tx.Ingests().Create(s.config))
	})
	s.key = s.config.StreamKey
	if err != nil {
		t.Fatal(err)
	}
}

// create makes a channel with a stream key.
func (s *fixture) create(t *testing.T, c ivs.Channel, key string) {
	t.Helper()
	err := s.store.Write(t.Context(), func(tx *store.Tx) error {
		return errors.Join(
			tx.Channels().Create(&store.Channel{Channel: c}),
			tx.StreamKeys().Create(&ivs.StreamKey{ARN: arn.New(arn.StreamKey, "111122223333", "eu-west-1").String(), Value: key, ChannelARN: c.ARN}))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// addChannel makes another channel of the account and returns its stream key.
func (s *fixture) addChannel(t *testing.T) (key string) {
	t.Helper()
	key = "sk_eu-west-1_mnopqrstuvwx_secret"
	s.create(t, ivs.Channel{ARN: arn.New(arn.Channel, "111122223333", "eu-west-1").String(), Name: "other", Tags: map[string]string{}}, key)
	return key
}

// certificates are self-signed.
func certificates(t *testing.T) []tls.Certificate {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	defer s.Close()
	return s.TLS.Certificates
}

// overTLS makes the server speak RTMPS.
func overTLS(s *fixture, _ *channel.Config) { s.scheme = "rtmps" }

func overTCP(*fixture, *channel.Config) {}

// await polls until a condition holds.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

// stopStream stops the channel's stream, if it is live.
func (s *fixture) stopStream(t *testing.T) bool {
	t.Helper()
	stopped, err := s.channels.Stop(t.Context(), s.channel.ARN)
	if err != nil {
		t.Error(err)
	}
	return stopped
}

// stream is what the channel shows, if it is live.
func (s *fixture) stream(t *testing.T) (ivs.Stream, bool) {
	t.Helper()
	show, live, err := s.channels.Stream(t.Context(), s.channel.ARN)
	if err != nil {
		t.Error(err)
	}
	return show, live
}

// events are the names of what happened, in order.
func (s *fixture) events(t *testing.T) (names string) {
	t.Helper()
	for line := range strings.Lines(s.details(t)) {
		_, rest, _ := strings.Cut(line, `"event_name":"`)
		name, _, _ := strings.Cut(rest, `"`)
		names += name + "; "
	}
	return names
}

// details are the events' details, a line for each.
func (s *fixture) details(t *testing.T) (lines string) {
	t.Helper()
	err := s.store.Read(context.Background(), func(tx *store.Tx) error {
		lines = ""
		all, err := tx.Events(store.EventQuery{Limit: 100})
		for _, e := range all {
			lines += string(e.Detail) + "\n"
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// An encoder publishes a test testpattern.
type encoder struct {
	video *testpattern.Video
	push  *rtmp.Push
	n     int

	filler []byte // a NAL unit that goes with each picture; nil for none
	intra  bool   // intra refresh: no more keyframes
}

func (s *fixture) publish(t *testing.T, key string) (*encoder, error) {
	t.Helper()
	return publishTo(t, "rtmp://"+s.address+"/app/"+key)
}

func publishTo(t *testing.T, url string) (*encoder, error) {
	t.Helper()
	f := newPattern(t, 320, 180)
	var err error
	first, _ := f.next()
	about := rtmp.Stream{Audio: []byte{0x11, 0x90}, Width: 320, Height: 180, FrameRate: 25}
	for _, u := range first {
		switch u[0] & 0x1f {
		case 7, 8:
			about.Sets = append(about.Sets, u)
		}
	}
	f.n = 0
	f.push, err = rtmp.Dial(t.Context(), url, about)
	return f, err
}

// newPattern returns an encoder that is not connected.
func newPattern(t *testing.T, width, height int) *encoder {
	t.Helper()
	video, err := testpattern.NewVideo(testpattern.VideoConfig{Width: width, Height: height, Keyframe: time.Hour}) // besides those asked for
	if err != nil {
		t.Fatal(err)
	}
	return &encoder{video: video}
}

func (f *encoder) next() (units [][]byte, keyframe bool) {
	unit, keyframe := f.video.Frame(uint32(f.n), time.Unix(0, 0), f.n%25 == 0 && !f.intra)
	f.n++
	for _, u := range bytes.Split(unit, []byte{0, 0, 1}) {
		if u = bytes.TrimRight(u, "\x00"); len(u) > 0 {
			units = append(units, u)
		}
	}
	if f.filler != nil {
		units = append(units, f.filler)
	}
	return units, keyframe
}

func (f *encoder) send(pictures int) error {
	for range pictures {
		at := time.Duration(f.n) * 40 * time.Millisecond
		units, keyframe := f.next()
		if err := f.push.Video(at, keyframe, units); err != nil {
			return err
		}
		if err := f.push.Audio(at, []byte{0x21, 0x10, 0x04, 0x60, 0x8c, 0x1c}); err != nil {
			return err
		}
	}
	return nil
}

func (s *fixture) get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	if res.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%s is not for every page", url)
	}
	return res.StatusCode, string(b)
}

// runFFmpeg publishes to the channel with ffmpeg, with options for x264, until the test ends.
func (s *fixture) runFFmpeg(t *testing.T, options ...string) {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("there is no ffmpeg")
	}
	args := []string{"-v", "error", "-re", "-f", "lavfi", "-i", "testsrc=size=320x180:rate=30", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
		"-c:v", "libx264", "-preset", "veryfast", "-g", "50", "-pix_fmt", "yuv420p"}
	args = append(args, options...)
	args = append(args, "-c:a", "aac", "-b:a", "160k", "-ac", "2", "-t", "60", "-f", "flv", s.ingest())
	runTool(t, "ffmpeg", args...)
}

// runTool runs a program until the end of the test. What it said is logged if that fails.
func runTool(t *testing.T, name string, args ...string) {
	t.Helper()
	var said logBuffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s: %s", name, &said)
		}
	})
}

// ingest is what an encoder is set to.
func (s *fixture) ingest() string { return s.scheme + "://" + s.address + "/app/" + s.key }

// refusals are the counts of the metrics, by reason, or by name where they have none.
func (s *fixture) refusals(t *testing.T) map[string]float64 {
	t.Helper()
	families, err := s.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if len(m.GetLabel()) == 0 {
				counts[f.GetName()] = m.GetCounter().GetValue()
				continue
			}
			counts[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
		}
	}
	return counts
}
