package realtime_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"rostrum/internal/media"
	"rostrum/internal/sfu"
	"rostrum/realtime"
)

// An engineServer serves WHIP and WHEP for a media engine, without stages or tokens.
type engineServer struct {
	engine *sfu.Engine
	router *sfu.Router
	viewer *sfu.Viewer

	mu        sync.Mutex
	publisher *sfu.Publisher
	patches   map[string]func(string, bool) (string, error)
}

func newEngineServer(t *testing.T, cfg sfu.Config) *httptest.Server {
	t.Helper()
	cfg.Shards = 1
	engine, err := sfu.Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	e := &engineServer{engine: engine, router: engine.NewRouter(sfu.RouterConfig{}), patches: map[string]func(string, bool) (string, error){}}
	e.viewer = e.router.NewViewer("bob")
	mux := http.NewServeMux()
	mux.HandleFunc("POST /whip", func(w http.ResponseWriter, r *http.Request) {
		offer, _ := io.ReadAll(r.Body)
		p, answer, err := e.router.Publish(string(offer), sfu.PublishConfig{Participant: "alice"})
		if err == nil {
			e.publisher, e.patches["/sessions/alice"] = p, p.Patch
		}
		e.created(w, "/sessions/alice", answer, err)
	})
	mux.HandleFunc("POST /whep", func(w http.ResponseWriter, r *http.Request) {
		offer, _ := io.ReadAll(r.Body)
		s, answer, err := e.viewer.Subscribe(e.publisher, string(offer), sfu.SubscribeConfig{})
		if err == nil {
			e.patches["/sessions/bob"] = s.Patch
		}
		e.created(w, "/sessions/bob", answer, err)
	})
	mux.HandleFunc("PATCH /sessions/{id}", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-Match") != "*" || r.Header.Get("Content-Type") != "application/trickle-ice-sdpfrag" {
			t.Errorf("PATCH with %v", r.Header)
		}
		fragment, _ := io.ReadAll(r.Body)
		answer, err := e.patches[r.URL.Path](string(fragment), true)
		if err != nil || answer == "" {
			t.Errorf("PATCH with %q gives %q, %v", fragment, answer, err)
		}
		fmt.Fprint(w, answer)
	})
	mux.HandleFunc("DELETE /sessions/{id}", func(http.ResponseWriter, *http.Request) {})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		defer e.mu.Unlock()
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		s.Close()
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (e *engineServer) created(w http.ResponseWriter, location, answer string, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	w.Header().Set("Location", location)
	w.Header().Set("ETag", `"x"`)
	for _, r := range e.engine.TURNServers("alice", time.Minute) {
		reachable := strings.Replace(r.URL, unreachable, "127.0.0.1", 1)
		w.Header().Add("Link", fmt.Sprintf("<%s>; rel=\"ice-server\"; username=%q; credential=%q", reachable, r.Username, r.Credential))
	}
	w.WriteHeader(http.StatusCreated)
	fmt.Fprint(w, answer)
}

// unreachable is an address for documentation (RFC 5737).
const unreachable = "192.0.2.1"

// The server's own addresses are unreachable, by UDP and TCP.
func TestPublish_UsesTURNWhenNothingElseIsReachable(t *testing.T) {
	for network, within := range map[realtime.Network]time.Duration{realtime.AnyNetwork: 2 * time.Second, realtime.UDPOnly: 2 * time.Second} {
		t.Run(string(network), func(t *testing.T) {
			s := newEngineServer(t, sfu.Config{Advertise: []netip.Addr{netip.MustParseAddr(unreachable)}})
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			var video *realtime.LocalTrack
			var pub *realtime.Publication
			for tries := 1; ; tries++ { // the machine may be busy: one of three is in time
				video = realtime.NewTrack(media.H264)
				began := time.Now()
				var err error
				pub, err = realtime.Publish(ctx, realtime.Endpoint{URL: s.URL + "/whip"}, realtime.PublishConfig{Network: network}, realtime.NewTrack(media.Opus), video)
				if err != nil {
					t.Fatal(err)
				}
				took := time.Since(began)
				t.Logf("connected after %v", took.Round(time.Millisecond))
				if took <= within {
					break
				}
				if tries == 3 {
					t.Fatalf("connected after %v, want %v", took, within)
				}
				if err := pub.Close(); err != nil {
					t.Fatal(err)
				}
			}
			sending, stop := context.WithCancel(ctx)
			var sender sync.WaitGroup
			sender.Go(func() { send(sending, t, video) })
			frames := make(chan realtime.Received, 1000)
			sub, err := realtime.Subscribe(ctx, realtime.Endpoint{URL: s.URL + "/whep"}, realtime.SubscribeConfig{Network: network, OnSample: func(_ *realtime.RemoteTrack, f realtime.Received) { frames <- f }})
			if err != nil {
				t.Fatal(err)
			}
			wait(ctx, t, frames, 10)
			stop()
			sender.Wait()
			if err := errors.Join(sub.Close(), pub.Close()); err != nil {
				t.Error(err)
			}
			if !errors.Is(sub.Err(), realtime.ErrClosed) {
				t.Errorf("after Close it ended with %v", sub.Err())
			}
		})
	}
}

// TestRestartICE_KeepsMediaFlowing restarts both sides, one after the other.
func TestRestartICE_KeepsMediaFlowing(t *testing.T) {
	s := newEngineServer(t, sfu.Config{})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	video := realtime.NewTrack(media.H264)
	pub, err := realtime.Publish(ctx, realtime.Endpoint{URL: s.URL + "/whip"}, realtime.PublishConfig{}, realtime.NewTrack(media.Opus), video)
	if err != nil {
		t.Fatal(err)
	}
	sending, stop := context.WithCancel(ctx)
	var sender sync.WaitGroup
	sender.Go(func() { send(sending, t, video) })

	frames := make(chan realtime.Received, 1000)
	sub, err := realtime.Subscribe(ctx, realtime.Endpoint{URL: s.URL + "/whep"}, realtime.SubscribeConfig{OnSample: func(_ *realtime.RemoteTrack, f realtime.Received) { frames <- f }})
	if err != nil {
		t.Fatal(err)
	}
	wait(ctx, t, frames, 10)
	for _, restart := range []func(context.Context) error{pub.RestartICE, sub.RestartICE} {
		if err := restart(ctx); err != nil {
			t.Fatal(err)
		}
		for since := time.Now(); ; {
			f := next(ctx, t, frames)
			if f.Arrived.Sub(since) > 500*time.Millisecond {
				break
			}
		}
	}
	stop()
	sender.Wait()
	if st := sub.Tracks()[0].Stats(); st.Lost > 0 {
		t.Errorf("%d packets were lost for good", st.Lost)
	}
	if err := errors.Join(sub.Close(), pub.Close()); err != nil {
		t.Error(err)
	}
}

func next(ctx context.Context, t *testing.T, frames <-chan realtime.Received) realtime.Received {
	t.Helper()
	select {
	case f := <-frames:
		return f
	case <-ctx.Done():
		t.Fatal("no frame came any more")
	}
	return realtime.Received{}
}
