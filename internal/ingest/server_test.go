package ingest_test

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"rostrum/internal/channel"
	"rostrum/internal/ivs"
	"rostrum/internal/rtmp"
	"rostrum/internal/store"
)

const composition = "arn:aws:ivs:eu-west-1:111122223333:composition/aBcDeFgHiJkL"

func TestServer_PublishesAnEncodersStream(t *testing.T) {
	s := start(t)
	_, playlist := s.channels.Addresses(s.channel.ARN)
	if status, _ := s.get(t, playlist); status != http.StatusNotFound {
		t.Errorf("an offline channel is answered by %d", status)
	}
	f, err := s.publish(t, s.key)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.send(200); err != nil {
		t.Fatal(err)
	}
	await(t, "live", func() bool { _, ok := s.stream(t); return ok })
	status, body := s.get(t, playlist)
	if status != 200 || !strings.Contains(body, "CODECS=\"avc1.") || !strings.Contains(body, "viewer=") {
		t.Errorf("the playlist is %d %s", status, body)
	}
	show, _ := s.stream(t)
	if show.State != ivs.Live || show.Health != ivs.Healthy || show.ViewerCount != 1 || len(show.StreamID) != 26 || show.PlaybackURL != playlist {
		t.Errorf("the stream is %+v", show)
	}
	if status, _ := s.get(t, strings.Replace(playlist, "index.m3u8", "nothing.mp4", 1)); status != http.StatusNotFound {
		t.Errorf("a file that isn't there is answered by %d", status)
	}
	if _, err := s.publish(t, s.key); !errors.Is(err, rtmp.ErrRefused) || !strings.Contains(err.Error(), channel.ErrLive.Error()) {
		t.Errorf("a second encoder is answered by %v", err)
	}
	if _, _, err := s.channels.Reserve(t.Context(), s.channel.ARN, composition); err == nil || !strings.Contains(err.Error(), show.StreamID) {
		t.Errorf("a live channel was reserved, or the stream is not named: %v", err)
	}
	if !s.stopStream(t) {
		t.Error("nothing to stop")
	}
	await(t, "off air", func() bool { return strings.HasSuffix(s.events(t), "Session Ended; ") })
	if got := s.events(t); got != "Session Created; Stream Start; Stream End; Session Ended; " {
		t.Errorf("it happened: %s", got)
	}
	_ = f.push.Close()
	address, release, err := s.channels.Reserve(t.Context(), s.channel.ARN, composition)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.channels.Reserve(t.Context(), s.channel.ARN, "another"); err == nil || !strings.Contains(err.Error(), composition) {
		t.Errorf("a reserved channel was reserved again, or the composition is not named: %v", err)
	}
	ticket := address[strings.LastIndexByte(address, '/')+1:]
	f, err = s.publish(t, ticket)
	if err != nil {
		t.Fatalf("with a ticket: %v", err)
	}
	_ = f.push.Close()
	await(t, "off air again", func() bool { return strings.Count(s.events(t), "Session Ended") == 2 })
	release()
	if _, err := s.publish(t, ticket); !errors.Is(err, rtmp.ErrRefused) {
		t.Errorf("with a ticket that was given back: %v", err)
	}
}

const wrongKey = "sk_eu-west-1_abcdefghijkl_wrong"

// Fifteen encoders are connected before the first of them has given its key.
func TestServer_AnswersManyWrongKeysOfOneAddressLate(t *testing.T) {
	s := start(t)
	errs := make(chan error)
	for range 15 {
		go func() {
			_, err := s.publish(t, wrongKey)
			errs <- err
		}()
	}
	for range 10 {
		if err := <-errs; !errors.Is(err, rtmp.ErrRefused) || strings.Contains(err.Error(), "slow") {
			t.Errorf("a wrong key is answered by %v", err)
		}
	}
	// Five encoders wait for their answer. They are in nobody's way.
	began := time.Now()
	if _, err := s.publish(t, s.key); err != nil {
		t.Errorf("the right key from the same address is answered by %v", err)
	}
	s.stopStream(t)
	address, release, err := s.channels.Reserve(t.Context(), s.channel.ARN, composition)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if _, err := publishTo(t, address); err != nil {
		t.Errorf("a composition of this server is answered by %v", err)
	}
	select {
	case err := <-errs:
		t.Errorf("the eleventh wrong key is answered at once, %s after the right one: %v", time.Since(began), err)
	default:
	}
	for range 5 {
		if err := <-errs; !errors.Is(err, rtmp.ErrRefused) || !strings.Contains(err.Error(), "many wrong keys came from this address") {
			t.Errorf("a wrong key after too many is answered by %v", err)
		}
	}
	if got := s.refusals(t); got["wrong_key"] != 10 || got["wrong_key_slowed"] != 5 {
		t.Errorf("the metrics count %v", got)
	}
	if n := strings.Count(s.logged.String(), "many wrong stream keys"); n != 1 {
		t.Errorf("the operator is told %d times:\n%s", n, &s.logged)
	}
}

func TestServer_SilentConnectionsLeaveRoomForEncoders(t *testing.T) {
	s := start(t, func(s *fixture, _ *channel.Config) { s.max = 64 }) // 16 without a key, 2 of one address
	e, err := s.publish(t, s.key)
	if err != nil {
		t.Fatal(err)
	}
	e.sendUntilEnd(t)
	await(t, "live", func() bool { _, ok := s.stream(t); return ok })
	silent := make([]net.Conn, 40)
	for i := range silent {
		if silent[i], err = net.Dial("tcp", s.address); err != nil {
			t.Fatal(err)
		}
		defer silent[i].Close()
	}
	await(t, "silent connections are closed", func() bool { return s.refusals(t)["rostrum_ingest_evicted_total"] == 38 })
	second, err := s.publish(t, s.addChannel(t))
	if err != nil {
		t.Fatalf("an encoder among silent connections: %v", err)
	}
	_ = second.push.Close()
	if _, ok := s.stream(t); !ok {
		t.Error("the encoder on air was closed to make room")
	}
}

func TestServer_BoundsEncodersOnAir(t *testing.T) {
	s := start(t, func(s *fixture, _ *channel.Config) { s.max = 2 }) // one on air
	first, err := s.publish(t, s.key)
	if err != nil {
		t.Fatal(err)
	}
	other := s.addChannel(t)
	if _, err := s.publish(t, other); !errors.Is(err, rtmp.ErrRefused) || !strings.Contains(err.Error(), channel.ErrFull.Error()) {
		t.Errorf("one encoder too many is answered by %v", err)
	}
	_ = first.push.Close()
	await(t, "room for another", func() bool {
		e, err := s.publish(t, other)
		if err == nil {
			_ = e.push.Close()
		}
		return err == nil
	})
}

func TestServer_ReceivesFromFFmpegForFFprobe(t *testing.T) {
	for _, change := range []func(*fixture, *channel.Config){overTCP, overTLS} {
		var logged logBuffer
		s := start(t, change, func(_ *fixture, cfg *channel.Config) { cfg.Log = slog.New(slog.NewTextHandler(&logged, nil)) })
		t.Run(s.scheme, s.showFFprobe)
		if strings.Contains(logged.String(), "part duration") {
			t.Errorf("iOS would not play it: %s", &logged)
		}
	}
}

func (s *fixture) showFFprobe(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("ffprobe"); err != nil {
		t.Skip("there is no ffprobe")
	}
	s.runFFmpeg(t, "-bf", "2", "-profile:v", "high") // as OBS does
	await(t, "live", func() bool { _, ok := s.stream(t); return ok })
	_, playlist := s.channels.Addresses(s.channel.ARN)
	out, err := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-read_intervals", "%+2", "-count_packets", "-show_entries", "stream=codec_name,width,sample_rate,has_b_frames", "-of", "csv=p=0", playlist).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "h264,320,2") || !strings.Contains(string(out), "aac,48000") {
		t.Errorf("ffprobe: %v\n%s", err, out)
	}
}

func TestServer_TellsFFmpegThatItsKeyIsWrong(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("there is no ffmpeg")
	}
	s := start(t)
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "verbose", "-f", "lavfi", "-i", "testsrc=size=320x180", "-c:v", "libx264", "-t", "5",
		"-f", "flv", "rtmp://"+s.address+"/app/sk_eu-west-1_abcdefghijkl_wrong").CombinedOutput()
	if err == nil || !strings.Contains(string(out), channel.ErrKey.Error()) {
		t.Errorf("ffmpeg with a wrong key: %v\n%s", err, out)
	}
}

func TestServer_SaysWhichCodecItDoesNotTake(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("there is no ffmpeg")
	}
	for codecs, reason := range map[string]string{
		"-c:v flv1 -c:a aac":                 "only H.264 video is supported, not FLV's video codec 2",
		"-c:v libx264 -c:a libmp3lame -ac 2": "only AAC and Opus audio are supported, not FLV's audio codec 2",
	} {
		s := start(t)
		args := "-v verbose -re -f lavfi -i testsrc=size=320x180 -f lavfi -i sine=r=44100 " + codecs + " -t 20 -f flv " + s.ingest()
		out, err := exec.CommandContext(t.Context(), "ffmpeg", strings.Fields(args)...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), reason) {
			t.Errorf("ffmpeg %s: %v\n%s", codecs, err, out)
		}
		await(t, "the end", func() bool { return strings.HasSuffix(s.events(t), "Session Ended; ") })
		if got := s.details(t); !strings.Contains(got, `"Stream Failure"`) || !strings.Contains(got, reason) {
			t.Errorf("it happened: %s", got)
		}
	}
}

// Encoders divide the path of their address differently.
func TestServer_TakesEachFormOfAddress(t *testing.T) {
	s := start(t)
	for _, path := range []string{"/app/KEY", "/app/KEY?priority=1", "//app//KEY", "//KEY"} {
		address := "rtmp://" + s.address + strings.Replace(path, "KEY", s.key, 1)
		await(t, "publishing to "+path, func() bool { // once the one before has ended
			e, err := publishTo(t, address)
			if err == nil {
				_ = e.push.Close()
			}
			return err == nil
		})
	}
}

// elsewhere returns an address of this machine that is not loopback, as if a connection
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

func TestServer_RefusesPlainRTMPFromOtherMachines(t *testing.T) {
	at := elsewhere(t)
	for _, allowed := range []bool{false, true} {
		s := start(t, func(s *fixture, _ *channel.Config) { s.host, s.channel.InsecureIngest = at, allowed })
		f, err := s.publish(t, s.key)
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

func TestServer_KeepsAStreamWhoseKeyIsDeletedUntilItIsStopped(t *testing.T) {
	s := start(t)
	f, err := s.publish(t, s.key)
	if err != nil {
		t.Fatal(err)
	}
	f.sendUntilEnd(t)
	await(t, "live", func() bool { _, ok := s.stream(t); return ok })
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
	if _, err := s.publish(t, s.key); !errors.Is(err, rtmp.ErrRefused) || !strings.Contains(err.Error(), channel.ErrKey.Error()) {
		t.Errorf("the deleted key is answered by %v", err)
	}
	if _, ok := s.stream(t); !ok {
		t.Error("the stream ended with its key")
	}
	s.stopStream(t)
	if _, ok := s.stream(t); ok {
		t.Error("the channel is live though it was stopped")
	}
}

func TestServer_ReportsStarvationAndReplacesASilentEncoder(t *testing.T) {
	s := start(t)
	f, err := s.publish(t, s.key)
	if err != nil {
		t.Fatal(err)
	}
	defer f.push.Close()
	if err := f.send(50); err != nil {
		t.Fatal(err)
	}
	await(t, "starving", func() bool { return strings.HasSuffix(s.events(t), "Starvation Start; ") })
	if show, ok := s.stream(t); !ok || show.Health != ivs.Starving {
		t.Errorf("the stream is %+v", show)
	}
	if streams, _, err := s.channels.Streams(t.Context(), store.Owner{Account: "111122223333", Region: "eu-west-1"}, ivs.Starving, store.Page{Limit: 10}); err != nil || len(streams) != 1 {
		t.Errorf("%d streams are listed as starving, expected 1", len(streams))
	}
	if err := f.send(25); err != nil {
		t.Fatal(err)
	}
	await(t, "well again", func() bool { return strings.HasSuffix(s.events(t), "Starvation End; ") })
	if _, err := s.publish(t, s.key); !errors.Is(err, rtmp.ErrRefused) {
		t.Errorf("a second encoder beside one that sends: %v", err)
	}
	var again *encoder
	await(t, "room for another", func() bool { again, err = s.publish(t, s.key); return err == nil })
	again.sendUntilEnd(t)
	await(t, "live again", func() bool { return strings.HasSuffix(s.events(t), "Session Created; Stream Start; ") })
	expected := "Session Created; Stream Start; Starvation Start; Starvation End; "
	if got := s.events(t); !strings.HasPrefix(got, expected) || !strings.Contains(got, "Stream End; Session Ended; Session Created; Stream Start; ") {
		t.Errorf("it happened: %s", got)
	}
}

func TestServer_EnforcesLimitsOfEncoders(t *testing.T) {
	limited := func(change func(*channel.Config)) *fixture {
		return start(t, func(_ *fixture, cfg *channel.Config) { change(cfg) })
	}
	t.Run("streams at once", func(t *testing.T) {
		s := limited(func(cfg *channel.Config) { cfg.Streams = 1 })
		if _, err := s.publish(t, s.key); err != nil {
			t.Fatal(err)
		}
		second := s.addChannel(t)
		for range 3 { // it is told once
			if _, err := s.publish(t, second); !errors.Is(err, rtmp.ErrRefused) || !strings.Contains(err.Error(), channel.ErrFull.Error()) {
				t.Errorf("one more than may be live is answered by %v", err)
			}
		}
		if got := strings.Count(s.details(t), `{"limit_name":"Concurrent Broadcasts","limit_value":1,"exceeded_by":1,"limit_unit":"Count"}`); got != 1 {
			t.Errorf("it was told %d times: %s", got, s.details(t))
		}
	})
	t.Run("pixels", func(t *testing.T) {
		s := limited(func(cfg *channel.Config) { cfg.Pixels = 320*180 - 1 })
		if _, err := s.publish(t, s.key); err != nil && !errors.Is(err, rtmp.ErrRefused) { // it may read the answer before its first frame is sent
			t.Fatal(err)
		}
		await(t, "the end", func() bool { return strings.HasSuffix(s.events(t), "Session Ended; ") })
		if got := s.details(t); !strings.Contains(got, `{"limit_name":"Ingest Resolution","limit_value":57599,"exceeded_by":1,"limit_unit":"Pixels","channel_name":"show"`) ||
			!strings.Contains(got, "a video size of 320x180") {
			t.Errorf("it happened: %s", got)
		}
	})
	t.Run("pixels of a keyframe", func(t *testing.T) {
		s := limited(func(cfg *channel.Config) { cfg.Pixels = 320 * 180 })
		e, err := s.publish(t, s.key)
		if err != nil {
			t.Fatal(err)
		}
		larger, _ := newPattern(t, 640, 360).next()
		e.filler = larger[0] // an SPS besides that of the configuration
		for n := 0; n < 2000 && e.send(1) == nil; n++ {
			time.Sleep(time.Millisecond)
		}
		await(t, "the end", func() bool { return strings.HasSuffix(s.events(t), "Session Ended; ") })
		if got := s.details(t); !strings.Contains(got, `{"limit_name":"Ingest Resolution","limit_value":57600,"exceeded_by":172800,"limit_unit":"Pixels"`) ||
			!strings.Contains(got, "a video size of 640x360") {
			t.Errorf("it happened: %s", got)
		}
	})
	t.Run("bits a second", func(t *testing.T) {
		s := limited(func(cfg *channel.Config) { cfg.Bitrate = 1000 })
		s.publishUntilEnd(t)
		await(t, "the end", func() bool { return strings.HasSuffix(s.events(t), "Stream End; Session Ended; ") })
		if got := s.details(t); strings.Count(got, `{"limit_name":"Ingest Bitrate","limit_value":1000,`) != 1 {
			t.Errorf("it happened: %s", got)
		}
	})
}
