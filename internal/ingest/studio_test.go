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

	"rostrum/internal/arn"
	"rostrum/internal/channel"
	"rostrum/internal/ingest"
	"rostrum/internal/ivs"
	"rostrum/internal/rtmp"
	"rostrum/internal/store"
	"rostrum/internal/testpattern"
)

// A studio is a channel with its door and its viewers' side.
type studio struct {
	store    *store.Store
	channels *channel.Registry
	address  string // of the door
	playback *httptest.Server
	channel  ivs.Channel
	key      string
	scheme   string // rtmp or rtmps
	host     string // that it listens at
}

func openStudio(t *testing.T, change ...func(*studio, *channel.Config)) *studio {
	t.Helper()
	st, err := store.Open(t.Context(), store.Config{Ephemeral: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	s := &studio{store: st, key: "sk_eu-west-1_abcdefghijkl_secret", scheme: "rtmp", host: "127.0.0.1"}
	s.channel = ivs.Channel{ARN: arn.New(arn.Channel, "111122223333", "eu-west-1").String(), Name: "show", Tags: map[string]string{}}
	cfg := channel.Config{Node: "here"}
	var secure *tls.Config
	for _, c := range change {
		c(s, &cfg)
	}
	if s.scheme == "rtmps" {
		secure = &tls.Config{Certificates: certificates(t)}
	}
	s.keep(t, s.channel, s.key)
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
	s.channels, err = channel.Open(t.Context(), st, cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() {
		done <- ingest.New(s.channels, slog.New(slog.NewTextHandler(io.Discard, nil))).Serve(ctx, l, secure)
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		_ = s.channels.Close()
	})
	return s
}

// keep makes a channel that a key opens.
func (s *studio) keep(t *testing.T, c ivs.Channel, key string) {
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

// furnish makes another channel of the account, and tells its key.
func (s *studio) furnish(t *testing.T) (key string) {
	t.Helper()
	key = "sk_eu-west-1_mnopqrstuvwx_secret"
	s.keep(t, ivs.Channel{ARN: arn.New(arn.Channel, "111122223333", "eu-west-1").String(), Name: "other", Tags: map[string]string{}}, key)
	return key
}

// certificates are of a server that nobody vouches for.
func certificates(t *testing.T) []tls.Certificate {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	defer s.Close()
	return s.TLS.Certificates
}

// byTLS has a studio's door speak RTMPS.
func byTLS(s *studio, _ *channel.Config) { s.scheme = "rtmps" }

func plainly(*studio, *channel.Config) {}

// await asks until it is so.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within 20 s", what)
		}
	}
}

// events are the names of what happened, in order.
func (s *studio) events(t *testing.T) (names string) {
	t.Helper()
	for line := range strings.Lines(s.details(t)) {
		_, rest, _ := strings.Cut(line, `"event_name":"`)
		name, _, _ := strings.Cut(rest, `"`)
		names += name + "; "
	}
	return names
}

// details are the events' details, a line for each.
func (s *studio) details(t *testing.T) (lines string) {
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

// A film is what a test sends.
type film struct {
	video *testpattern.Video
	push  *rtmp.Push
	n     int

	filler []byte // a NAL unit that goes with each picture; nil for none
}

func (s *studio) send(t *testing.T, key string) (*film, error) {
	t.Helper()
	video, err := testpattern.NewVideo(testpattern.VideoConfig{Width: 320, Height: 180})
	if err != nil {
		t.Fatal(err)
	}
	f := &film{video: video}
	first, _ := f.next()
	about := rtmp.Stream{Audio: []byte{0x11, 0x90}, Width: 320, Height: 180, FrameRate: 25}
	for _, u := range first {
		switch u[0] & 0x1f {
		case 7:
			about.SPS = u
		case 8:
			about.PPS = u
		}
	}
	f.n = 0
	f.push, err = rtmp.Dial(t.Context(), "rtmp://"+s.address+"/app/"+key, about)
	return f, err
}

func (f *film) next() (units [][]byte, keyframe bool) {
	unit, keyframe := f.video.Frame(uint32(f.n), time.Unix(0, 0), f.n%25 == 0)
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

func (f *film) roll(pictures int) error {
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

func (s *studio) get(t *testing.T, url string) (status int, body string) {
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

// encode has ffmpeg send to the channel, with options for x264, until the test ends.
func (s *studio) encode(t *testing.T, options ...string) {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("there is no ffmpeg")
	}
	args := []string{"-v", "error", "-re", "-f", "lavfi", "-i", "testsrc=size=320x180:rate=30", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
		"-c:v", "libx264", "-preset", "veryfast", "-g", "50", "-pix_fmt", "yuv420p"}
	args = append(args, options...)
	args = append(args, "-c:a", "aac", "-b:a", "160k", "-ac", "2", "-t", "60", "-f", "flv", s.ingest())
	var said words
	send := exec.CommandContext(t.Context(), "ffmpeg", args...)
	send.Stderr = &said
	if err := send.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = send.Process.Kill()
		_ = send.Wait()
		if t.Failed() {
			t.Logf("ffmpeg: %s", &said)
		}
	})
}

// ingest is what an encoder is set to.
func (s *studio) ingest() string { return s.scheme + "://" + s.address + "/app/" + s.key }
