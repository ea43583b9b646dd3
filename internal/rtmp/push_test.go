package rtmp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/bytecounter"
	"github.com/bluenviron/gortmplib/pkg/codecs"
	"github.com/bluenviron/gortmplib/pkg/handshake"

	"rostrum/internal/testpattern"
)

var stream = Stream{
	Sets: [][]byte{
		{0x67, 0x42, 0xc0, 0x28, 0xd9, 0x00, 0x78, 0x02, 0x27, 0xe5, 0x84, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0xf0, 0x3c, 0x60, 0xc9, 0x20},
		{0x68, 0xce, 0x3c, 0x80},
	},
	Audio: []byte{0x11, 0x90, 0x56, 0xe5, 0x00},
}

// serve runs one connection of a server.
func serve(t *testing.T, handle func(*gortmplib.ServerConn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-ended })
	go func() {
		defer close(ended)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Error(err)
		}
		sc := &gortmplib.ServerConn{RW: c}
		if err := sc.Initialize(); err != nil {
			t.Errorf("server: %v", err)
			return
		}
		handle(sc)
	}()
	return l.Addr().String()
}

func TestPush_SendsVideoAndAudio(t *testing.T) {
	type arrival struct {
		kind string
		at   time.Duration
	}
	arrivals := make(chan arrival, 100)
	url := make(chan string, 1)
	address := serve(t, func(sc *gortmplib.ServerConn) {
		defer close(arrivals)
		if err := sc.Accept(); err != nil {
			t.Errorf("server: %v", err)
			return
		}
		url <- sc.URL.String()
		r := gortmplib.Reader{Conn: sc}
		if err := r.Initialize(); err != nil {
			t.Errorf("server: %v", err)
			return
		}
		for _, track := range r.Tracks() {
			switch track.Codec.(type) {
			case *codecs.H264:
				r.OnDataH264(track, func(pts, _ time.Duration, _ [][]byte) { arrivals <- arrival{"video", pts} })
			case *codecs.MPEG4Audio:
				r.OnDataMPEG4Audio(track, func(pts time.Duration, _ []byte) { arrivals <- arrival{"audio", pts} })
			}
		}
		for r.Read() == nil {
		}
	})
	p, err := Dial(context.Background(), "rtmp://"+address+"/app/sk_key", stream)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if err := p.Video(time.Duration(i)*40*time.Millisecond, true, append(stream.Sets[:2:2], []byte{0x65, 1, 2, 3})); err != nil {
			t.Fatal(err)
		}
		if err := p.Audio(time.Duration(i)*40*time.Millisecond, []byte{1, 2, 3}); err != nil {
			t.Fatal(err)
		}
	}
	if u := <-url; !strings.HasSuffix(u, "/app/sk_key") && !strings.HasSuffix(u, "/app#sk_key") {
		t.Errorf("the server was asked for %s", u)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	last := map[string]time.Duration{}
	for a := range arrivals {
		last[a.kind] = a.at
	}
	if last["video"] != 3960*time.Millisecond || last["audio"] != 3960*time.Millisecond {
		t.Errorf("the last that arrived are %v, want both at 3.96 s", last)
	}
}

func TestPush_IsAcceptedByFFmpeg(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("there is no ffmpeg")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	cmd := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-listen", "1", "-i", "rtmp://"+address+"/app/key", "-c", "copy", "-f", "framecrc", "-")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var p *Push
	pattern, err := testpattern.NewVideo(testpattern.VideoConfig{Width: 320, Height: 180})
	if err != nil {
		t.Fatal(err)
	}
	picture := func(n int) (units [][]byte, keyframe bool) {
		unit, keyframe := pattern.Frame(uint32(n), time.Unix(0, 0), false)
		for _, u := range bytes.Split(unit, []byte{0, 0, 1}) {
			if u = bytes.TrimRight(u, "\x00"); len(u) > 0 {
				units = append(units, u)
			}
		}
		return units, keyframe
	}
	first, _ := picture(0)
	description := stream
	description.Sets = nil
	for _, u := range first {
		switch u[0] & 0x1f {
		case 7, 8:
			description.Sets = append(description.Sets, u)
		}
	}
	for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) { // until it listens
		if p, err = Dial(t.Context(), "rtmp://"+address+"/app/key", description); err == nil || time.Since(begin) > 10*time.Second {
			break
		}
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for i := range 300 {
		units, keyframe := first, true
		if i > 0 {
			units, keyframe = picture(i)
		}
		if err := p.Video(time.Duration(i)*40*time.Millisecond, keyframe, units); err != nil {
			t.Fatal(err)
		}
		if err := p.Audio(time.Duration(i)*40*time.Millisecond, []byte{0x21, 0x10, 0x04, 0x60, 0x8c, 0x1c}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, &out)
	}
	if n := strings.Count(out.String(), "\n0, "); n != 300 {
		t.Errorf("ffmpeg got %d pictures of 300:\n%.500s", n, &out)
	}
}

func TestPush_DoesNotReportAFaultAsRefusal(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	l.Close()
	if _, err := Dial(context.Background(), "rtmp://"+closed+"/app/sk_secret", stream); err == nil || errors.Is(err, ErrRefused) || strings.Contains(err.Error(), "secret") {
		t.Errorf("nobody listens: %v", err)
	}
}

func TestPush_RefusesAddressesWithoutAKey(t *testing.T) {
	for _, a := range []string{"http://host/app/key", "rtmp://host/app/", "rtmp://host/app", "rtmp:///app/key", "rtmp://host:port/x"} {
		if _, err := Dial(context.Background(), a, stream); err == nil {
			t.Errorf("%s was dialled", a)
		}
	}
}

func FuzzCheck(f *testing.F) {
	for _, a := range []string{"rtmps://live.example:443/app/secret", "rtmp://me:secret@host/app/key", "rtmp://[::1]/app/secret?x=y", "://secret", "rtmp://host/a/b/%zz"} {
		f.Add(a)
	}
	f.Fuzz(func(t *testing.T, address string) {
		err := Check(address)
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error contains the key: %v", address, err)
		}
		u, key, failed := splitAddress(address)
		if err == nil && (failed != nil || key == "" || u.Host == "" || u.User != nil) {
			t.Errorf("%q passes and is split into %v, %q, %v", address, u, key, failed)
		}
	})
}

func TestPush_ClosesWhenAServerExceedsBounds(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	defer func() { l.Close(); <-ended }()
	go func() {
		defer close(ended)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		if _, _, err := handshake.DoServer(bytecounter.NewReadWriter(c), false); err != nil {
			return
		}
		// A command of 16 MiB that never ends.
		_, _ = c.Write([]byte{3, 0, 0, 0, 0xff, 0xff, 0xff, commandAMF0, 0, 0, 0, 0})
		_, _ = io.Copy(io.Discard, c)
	}()
	_, err = Dial(t.Context(), "rtmp://"+l.Addr().String()+"/app/key", stream)
	if err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("the connection was kept: %v", err)
	}
}
