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
	"rostrum/internal/peer/pattern"
	"rostrum/internal/rtmp"
	"rostrum/internal/store"
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
	err = st.Write(t.Context(), func(tx *store.Tx) error {
		return errors.Join(
			tx.Channels().Create(&store.Channel{Channel: s.channel}),
			tx.StreamKeys().Create(&ivs.StreamKey{ARN: arn.New(arn.StreamKey, "111122223333", "eu-west-1").String(), Value: s.key, ChannelARN: s.channel.ARN}))
	})
	if err != nil {
		t.Fatal(err)
	}
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
	video *pattern.Video
	push  *rtmp.Push
	n     int

	filler []byte // a NAL unit that goes with each picture; nil for none
}

func (s *studio) send(t *testing.T, key string) (*film, error) {
	t.Helper()
	video, err := pattern.NewVideo(pattern.VideoConfig{Width: 320, Height: 180})
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

func TestDoor_PutsAnEncoderOnAir(t *testing.T) {
	s := openStudio(t)
	_, playlist := s.channels.Addresses(s.channel.ARN)
	if status, _ := s.get(t, playlist); status != http.StatusNotFound {
		t.Errorf("an offline channel is answered by %d", status)
	}
	f, err := s.send(t, s.key)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.roll(200); err != nil {
		t.Fatal(err)
	}
	await(t, "live", func() bool { _, ok := s.channels.Stream(s.channel.ARN); return ok })
	status, body := s.get(t, playlist)
	if status != 200 || !strings.Contains(body, "CODECS=\"avc1.") || !strings.Contains(body, "viewer=") {
		t.Errorf("the playlist is %d %s", status, body)
	}
	show, _ := s.channels.Stream(s.channel.ARN)
	if show.State != ivs.Live || show.Health != ivs.Healthy || show.ViewerCount != 1 || len(show.StreamID) != 26 || show.PlaybackURL != playlist {
		t.Errorf("the stream is %+v", show)
	}
	if status, _ := s.get(t, strings.Replace(playlist, "index.m3u8", "nothing.mp4", 1)); status != http.StatusNotFound {
		t.Errorf("a file that isn't there is answered by %d", status)
	}
	if _, err := s.send(t, s.key); !errors.Is(err, rtmp.ErrRefused) || !strings.Contains(err.Error(), channel.ErrLive.Error()) {
		t.Errorf("a second encoder is answered by %v", err)
	}
	if _, _, err := s.channels.Reserve(t.Context(), s.channel.ARN); err == nil {
		t.Error("a live channel was reserved")
	}
	if !s.channels.Stop(t.Context(), s.channel.ARN) {
		t.Error("nothing to stop")
	}
	await(t, "off air", func() bool { return strings.HasSuffix(s.events(t), "Session Ended; ") })
	if got := s.events(t); got != "Session Created; Stream Start; Stream End; Session Ended; " {
		t.Errorf("it happened: %s", got)
	}
	_ = f.push.Close()
	address, release, err := s.channels.Reserve(t.Context(), s.channel.ARN)
	if err != nil {
		t.Fatal(err)
	}
	ticket := address[strings.LastIndexByte(address, '/')+1:]
	f, err = s.send(t, ticket)
	if err != nil {
		t.Fatalf("with a ticket: %v", err)
	}
	_ = f.push.Close()
	await(t, "off air again", func() bool { return strings.Count(s.events(t), "Session Ended") == 2 })
	release()
	if _, err := s.send(t, ticket); !errors.Is(err, rtmp.ErrRefused) {
		t.Errorf("with a ticket that was given back: %v", err)
	}
}

func TestDoor_RefusesKeysItDoesNotKnow(t *testing.T) {
	s := openStudio(t)
	refused := 0
	for range 12 {
		_, err := s.send(t, "sk_eu-west-1_abcdefghijkl_wrong")
		if err == nil {
			t.Fatal("a wrong key was taken")
		}
		if errors.Is(err, rtmp.ErrRefused) {
			refused++
		}
	}
	if refused != 10 {
		t.Errorf("%d wrong keys were answered before the door stayed shut, expected 10", refused)
	}
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

func TestDoor_TakesFFmpegAndShowsItToFFprobe(t *testing.T) {
	for _, change := range []func(*studio, *channel.Config){plainly, byTLS} {
		var logged words
		s := openStudio(t, change, func(_ *studio, cfg *channel.Config) { cfg.Log = slog.New(slog.NewTextHandler(&logged, nil)) })
		t.Run(s.scheme, s.showFFprobe)
		if strings.Contains(logged.String(), "part duration") {
			t.Errorf("iOS would not play it: %s", &logged)
		}
	}
}

func (s *studio) showFFprobe(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("ffprobe"); err != nil {
		t.Skip("there is no ffprobe")
	}
	s.encode(t, "-bf", "2", "-profile:v", "high") // as OBS does
	await(t, "live", func() bool { _, ok := s.channels.Stream(s.channel.ARN); return ok })
	_, playlist := s.channels.Addresses(s.channel.ARN)
	out, err := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-read_intervals", "%+2", "-count_packets", "-show_entries", "stream=codec_name,width,sample_rate,has_b_frames", "-of", "csv=p=0", playlist).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "h264,320,2") || !strings.Contains(string(out), "aac,48000") {
		t.Errorf("ffprobe: %v\n%s", err, out)
	}
}

func TestDoor_TellsFFmpegThatItsKeyIsWrong(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("there is no ffmpeg")
	}
	s := openStudio(t)
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "verbose", "-f", "lavfi", "-i", "testsrc=size=320x180", "-c:v", "libx264", "-t", "5",
		"-f", "flv", "rtmp://"+s.address+"/app/sk_eu-west-1_abcdefghijkl_wrong").CombinedOutput()
	if err == nil || !strings.Contains(string(out), channel.ErrKey.Error()) {
		t.Errorf("ffmpeg with a wrong key: %v\n%s", err, out)
	}
}

// elsewhere is an address of this machine that is not loopback, as if a connection
// came from another.
func elsewhere(t *testing.T) string {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() && n.IP.To4() != nil {
			return n.IP.String()
		}
	}
	t.Skip("this machine has no address but loopback")
	return ""
}

func TestDoor_TakesNoKeyInTheClear(t *testing.T) {
	at := elsewhere(t)
	for _, allowed := range []bool{false, true} {
		s := openStudio(t, func(s *studio, _ *channel.Config) { s.host, s.channel.InsecureIngest = at, allowed })
		f, err := s.send(t, s.key)
		if allowed {
			if err != nil {
				t.Errorf("plain RTMP to a channel with insecureIngest: %v", err)
				continue
			}
			_ = f.push.Close()
		} else if !errors.Is(err, rtmp.ErrRefused) || !strings.Contains(err.Error(), channel.ErrInsecure.Error()) {
			t.Errorf("plain RTMP from another machine: %v", err)
		}
	}
}

func TestDoor_LeavesAStreamWhoseKeyIsDeletedUntilItIsStopped(t *testing.T) {
	s := openStudio(t)
	f, err := s.send(t, s.key)
	if err != nil {
		t.Fatal(err)
	}
	f.keepRolling(t)
	await(t, "live", func() bool { _, ok := s.channels.Stream(s.channel.ARN); return ok })
	err = s.store.Write(t.Context(), func(tx *store.Tx) error {
		keys, _, err := tx.StreamKeys().List(store.Owner{Account: "111122223333", Region: "eu-west-1"}, store.Filter{}, store.Page{Limit: 1})
		if err != nil {
			return err
		}
		return tx.StreamKeys().Delete(keys[0].ARN)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.send(t, s.key); !errors.Is(err, rtmp.ErrRefused) || !strings.Contains(err.Error(), channel.ErrKey.Error()) {
		t.Errorf("the deleted key is answered by %v", err)
	}
	if _, ok := s.channels.Stream(s.channel.ARN); !ok {
		t.Error("the stream ended with its key")
	}
	s.channels.Stop(t.Context(), s.channel.ARN)
	if _, ok := s.channels.Stream(s.channel.ARN); ok {
		t.Error("the channel is live though it was stopped")
	}
}

func TestDoor_TellsThatAnEncoderStarvesAndMakesRoomWhenItComesBack(t *testing.T) {
	s := openStudio(t)
	f, err := s.send(t, s.key)
	if err != nil {
		t.Fatal(err)
	}
	defer f.push.Close()
	if err := f.roll(50); err != nil {
		t.Fatal(err)
	}
	await(t, "starving", func() bool { return strings.HasSuffix(s.events(t), "Starvation Start; ") })
	if show, ok := s.channels.Stream(s.channel.ARN); !ok || show.Health != ivs.Starving {
		t.Errorf("the stream is %+v", show)
	}
	if streams, _ := s.channels.Streams(store.Owner{Account: "111122223333", Region: "eu-west-1"}, ivs.Starving, store.Page{Limit: 10}); len(streams) != 1 {
		t.Errorf("%d streams are listed as starving, expected 1", len(streams))
	}
	if err := f.roll(25); err != nil {
		t.Fatal(err)
	}
	await(t, "well again", func() bool { return strings.HasSuffix(s.events(t), "Starvation End; ") })
	if _, err := s.send(t, s.key); !errors.Is(err, rtmp.ErrRefused) {
		t.Errorf("a second encoder beside one that sends: %v", err)
	}
	var again *film
	await(t, "room for another", func() bool { again, err = s.send(t, s.key); return err == nil })
	again.keepRolling(t)
	await(t, "live again", func() bool { return strings.HasSuffix(s.events(t), "Session Created; Stream Start; ") })
	expected := "Session Created; Stream Start; Starvation Start; Starvation End; "
	if got := s.events(t); !strings.HasPrefix(got, expected) || !strings.Contains(got, "Stream End; Session Ended; Session Created; Stream Start; ") {
		t.Errorf("it happened: %s", got)
	}
}

func TestRegistry_EndsWhatACrashLeftLive(t *testing.T) {
	s := openStudio(t)
	err := s.store.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Channels().Update(s.channel.ARN, func(c *store.Channel) error { c.StreamID = "st-before"; return nil })
		return errors.Join(err, tx.Hold(s.channel.ARN, "dead"))
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := channel.Open(t.Context(), s.store, channel.Config{Node: "next"}); err != nil {
		t.Fatal(err)
	}
	if got := s.events(t); got != "Stream End; Session Ended; " {
		t.Errorf("it happened: %s", got)
	}
}
