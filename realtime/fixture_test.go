package realtime_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"rostrum/internal/arn"
	"rostrum/internal/authority"
	"rostrum/internal/node"
	"rostrum/internal/sfu"
	"rostrum/internal/signaling"
	"rostrum/internal/stage"
	"rostrum/internal/store"
	"rostrum/internal/testpattern"
	"rostrum/internal/token"
	"rostrum/internal/wire"
	"rostrum/ivsrealtime"
	"rostrum/realtime"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A stageServer is a server with one stage.
type stageServer struct {
	testing.TB
	ctx       context.Context
	store     *store.Store
	authority *authority.Authority
	registry  *stage.Registry
	stage     arn.ARN
	reports   qualityReports
	changes   chan stage.Change // of all participants
}

// history is the quality history of a stageServer.
type history struct {
	qualityReports
	changes chan<- stage.Change
}

func (h history) Record(_ stage.Reporter, c stage.Change) {
	select {
	case h.changes <- c:
	default:
	}
}

// qualityReports receives what clients report.
type qualityReports chan qualityReport

type qualityReport struct {
	of string // the participant
	wire.Quality
}

func (r qualityReports) Report(of stage.Reporter, q wire.Quality) {
	select {
	case r <- qualityReport{of.ParticipantID, q}:
	default:
	}
}

// newStageServer starts one that ends with the test.
func newStageServer(t testing.TB) *stageServer {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	log := slog.New(slog.DiscardHandler)
	s := &stageServer{TB: t, ctx: ctx, stage: arn.New(arn.Stage, "111122223333", "eu-west-1"), reports: make(qualityReports, 100), changes: make(chan stage.Change, 100)}
	var handler http.Handler
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	kept, err := store.Open(ctx, store.Config{Ephemeral: true})
	s.check(err)
	engine, err := sfu.Listen(sfu.Config{Shards: 1})
	s.check(err)
	s.store = kept
	s.authority, err = authority.New(ctx, kept, authority.Config{PublicURL: web.URL})
	s.check(err)
	home, err := node.Open(ctx, kept, node.Config{Log: log})
	s.check(err)
	s.registry = stage.NewRegistry(kept, engine, s.authority, home, stage.Config{Log: log, Quality: history{s.reports, s.changes}})
	s.check(home.Recover(ctx))
	signals := signaling.New(s.registry, s.authority, signaling.Config{
		Metrics: prometheus.NewRegistry(), Log: log, ICEServers: func(authority.Grant) []wire.ICEServer { return nil },
	})
	handler = signals
	t.Cleanup(func() {
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		if err := errors.Join(s.registry.Close(), home.Close(), signals.Close()); err != nil {
			t.Error(err)
		}
		web.Close()
		if err := errors.Join(engine.Close(), kept.Close()); err != nil {
			t.Error(err)
		}
		cancel()
	})
	s.addStage(s.stage)
	return s
}

func (s *stageServer) check(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *stageServer) write(change func(*store.Tx) error) {
	s.Helper()
	s.check(s.store.Write(s.ctx, change))
}

func (s *stageServer) addStage(name arn.ARN) {
	s.Helper()
	s.write(func(tx *store.Tx) error { return tx.Stages().Create(&ivsrealtime.Stage{ARN: name.String()}) })
}

// claims are those of a participant's token.
func (s *stageServer) claims(id string) token.Claims {
	now := time.Now().Truncate(time.Second)
	return token.Claims{
		ParticipantID: id, StageARN: s.stage.String(), StageID: s.stage.ID, UserID: "user-" + id,
		EventsURL: s.authority.Endpoints().Events, WHIPURL: s.authority.Endpoints().WHIP,
		Attributes: map[string]string{"name": id}, Publish: true, Subscribe: true, IssuedAt: now, ExpiresAt: now.Add(time.Hour),
	}
}

func (s *stageServer) token(id string) string {
	s.Helper()
	raw, err := s.authority.Issue(s.claims(id))
	s.check(err)
	return raw
}

// join joins as a participant until the test ends.
func (s *stageServer) join(id string, cfg realtime.Config) *realtime.Stage {
	s.Helper()
	cfg.Network = realtime.UDPOnly
	joined, err := realtime.Join(s.ctx, s.token(id), cfg)
	s.check(err)
	s.Cleanup(func() { _ = joined.Close() })
	return joined
}

// importKey imports a key that signs tokens, and returns its ARN.
func (s *stageServer) importKey() (*ecdsa.PrivateKey, string) {
	s.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	s.check(err)
	material, err := ivsrealtime.PublicKeyMaterial(&key.PublicKey)
	s.check(err)
	kid := arn.New(arn.PublicKey, "111122223333", "eu-west-1").String()
	s.write(func(tx *store.Tx) error {
		return tx.PublicKeys().Create(&ivsrealtime.PublicKey{ARN: kid, PublicKeyMaterial: material})
	})
	return key, kid
}

// connectionToken is a token for a connection to an address.
func (s *stageServer) connectionToken(events string) string {
	s.Helper()
	key, kid := s.importKey()
	now := s.claims("").IssuedAt
	raw, err := token.MintConnection(key, token.ConnectionClaims{
		ID: arn.NewID(), AccountID: "111122223333", Region: "eu-west-1", EventsURL: events,
		IssuedAt: now, ExpiresAt: now.Add(time.Hour), KeyARN: kid,
	})
	s.check(err)
	return raw
}

// until returns the first event of a type that fits; fits may be nil.
func until[E realtime.Event](s *stageServer, stage *realtime.Stage, fits func(E) bool) E {
	s.Helper()
	for {
		select {
		case e, open := <-stage.Events():
			if !open {
				s.Fatalf("the stage ended with %v", stage.Err())
			}
			if e, ok := e.(E); ok && (fits == nil || fits(e)) {
				return e
			}
		case <-s.ctx.Done():
			var e E
			s.Fatalf("there is no %T", e)
		}
	}
}

// pictureTime is the time between two pictures of sendPictures.
const pictureTime = time.Second / 15

// sendPictures sends the test pattern until the test ends.
func (s *stageServer) sendPictures(video *realtime.LocalTrack) {
	s.Helper()
	pattern, err := testpattern.NewVideo(testpattern.VideoConfig{Width: 320, Height: 176, FPS: 15, Bitrate: 150_000, Keyframe: time.Hour})
	s.check(err)
	ctx, cancel := context.WithCancel(s.ctx)
	var sending sync.WaitGroup
	sending.Go(func() {
		tick := time.NewTicker(pictureTime)
		defer tick.Stop()
		for n := uint32(0); ; n++ {
			wanted := false
			select {
			case <-video.KeyframeWanted(0):
				wanted = true
			default:
			}
			data, key := pattern.Frame(n, time.Now(), wanted)
			_ = video.WriteSample(0, realtime.Sample{Time: time.Duration(n) * pictureTime, Keyframe: key, Data: data}) // the publication may have ended
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
	s.Cleanup(func() { cancel(); sending.Wait() })
}
