package realtime_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"rostrum/internal/media"
	"rostrum/internal/peer"
	"rostrum/internal/testpattern"
	"rostrum/realtime"
	"rostrum/test/reference"
)

// A server serves WHIP, WHEP and events around a simple forwarder, with redirects, tokens,
// problems and sessions.
type server struct {
	*httptest.Server
	forwarder *reference.Forwarder

	mu       sync.Mutex
	requests []string // method and path of each request with the right token
	layer    map[string]any
}

func newServer(t *testing.T) *server {
	t.Helper()
	f, err := reference.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{forwarder: f}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /whip", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/whip/elsewhere", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("POST /whip/elsewhere", func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Header.Get("Authorization"), "."+denied) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"type":"about:blank","title":"Not allowed to publish","detail":"the token has no publish capability","code":"TOKEN_CAPABILITY"}`)
			return
		}
		w.Header().Add("Link", `<turn:127.0.0.1:3478?transport=udp>; rel="ice-server"; username="u"; credential="a,\"b"; credential-type="password"`)
		s.pass(w, r, "/whip/alice")
	})
	mux.HandleFunc("POST /whip/subscribe/{id}", func(w http.ResponseWriter, r *http.Request) {
		s.pass(w, r, "/whep/"+r.PathValue("id"))
	})
	mux.HandleFunc("POST /peers/{id}/layer", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if err := json.NewDecoder(r.Body).Decode(&s.layer); err != nil {
			t.Error(err)
		}
		fmt.Fprint(w, `{"label":"low","width":320,"height":180,"somethingNew":1}`)
	})
	mux.HandleFunc("DELETE /peers/{id}", func(w http.ResponseWriter, r *http.Request) { s.pass(w, r, r.URL.Path) })
	s.Server = httptest.NewServer(mux)
	t.Cleanup(func() {
		s.Close()
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *server) pass(w http.ResponseWriter, r *http.Request, path string) {
	if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ey") {
		http.Error(w, "no token", http.StatusUnauthorized)
		return
	}
	s.mu.Lock()
	s.requests = append(s.requests, r.Method+" "+r.URL.Path)
	s.mu.Unlock()
	r.URL.Path = path
	s.forwarder.ServeHTTP(w, r)
}

func (s *server) seen() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(slices.Compact(slices.Clone(s.requests)), ", ") // one that was too early is repeated
}

const (
	allowed = "c2lnbmVk"
	denied  = "ZGVuaWVk"
)

// tokenFor is a participant token with the addresses of s. Its signature is not checked.
func (s *server) tokenFor(t *testing.T, signature string) realtime.Token {
	t.Helper()
	payload := fmt.Sprintf(`{"exp":4000000000,"iat":1700000000,"jti":"alice","resource":"arn:aws:ivs:us-east-1:000000000000:stage/abcdefghijkl",
		"topic":"abcdefghijkl","whip_url":"%s/whip","events_url":"%s/events","user_id":"u","version":"1.0","attributes":{"name":"Alice"},
		"capabilities":{"allow_publish":true,"allow_subscribe":true}}`, s.URL, strings.Replace(s.URL, "http", "ws", 1))
	encode := base64.RawURLEncoding.EncodeToString
	token, err := realtime.ReadToken(encode([]byte(`{"alg":"ES384","typ":"JWT"}`)) + "." + encode([]byte(payload)) + "." + signature)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// send writes the pattern and its tone to tracks until ctx ends.
func send(ctx context.Context, t *testing.T, video *realtime.LocalTrack) {
	v, err := testpattern.NewVideo(testpattern.VideoConfig{Width: 320, Height: 180, FPS: 30, Bitrate: 300_000, Keyframe: time.Hour, Identity: 77})
	if err != nil {
		t.Error(err)
		return
	}
	tick := time.NewTicker(time.Second / 30)
	defer tick.Stop()
	for n := uint32(0); ; n++ {
		asked := false
		select {
		case <-video.KeyframeWanted(0):
			asked = true
		default:
		}
		unit, key := v.Frame(n, time.Now(), asked)
		if err := video.WriteSample(0, realtime.Sample{Time: time.Duration(n) * time.Second / 30, Keyframe: key, Data: unit}); err != nil && ctx.Err() == nil {
			t.Error(err)
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func TestSubscribe_ReceivesAPublisher(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	token := s.tokenFor(t, allowed)
	at, err := token.PublishAt()
	if err != nil {
		t.Fatal(err)
	}
	video := realtime.NewTrack(media.H264)
	pub, err := realtime.Publish(ctx, at, realtime.PublishConfig{Network: realtime.UDPOnly}, video)
	if err != nil {
		t.Fatal(err)
	}
	sending, stop := context.WithCancel(ctx)
	var sender sync.WaitGroup
	sender.Go(func() { send(sending, t, video) })

	sub, frames := subscribe(ctx, t, token)
	wait(ctx, t, frames, 45)
	st := sub.Tracks()[0].Stats()
	if st.Keyframes == 0 || st.KeyframeWait <= 0 || st.Width != 320 || st.Height != 180 || st.Lost != 0 {
		t.Errorf("statistics are %+v", st)
	}
	layer, err := sub.SelectLayer(ctx, "low")
	if err != nil || layer.Label != "low" || layer.Width != 320 || fmt.Sprint(s.layer) != "map[label:low]" {
		t.Errorf("asked %v for a layer, got %+v, %v", s.layer, layer, err)
	}
	servers := pub.ICEServers()
	if len(servers) != 1 || servers[0] != (realtime.ICEServer{URL: "turn:127.0.0.1:3478?transport=udp", Username: "u", Credential: `a,"b`}) {
		t.Errorf("ICE servers are %+v", servers)
	}

	stop()
	sender.Wait()
	if err := errors.Join(sub.Close(), sub.Close(), pub.Close()); err != nil {
		t.Error(err)
	}
	select {
	case <-pub.Done():
	default:
		t.Error("closed, but not done")
	}
	want := "POST /whip/elsewhere, POST /whip/subscribe/alice, DELETE /peers/2, DELETE /peers/1"
	if got := s.seen(); got != want {
		t.Errorf("requests were %s, want %s", got, want)
	}
}

// subscribe tries again until the publisher's first packets have arrived.
func subscribe(ctx context.Context, t *testing.T, token realtime.Token) (*realtime.Subscription, <-chan realtime.Received) {
	t.Helper()
	at, err := token.SubscribeAt(token.ParticipantID)
	if err != nil {
		t.Fatal(err)
	}
	frames := make(chan realtime.Received, 100)
	for {
		sub, err := realtime.Subscribe(ctx, at, realtime.SubscribeConfig{Network: realtime.UDPOnly, OnSample: func(_ *realtime.RemoteTrack, f realtime.Received) {
			select {
			case frames <- f:
			default:
			}
		}})
		if p, refused := errors.AsType[*realtime.Problem](err); refused && p.Status == http.StatusNotFound {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		return sub, frames
	}
}

func wait(ctx context.Context, t *testing.T, frames <-chan realtime.Received, n int) {
	t.Helper()
	for i := range n {
		select {
		case f := <-frames:
			if i == 0 && !f.Keyframe {
				t.Error("the first frame handed out is no keyframe")
			}
		case <-ctx.Done():
			t.Fatalf("only %d frames were received", i)
		}
	}
}

func TestPublish_ReturnsTheProblemOfARefusal(t *testing.T) {
	s := newServer(t)
	at, err := s.tokenFor(t, denied).PublishAt()
	if err != nil {
		t.Fatal(err)
	}
	_, err = realtime.Publish(t.Context(), at, realtime.PublishConfig{}, realtime.NewTrack(media.Opus))
	p, ok := errors.AsType[*realtime.Problem](err)
	if !ok || !p.Denied() || p.Code != "TOKEN_CAPABILITY" {
		t.Fatalf("the error is %v", err)
	}
	want := "publish: 403 Not allowed to publish: the token has no publish capability (TOKEN_CAPABILITY)"
	if err.Error() != want {
		t.Errorf("the error is %q, want %q", err, want)
	}
}

// The layers have no SSRC in the offer, so the server finds them by their RID.
func TestPublish_SendsTheRIDOfSimulcastLayers(t *testing.T) {
	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	type layer struct {
		rid  string
		size string
	}
	seen := make(chan layer, 100)
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			p, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			sets := media.NewParameterSets(media.H264)
			sets.AddPayload(p.Payload)
			if w, h := sets.Size(); w > 0 {
				seen <- layer{track.RID(), fmt.Sprintf("%dx%d", w, h)}
			}
		}
	})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			return
		}
		offer, err := io.ReadAll(r.Body)
		if err == nil {
			err = pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: string(offer)})
		}
		if err != nil {
			t.Error(err)
			return
		}
		answer, err := pc.CreateAnswer(nil)
		gathered := webrtc.GatheringCompletePromise(pc)
		if err = errors.Join(err, pc.SetLocalDescription(answer)); err != nil {
			t.Error(err)
			return
		}
		<-gathered
		w.Header().Set("Location", "/session")
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, pc.LocalDescription().SDP)
	}))
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	source, err := peer.NewPatternSource(peer.PatternConfig{Simulcast: true, Video: testpattern.VideoConfig{Keyframe: 300 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	pub, err := realtime.Publish(ctx, realtime.Endpoint{URL: s.URL}, realtime.PublishConfig{}, source.Tracks()...)
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(ctx)
	var runner sync.WaitGroup
	runner.Go(func() {
		if err := source.Run(running); err != nil {
			t.Error(err)
		}
	})
	want := map[layer]bool{{"hi", "1280x720"}: true, {"mid", "640x360"}: true, {"low", "320x180"}: true}
	for len(want) > 0 {
		select {
		case l := <-seen:
			delete(want, l)
		case <-ctx.Done():
			t.Fatalf("layers that were not received: %v", want)
		}
	}
	stop()
	runner.Wait()
	if err := errors.Join(pub.Close(), pc.Close()); err != nil {
		t.Error(err)
	}
}
