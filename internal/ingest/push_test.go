package ingest_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rostrum/internal/channel"
	"rostrum/internal/ivs"
	"rostrum/internal/outbound"
	"rostrum/internal/rtmp"
	"rostrum/internal/store"
)

const peerKey = "key-of-the-peer"

// A peer is another platform that streams are pushed to.
type peer struct {
	net.Listener
	keys   chan string
	frames chan rtmp.Frame

	mu    sync.Mutex
	conns []net.Conn
}

func openPeer(t *testing.T, l net.Listener, authorize func() error) *peer {
	t.Helper()
	p := &peer{Listener: l, keys: make(chan string, 100), frames: make(chan rtmp.Frame, 10_000)}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.mu.Lock()
			p.conns = append(p.conns, conn)
			p.mu.Unlock()
			all.Go(func() {
				defer conn.Close()
				in, err := rtmp.Accept(conn, func(application, key string) error {
					p.keys <- application + "/" + key
					return authorize()
				})
				for err == nil {
					var f rtmp.Frame
					if f, err = in.Next(); err == nil {
						p.frames <- f
					}
				}
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.closeAll()
		all.Wait()
	})
	return p
}

func (p *peer) closeAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func accept() error { return nil }

// pushTo configures a channel to push to a peer of this machine.
func pushTo(address string, logged *logBuffer) func(*fixture, *channel.Config) {
	return func(s *fixture, cfg *channel.Config) {
		s.channel.Tags[ivs.TagPushURL] = address + "/live/" + peerKey
		cfg.PushPrivate, cfg.Log = true, slog.New(slog.NewTextHandler(logged, nil))
	}
}

// logBuffer collects log lines.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *logBuffer) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(b)
}

func (w *logBuffer) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// broadcast has an encoder send to the channel until the test ends.
func (s *fixture) publishUntilEnd(t *testing.T) {
	t.Helper()
	f, err := s.publish(t, s.key)
	if err != nil {
		t.Fatal(err)
	}
	f.sendUntilEnd(t)
}

// sendUntilEnd sends until the test ends.
func (f *encoder) sendUntilEnd(t *testing.T) {
	t.Helper()
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for f.send(1) == nil {
			select {
			case <-time.After(10 * time.Millisecond): // four times real time
			case <-stop:
				_ = f.push.Close()
				return
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-ended })
}

// pushed returns the state of the push that the channel stores.
func (s *fixture) pushed(t *testing.T) (p *store.Push) {
	t.Helper()
	err := s.store.Read(t.Context(), func(tx *store.Tx) error {
		c, err := tx.Channels().Get(s.channel.ARN)
		if err == nil {
			p = c.Push
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func count(text, part string) int { return strings.Count(text, part+"; ") }

func TestPush_ForwardsAStreamAndReconnects(t *testing.T) {
	there := openPeer(t, listen(t), accept)
	var logged logBuffer
	s := start(t, pushTo("rtmp://"+there.Addr().String(), &logged))
	s.publishUntilEnd(t)
	await(t, "the peer has it", func() bool { return count(s.events(t), "Push Started") == 1 })
	if key := <-there.keys; key != "live/"+peerKey {
		t.Errorf("the peer was asked for %s", key)
	}
	kinds, last := map[rtmp.FrameKind]int{}, time.Duration(-1)
	for range 60 {
		got := <-there.frames
		kinds[got.Kind]++
		if got.Decode < last {
			t.Errorf("a frame at %s follows one at %s", got.Decode, last)
		}
		last = got.Decode
	}
	if kinds[rtmp.VideoConfig] != 1 || kinds[rtmp.AudioConfig] != 1 || kinds[rtmp.Video] < 20 || kinds[rtmp.Audio] < 20 {
		t.Errorf("the peer got %v", kinds)
	}
	if stats := s.channels.Stats(); len(stats) != 1 || stats[0].Push == nil || !stats[0].Push.Up || stats[0].Push.Reconnects != 0 {
		t.Errorf("the statistics are %+v", stats)
	}

	if p := s.pushed(t); p == nil || !p.Up || p.Host != there.Addr().String() || p.Since.IsZero() {
		t.Errorf("the channel says of its push: %+v", p)
	}
	there.closeAll()
	await(t, "the peer has it again", func() bool { return count(s.events(t), "Push Started") == 2 })
	if got := s.events(t); !strings.Contains(got, "Push Started; Push Interrupted; Push Started; ") {
		t.Errorf("it happened: %s", got)
	}
	if show, ok := s.stream(t); !ok || show.Health != ivs.Healthy {
		t.Errorf("meanwhile the channel was %+v", show)
	}
	if !s.stopStream(t) {
		t.Error("nothing to stop")
	}
	if p := s.pushed(t); p != nil {
		t.Errorf("after its end the channel says of its push: %+v", p)
	}
	if got := s.events(t); !strings.HasSuffix(got, "Push Ended; Stream End; Session Ended; ") {
		t.Errorf("it happened: %s", got)
	}
	if text := logged.String() + s.details(t); strings.Contains(text, peerKey) || !strings.Contains(text, there.Addr().String()) {
		t.Errorf("log and events show the peer's key, or not its address:\n%s", text)
	}
}

func TestPush_PreservesPresentationTimes(t *testing.T) {
	there := openPeer(t, listen(t), accept)
	s := start(t, pushTo("rtmp://"+there.Addr().String(), new(logBuffer)))
	s.runFFmpeg(t, "-bf", "2")
	shifts := map[time.Duration]int{}
	for len(shifts) < 3 {
		if got := <-there.frames; got.Kind == rtmp.Video {
			shifts[got.Present-got.Decode]++
			if got.Present < got.Decode {
				t.Fatalf("a picture is decoded at %s and shown at %s", got.Decode, got.Present)
			}
		}
	}
}

func TestPush_ReportsRefusalsWithoutTheKey(t *testing.T) {
	there := openPeer(t, listen(t), func() error { return errors.New("nobody has the key " + peerKey) })
	var logged logBuffer
	s := start(t, pushTo("rtmp://"+there.Addr().String(), &logged))
	s.publishUntilEnd(t)
	await(t, "a refusal", func() bool { return count(s.events(t), "Push Interrupted") == 1 })
	if text := logged.String() + s.details(t); strings.Contains(text, peerKey) || !strings.Contains(text, "nobody has the key ***") {
		t.Errorf("log and events say:\n%s", text)
	}
	if p := s.pushed(t); p == nil || p.Up || !strings.Contains(p.Reason, "nobody has the key ***") {
		t.Errorf("the channel says of its push: %+v", p)
	}
}

func TestPush_RefusesPrivateAddressesUnlessAllowed(t *testing.T) {
	var reached atomic.Bool
	there := openPeer(t, listen(t), func() error { reached.Store(true); return nil })
	_, port, _ := net.SplitHostPort(there.Addr().String())
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"} {
		s := start(t, pushTo("rtmp://"+host+":"+port, new(logBuffer)), func(_ *fixture, cfg *channel.Config) { cfg.PushPrivate = false })
		s.publishUntilEnd(t)
		await(t, "a refusal", func() bool { return count(s.events(t), "Push Interrupted") == 1 })
		if text := s.details(t); reached.Load() || !strings.Contains(text, outbound.ErrPrivate.Error()) || strings.Contains(text, "127.0.0.1:"+port+":") {
			t.Errorf("%s: reached %v, the events say %s", host, reached.Load(), text)
		}
	}
}

func TestPush_VerifiesTLSCertificates(t *testing.T) {
	certified := httptest.NewUnstartedServer(nil)
	certified.StartTLS()
	defer certified.Close()
	roots := x509.NewCertPool()
	roots.AddCert(certified.Certificate())
	there := openPeer(t, tls.NewListener(listen(t), &tls.Config{Certificates: certified.TLS.Certificates}), accept)
	for _, known := range []bool{true, false} {
		s := start(t, pushTo("rtmps://"+there.Addr().String(), new(logBuffer)), func(_ *fixture, cfg *channel.Config) {
			if known {
				cfg.PushTLS = &tls.Config{RootCAs: roots}
			}
		})
		s.publishUntilEnd(t)
		expected := map[bool]string{true: "Push Started", false: "Push Interrupted"}[known]
		await(t, expected, func() bool { return count(s.events(t), expected) == 1 })
		if text := s.details(t); !known && !strings.Contains(text, "certificate") {
			t.Errorf("a peer that nobody vouches for: %s", text)
		}
	}
}

func TestPush_StalledPeerBlocksNothing(t *testing.T) {
	there := openPeer(t, listen(t), accept)
	s := start(t, pushTo("rtmp://"+there.Addr().String(), new(logBuffer)))
	there.frames <- rtmp.Frame{} // a peer that reads nothing: its queue is full
	for len(there.frames) < cap(there.frames) {
		there.frames <- rtmp.Frame{}
	}
	t.Cleanup(func() {
		for len(there.frames) > 0 {
			<-there.frames
		}
	})
	f, err := s.publish(t, s.key)
	if err != nil {
		t.Fatal(err)
	}
	f.filler = append([]byte{12}, bytes.Repeat([]byte{0xff}, 100<<10)...) // more than a connection holds
	f.sendUntilEnd(t)
	await(t, "frames are dropped", func() bool {
		stats := s.channels.Stats()
		return len(stats) == 1 && stats[0].Push.Dropped > 0
	})
	if show, ok := s.stream(t); !ok || show.Health != ivs.Healthy {
		t.Errorf("meanwhile the channel is %+v", show)
	}
	began := time.Now()
	s.stopStream(t)
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("its end took %s", took)
	}
}

func TestPush_IsReceivedByFFmpeg(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("there is no ffmpeg")
	}
	l := listen(t)
	address := "rtmp://" + l.Addr().String()
	l.Close()
	var out logBuffer
	startFFmpeg := func() *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-listen", "1", "-i", address+"/live/"+peerKey, "-c", "copy", "-f", "framecrc", "-")
		cmd.Stdout = &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	there := startFFmpeg()
	defer func() { _ = there.Process.Kill(); _ = there.Wait() }()
	s := start(t, pushTo(address, new(logBuffer)))
	s.publishUntilEnd(t)
	await(t, "ffmpeg has pictures", func() bool { return strings.Count(out.String(), "\n0, ") > 20 })
	_ = there.Process.Kill()
	_ = there.Wait()
	before := strings.Count(out.String(), "\n0, ")
	there = startFFmpeg()
	await(t, "another ffmpeg has pictures", func() bool { return strings.Count(out.String(), "\n0, ") > before+20 })
	if got := s.events(t); !strings.Contains(got, "Push Interrupted; Push Started; ") {
		t.Errorf("it happened: %s", got)
	}
}
