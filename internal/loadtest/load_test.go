package loadtest

import (
	"context"
	"fmt"
	"net"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtp/codecs"

	"rostrum/internal/media"
	"rostrum/realtime"
	"rostrum/test/reference"
)

// serveReference serves the reference forwarder.
func serveReference(t *testing.T) *httptest.Server {
	t.Helper()
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
	return web
}

func TestRun_MeasuresAForwarder(t *testing.T) {
	web := serveReference(t)
	clip, err := NewClip(ClipConfig{Width: 320, Height: 180, Bitrate: 300_000})
	if err != nil {
		t.Fatal(err)
	}
	m, err := Open(t.Context(), Plan{
		Publish: []realtime.Endpoint{{URL: web.URL + "/whip/1"}, {URL: web.URL + "/whip/2"}},
		Subscribe: func(_, n int) realtime.Endpoint {
			return realtime.Endpoint{URL: fmt.Sprintf("%s/whep/%d", web.URL, n+1)}
		},
		Clip: clip, PID: os.Getpid(),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := m.Join(t.Context(), 3, 0); err != nil {
		t.Fatal(err)
	}
	passed := make(chan []ReceiverStats)
	go func() { passed <- m.JoinBriefly(t.Context(), 4, time.Second, 500*time.Millisecond) }()
	enough := func(r Report) bool { return r.Pictures >= 10 && r.Packets >= 6*60 }
	rep, err := m.Measure(t.Context(), 2*time.Second)
	for tries := 1; err == nil && !enough(rep) && tries < 5; tries++ { // on a busy machine
		rep, err = m.Measure(t.Context(), 2*time.Second)
	}
	if err != nil {
		t.Fatal(err)
	}
	if all := <-passed; len(all) != 8 || all[0].FirstPicture == 0 {
		t.Errorf("%d joined briefly, the first with %+v: expected 8 with a picture", len(all), all)
	}
	if rep.Subscriptions != 6 || len(rep.Failures) > 0 {
		t.Errorf("%d subscriptions, failures %q: expected 6 and none", rep.Subscriptions, rep.Failures)
	}
	if !enough(rep) {
		t.Errorf("%.1f pictures and %.0f packets a second: expected about 30 and 500", rep.Pictures, rep.Packets)
	}
	for name, s := range map[string]Spread{"latency": rep.Latency, "first packet": rep.FirstPacket, "first picture": rep.FirstPicture} {
		if s.P50 <= 0 || s.P99 < s.P50 || s.Max < s.P99 {
			t.Errorf("%s %+v: expected rising times", name, s)
		}
	}
	if usageOf(os.Getpid()).known && (rep.Cores == nil || *rep.Cores <= 0) {
		t.Errorf("the CPU time of process %d is missing", os.Getpid())
	}
}

func TestLoad_CountsViewersThatDidNotJoin(t *testing.T) {
	web := serveReference(t)
	clip, err := NewClip(ClipConfig{Width: 320, Height: 180, Bitrate: 300_000})
	if err != nil {
		t.Fatal(err)
	}
	m, err := Open(t.Context(), Plan{
		Publish: []realtime.Endpoint{{URL: web.URL + "/whip/1"}},
		Subscribe: func(viewer, _ int) realtime.Endpoint {
			return realtime.Endpoint{URL: fmt.Sprintf("%s/whep/%d", web.URL, 1+viewer)}
		},
		Clip: clip,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	if err := m.Join(t.Context(), 3, 0); err != nil {
		t.Fatal(err)
	}
	rep, err := m.Measure(t.Context(), time.Second)
	if err != nil || rep.Viewers != 3 || rep.Subscriptions > 1 || len(rep.Failures) == 0 {
		t.Errorf("%v: %d of %d, failures %q: expected 1 of 3, and why", err, rep.Subscriptions, rep.Viewers, rep.Failures)
	}
}

func TestLoad_NoticesTheEndOfTheServersProcess(t *testing.T) {
	if !usageOf(os.Getpid()).known {
		t.Skip("the usage of processes is unknown on this system")
	}
	server := exec.CommandContext(t.Context(), "sleep", "60")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	m, err := Open(t.Context(), Plan{PID: server.Process.Pid})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	if _, err := m.Measure(t.Context(), time.Millisecond); err != nil {
		t.Errorf("while it runs: %v", err)
	}
	time.AfterFunc(100*time.Millisecond, func() { _ = server.Process.Kill() })
	if _, err := m.Measure(t.Context(), time.Second); err == nil {
		t.Error("it ended while it was measured: expected an error")
	}
	_ = server.Wait() // it was killed
	if _, err := Open(t.Context(), Plan{PID: server.Process.Pid}); err == nil {
		t.Error("a process that does not exist: expected an error")
	}
}

func TestPool_ReturnsTheErrorOfARefusal(t *testing.T) {
	forwarder, err := reference.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(forwarder)
	t.Cleanup(web.Close)
	pool, err := NewPool(NetworkConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := pool.Receive(ctx, realtime.Endpoint{URL: web.URL + "/whep/nobody"}, nil); err == nil {
		t.Error("a stream that does not exist was received")
	}
}

func TestStream_CountsMissingPackets(t *testing.T) {
	tests := []struct {
		name     string
		sequence []uint16
		lost     uint64
	}{
		{"no packet", nil, 0},
		{"all received", []uint16{7, 8, 9}, 0},
		{"one is missing", []uint16{7, 9, 10}, 1},
		{"one is late", []uint16{7, 9, 8, 10}, 0},
		{"the number wraps", []uint16{65534, 65535, 0, 2}, 1},
		{"one before the first came after it", []uint16{0, 65535, 1}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var l stream
			for _, n := range tt.sequence {
				l.take(1, n, time.Now())
			}
			if got := l.lost(); got != tt.lost {
				t.Errorf("lost %d, expected %d", got, tt.lost)
			}
		})
	}
}

func TestStream_ResetsItsLosses(t *testing.T) {
	var l stream
	for _, n := range []uint16{1, 2, 5} {
		l.take(1, n, time.Now())
	}
	l.reset()
	for _, n := range []uint16{6, 8} {
		l.take(1, n, time.Now())
	}
	if got := l.lost(); got != 1 {
		t.Errorf("lost %d since the reset, expected 1", got)
	}
}

func TestStream_RequestsMissingPackets(t *testing.T) {
	var l stream
	now := time.Now()
	for _, n := range []uint16{1, 4} {
		l.take(1, n, now)
	}
	if got := l.due(nil, now); len(got) != 0 {
		t.Errorf("requested %d at once, expected to wait for reordered packets", got)
	}
	now = now.Add(reorderWait)
	if got := l.due(nil, now); !slices.Equal(got, []uint16{2, 3}) {
		t.Errorf("requested %d, expected 2 and 3", got)
	}
	l.fill(1<<16 | 2)
	if got := l.due(nil, now.Add(nackInterval)); !slices.Equal(got, []uint16{3}) {
		t.Errorf("requested %d again, expected 3", got)
	}
	for range maxTries {
		now = now.Add(nackInterval)
		l.due(nil, now)
	}
	if len(l.missing) != 0 {
		t.Errorf("%d are still missing, expected none after %d tries", len(l.missing), maxTries)
	}
	if l.lost() != 2 || l.repaired != 1 {
		t.Errorf("lost %d, repaired %d; expected 2 and 1", l.lost(), l.repaired)
	}
}

func TestReceiver_ReadsTransportWideNumbers(t *testing.T) {
	packet := func(extension ...byte) []byte {
		b := []byte{0x90, 102, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0xbe, 0xde, 0, byte(len(extension) / 4)}
		return append(append(b, extension...), 9, 9, 9)
	}
	tests := []struct {
		name   string
		packet []byte
		number uint16
		ok     bool
	}{
		{"alone", packet(0x31, 1, 2, 0), 258, true},
		{"behind another and padding", packet(0x10, 7, 0, 0x31, 1, 2, 0, 0), 258, true},
		{"another's", packet(0x11, 1, 2, 0), 0, false},
		{"no extension", []byte{0x80, 102, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 5, 5, 5, 5, 5, 5}, 0, false},
		{"a length beyond the packet", []byte{0x90, 102, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0xbe, 0xde, 9, 9, 0x31, 1}, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &Receiver{server: answer{transport: 3}, arrivals: twcc.NewRecorder(1)}
			if n, ok := r.numbered(tt.packet); n != tt.number || ok != tt.ok {
				t.Errorf("%d %v, expected %d %v", n, ok, tt.number, tt.ok)
			}
		})
	}
}

func TestNewClip_HasTheSizesOfTheSpecifiedLoad(t *testing.T) {
	clip, err := NewClip(ClipConfig{})
	if err != nil {
		t.Fatal(err)
	}
	packets := 0
	payloader := &codecs.H264Payloader{}
	for i, unit := range clip.layers[0].units {
		all := payloader.Payload(1160, unit)
		if i == 0 && !beginsKeyframe(all[0]) {
			t.Error("the first picture is no keyframe")
		}
		packets += len(all)
	}
	// 2.5 Mbit/s in packets of 1,200 bytes: 256 a second, and the parameter sets.
	if packets != 2*256+1 {
		t.Errorf("%d packets in two seconds, expected 513", packets)
	}
}

func TestPool_LosesAndDelaysPackets(t *testing.T) {
	web := serveReference(t)
	clip, err := NewClip(ClipConfig{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := Open(t.Context(), Plan{
		Publish:   []realtime.Endpoint{{URL: web.URL + "/whip/1"}},
		Subscribe: func(int, int) realtime.Endpoint { return realtime.Endpoint{URL: web.URL + "/whep/1"} },
		Clip:      clip, Network: NetworkConfig{Loss: 0.1, Delay: 30 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	if err := m.Join(t.Context(), 5, 0); err != nil {
		t.Fatal(err)
	}
	rep, err := m.Measure(t.Context(), 3*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if rep.Subscriptions != 5 {
		t.Fatalf("%d joined (%q), expected 5", rep.Subscriptions, rep.Failures)
	}
	if rep.Lost < 0.05 || rep.Lost > 0.15 || rep.Missing > rep.Lost/3 || rep.Retransmitted == 0 {
		t.Errorf("lost %.3f, missing %.3f, retransmitted %.3f: expected a tenth, video repaired and a sixth of audio not", rep.Lost, rep.Missing, rep.Retransmitted)
	}
	if rep.Latency.P50 < 30 {
		t.Errorf("latency p50 %.1f ms, expected at least the network's 30", rep.Latency.P50)
	}
}

func TestKindOf_KnowsTheOfferedTypes(t *testing.T) {
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
			t.Errorf("%+v was accepted", a)
		}
	})
}

func FuzzDemultiplex(f *testing.F) {
	f.Add([]byte{0x80, 102, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 5, 5})
	if check, err := makeCheck("a:b", "password"); err == nil {
		f.Add(check)
	}
	f.Add([]byte{22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{0x90, 102, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0xbe, 0xde, 0, 1, 0x31, 0, 7, 0})
	socket, err := dialSocket(netip.MustParseAddrPort("127.0.0.1:9"), true)
	if err != nil {
		f.Fatal(err)
	}
	defer func() { _ = socket.close() }()
	f.Fuzz(func(t *testing.T, b []byte) {
		r := &Receiver{
			pool: &Pool{}, checked: make(chan struct{}), socket: socket, offered: time.Now(),
			server: answer{transport: 3}, arrivals: twcc.NewRecorder(1),
		}
		r.records = newRecords(r)
		for range maxEarly + 1 {
			r.demultiplex(b, time.Now())
		}
		if len(r.early) > maxEarly {
			t.Errorf("%d packets kept, expected at most %d", len(r.early), maxEarly)
		}
		r.inspect(b, true, time.Now())
		for _, p := range r.arrivals.BuildFeedbackPacket() {
			if _, err := p.Marshal(); err != nil {
				t.Errorf("feedback on %x: %v", b, err)
			}
		}
	})
}
