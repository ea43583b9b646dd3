package netem

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rostrum/internal/quality"
	"rostrum/internal/testpattern"
)

// A misfortune is one cause of bad media. Each has a stage of its own on one server.
type misfortune struct {
	code quality.Code
	sent bool // or it is of what a participant receives
	// suffer makes it, and returns whose media are bad from then on.
	suffer func(w *testbed) (user string)

	stage *testbed
	user  string
	since time.Time
}

// causesLimit is how long it may take on a busy machine until a cause is named first.
const causesLimit = time.Minute

func TestQuality_NamesFirstWhatWasMadeToHappen(t *testing.T) {
	needBrowsers(t)
	near := []*misfortune{ // on a good network
		{code: quality.LayerLimit, suffer: preferLowLayer},
		{code: quality.MissingCodec, suffer: lackCodec},
		{code: quality.KeyframeWait, suffer: waitForKeyframe}, // last: its video has to age
	}
	far := []*misfortune{
		{code: quality.SendLoss, sent: true, suffer: publishFromFar},
		{code: quality.Estimate, suffer: watchFromFar},
	}
	last := &misfortune{code: quality.Node, sent: true, suffer: stopServer}
	w := newEmptyTestbed(t, 4*time.Minute)
	for _, m := range near {
		m.stage = w.onNewStage()
	}
	publishOneKeyframe(near[len(near)-1].stage)
	for _, m := range near {
		m.begin()
	}
	for _, m := range far {
		m.stage = w.onNewStage()
		m.begin()
		m.expect(t)
		w.path.set(conditions{})
	}
	for _, m := range near {
		m.expect(t)
	}
	last.stage = w.onNewStage()
	last.begin()
	last.expect(t)
}

// onNewStage is the testbed with another stage.
func (w *testbed) onNewStage() *testbed {
	stage := *w
	stage.newStage()
	return &stage
}

func (m *misfortune) begin() {
	m.user = m.suffer(m.stage)
	m.since = time.Now()
}

// expect waits until two samples say what happened, and what they show has the cause first.
func (m *misfortune) expect(t *testing.T) {
	t.Helper()
	began := time.Now()
	for {
		got := m.stage.explain(m.user, m.since)
		samples := got.Received
		if m.sent {
			samples = got.Sent
		}
		if len(samples) >= 2 && len(got.Causes) > 0 && got.Causes[0].Code == m.code {
			t.Logf("%s, after %v: %s", m.code, time.Since(m.since).Round(time.Second), got.Causes[0].Detail)
			return
		}
		if time.Since(began) > causesLimit {
			t.Errorf("expected %s as the first cause, got %+v of %s", m.code, got.Causes, samples)
			return
		}
		time.Sleep(time.Second)
	}
}

// publishFromFar publishes from the far end of a path that loses packets.
func publishFromFar(w *testbed) string {
	w.path.set(conditions{loss: 0.08, delay: 10 * time.Millisecond})
	w.server = w.viewer
	w.publishes()
	return "publisher"
}

// watchFromFar watches at the far end of a path that becomes narrow.
func watchFromFar(w *testbed) string {
	w.publishes("--simulcast", "--size", "1280x720")
	w.watches().shows()
	w.path.set(conditions{rate: 300e3, delay: 15 * time.Millisecond})
	return "viewer"
}

// preferLowLayer watches a smaller layer than the network carries.
func preferLowLayer(w *testbed) string {
	w.publishes("--simulcast", "--size", "1280x720")
	w.subscribes("--layer", "low")
	return "viewer"
}

// publishOneKeyframe publishes a file, whose only keyframe is its first picture: no request can
// bring another.
func publishOneKeyframe(w *testbed) {
	const fps = 15
	pattern, err := testpattern.NewVideo(testpattern.VideoConfig{Width: 320, Height: 176, FPS: fps, Bitrate: 150_000, Keyframe: time.Hour})
	if err != nil {
		w.Fatal(err)
	}
	var video []byte
	for n := range uint32(4 * 60 * fps) {
		data, _ := pattern.Frame(n, time.Unix(0, 0), false)
		video = append(video, data...)
	}
	file := filepath.Join(w.TempDir(), "one-keyframe.h264")
	if err := os.WriteFile(file, video, 0o600); err != nil {
		w.Fatal(err)
	}
	w.publishes("--fps", "15", file)
	w.published = time.Now()
}

// waitForKeyframe watches what has one, once it is too old to be sent again.
func waitForKeyframe(w *testbed) string {
	time.Sleep(time.Until(w.published.Add(11 * time.Second)))
	w.subscribes()
	return "viewer"
}

// subscribes receives next to the server.
func (w *testbed) subscribes(flags ...string) {
	w.Helper()
	flags = append([]string{"subscribe", "--json", "--network", "udp", "--token", w.token("viewer")}, append(flags, w.publisher)...)
	connected := make(chan struct{}, 1)
	w.lines(w.in(w.server, w.binary, flags...), func(line []byte) {
		select {
		case connected <- struct{}{}:
		default:
		}
	})
	select {
	case <-connected:
	case <-w.ctx.Done():
		w.Fatal("nobody subscribed")
	}
}

// lackCodec watches H.264 in a browser that offers another codec.
func lackCodec(w *testbed) string {
	w.publishes()
	w.viewer = w.server
	w.newClicker().order(click{Codec: "VP8", Limit: int((4 * time.Minute).Milliseconds())})
	return "clicker"
}

// stopServer has the server's process stand still for some seconds.
func stopServer(w *testbed) string {
	w.publishes()
	for _, s := range []unix.Signal{unix.SIGSTOP, unix.SIGCONT} {
		if err := w.process.Signal(s); err != nil {
			w.Fatal(err)
		}
		if s == unix.SIGSTOP {
			time.Sleep(3 * time.Second)
		}
	}
	return "publisher"
}
