package load

import (
	"context"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"rostrum/internal/media"
	"rostrum/internal/peer"
	"rostrum/test/reference"
)

func TestRun_MeasuresAForwarder(t *testing.T) {
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	forwarder, err := reference.New(socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = forwarder.Close() })
	web := httptest.NewServer(forwarder)
	t.Cleanup(web.Close)
	clip, err := NewClip(ClipConfig{Width: 320, Height: 180, Bitrate: 300_000})
	if err != nil {
		t.Fatal(err)
	}
	rep, err := Run(t.Context(), Plan{
		Publish:   []peer.Endpoint{{URL: web.URL + "/whip/1"}, {URL: web.URL + "/whip/2"}},
		Subscribe: func(_, n int) peer.Endpoint { return peer.Endpoint{URL: fmt.Sprintf("%s/whep/%d", web.URL, n+1)} },
		Viewers:   3, Duration: 2 * time.Second, Clip: clip, PID: os.Getpid(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if rep.Subscriptions != 6 || len(rep.Failures) > 0 {
		t.Errorf("%d subscriptions, failures %q: expected 6 and none", rep.Subscriptions, rep.Failures)
	}
	if rep.Pictures < 10 || rep.Packets < 6*60 {
		t.Errorf("%.1f pictures and %.0f packets a second: expected about 30 and 500", rep.Pictures, rep.Packets)
	}
	for name, s := range map[string]Spread{"latency": rep.Latency, "first packet": rep.FirstPacket, "first picture": rep.FirstPicture} {
		if s.P50 <= 0 || s.P99 < s.P50 || s.Max < s.P99 {
			t.Errorf("%s %+v: expected rising times", name, s)
		}
	}
	if usageOf(os.Getpid()).known && (rep.Cores == nil || *rep.Cores <= 0) {
		t.Errorf("no use of processors told of process %d", os.Getpid())
	}
}

func TestReceive_TellsWhyItWasRefused(t *testing.T) {
	forwarder, err := reference.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(forwarder)
	t.Cleanup(web.Close)
	crowd, err := NewCrowd()
	if err != nil {
		t.Fatal(err)
	}
	defer crowd.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := crowd.Receive(ctx, peer.Endpoint{URL: web.URL + "/whep/nobody"}, nil); err == nil {
		t.Error("a stream that isn't there was received")
	}
}

func TestLine_CountsWhatIsMissing(t *testing.T) {
	tests := []struct {
		name     string
		sequence []uint16
		lost     uint64
	}{
		{"nothing came", nil, 0},
		{"all came", []uint16{7, 8, 9}, 0},
		{"one is missing", []uint16{7, 9, 10}, 1},
		{"one came late", []uint16{7, 9, 8, 10}, 0},
		{"the number wraps", []uint16{65534, 65535, 0, 2}, 1},
		{"one before the first came after it", []uint16{0, 65535, 1}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var l line
			for _, n := range tt.sequence {
				l.take(1, n)
			}
			if got := l.lost(); got != tt.lost {
				t.Errorf("lost %d, expected %d", got, tt.lost)
			}
		})
	}
}

func TestLine_ForgetsWhatWasLostBefore(t *testing.T) {
	var l line
	for _, n := range []uint16{1, 2, 5} {
		l.take(1, n)
	}
	l.reset()
	for _, n := range []uint16{6, 8} {
		l.take(1, n)
	}
	if got := l.lost(); got != 1 {
		t.Errorf("lost %d since the reset, expected 1", got)
	}
}

func TestKindOf_KnowsWhatWasOffered(t *testing.T) {
	if k, ok := kindOf(opusType); !ok || k != media.Audio {
		t.Errorf("type %d is %v %v, expected audio", opusType, k, ok)
	}
	for _, p := range profiles {
		if k, ok := kindOf(p.pt); !ok || k != media.Video {
			t.Errorf("type %d is %v %v, expected video", p.pt, k, ok)
		}
		if _, ok := kindOf(p.pt + 1); ok {
			t.Errorf("type %d is a medium, expected a retransmission", p.pt+1)
		}
	}
}

func TestReadAnswer(t *testing.T) {
	tests := []struct {
		name, sdp string
		addr      string // empty is an error
	}{
		{"UDP after TCP", "a=ice-ufrag:u\r\na=ice-pwd:p\r\na=candidate:1 1 tcp 1 127.0.0.1 9 typ host tcptype passive\r\na=candidate:2 1 udp 2 127.0.0.1 7081 typ host\r\n", "127.0.0.1:7081"},
		{"IPv6", "a=ice-ufrag:u\na=ice-pwd:p\na=candidate:2 1 UDP 2 fd00::2 7081 typ host\n", "[fd00::2]:7081"},
		{"no candidate", "a=ice-ufrag:u\r\na=ice-pwd:p\r\n", ""},
		{"no password", "a=ice-ufrag:u\r\na=candidate:2 1 udp 2 127.0.0.1 7081 typ host\r\n", ""},
		{"a name for an address", "a=ice-ufrag:u\r\na=ice-pwd:p\r\na=candidate:2 1 udp 2 there.local 7081 typ host\r\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, err := readAnswer(tt.sdp)
			if got := a.addr.String(); tt.addr == "" && err == nil || tt.addr != "" && got != tt.addr {
				t.Errorf("address %s, error %v; expected %q", got, err, tt.addr)
			}
		})
	}
}

func FuzzReadAnswer(f *testing.F) {
	f.Add("a=ice-ufrag:u\r\na=ice-pwd:p\r\na=candidate:2 1 udp 2 127.0.0.1 7081 typ host\r\n")
	f.Fuzz(func(t *testing.T, sdp string) {
		if a, err := readAnswer(sdp); err == nil && (!a.addr.IsValid() || a.ufrag == "") {
			t.Errorf("%+v was taken for whole", a)
		}
	})
}

func FuzzSort(f *testing.F) {
	f.Add([]byte{0x80, 102, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 5, 5})
	if check, err := makeCheck("a:b", "password"); err == nil {
		f.Add(check)
	}
	f.Add([]byte{22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	socket, err := net.DialUDP("udp4", nil, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9})
	if err != nil {
		f.Fatal(err)
	}
	defer socket.Close()
	f.Fuzz(func(t *testing.T, b []byte) {
		r := &Receiver{checked: make(chan struct{}), records: newRecords(nil), socket: socket, offered: time.Now()}
		for range maxEarly + 1 {
			r.sort(b, time.Now())
		}
		if len(r.early) > maxEarly {
			t.Errorf("%d packets kept, expected at most %d", len(r.early), maxEarly)
		}
		r.look(b, true, time.Now())
	})
}
