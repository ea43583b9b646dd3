package signaling_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rostrum/internal/arn"
	"rostrum/internal/authority"
	"rostrum/internal/event"
	"rostrum/internal/node"
	"rostrum/internal/peer"
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

// A fixture is a server with one live stage.
type fixture struct {
	testing.TB
	ctx       context.Context
	store     *store.Store
	engine    *sfu.Engine
	authority *authority.Authority
	node      *node.Node
	registry  *stage.Registry
	signaling *signaling.Server
	server    *httptest.Server
	metrics   *prometheus.Registry
	stage     arn.ARN
}

// fast has short timeouts.
var fast = stage.Config{Linger: 300 * time.Millisecond, Grace: 500 * time.Millisecond}

func newFixture(t testing.TB, cfg stage.Config) *fixture {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Ephemeral: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { check(t, s.Close()) })
	return newFixtureOn(t, s, cfg)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// newFixtureOn starts a server on a store that may have been used before.
func newFixtureOn(t testing.TB, s *store.Store, cfg stage.Config) *fixture {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	c := &fixture{TB: t, ctx: ctx, store: s, metrics: prometheus.NewRegistry(), stage: arn.New(arn.Stage, "111122223333", "eu-west-1")}
	var handler http.Handler
	c.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	var err error
	// Long timeouts for a busy machine, and for connections that never send media.
	if c.engine, err = sfu.Listen(sfu.Config{LostAfter: 5 * time.Second, ConnectTimeout: time.Minute, Shards: 2}); err != nil {
		t.Fatal(err)
	}
	if c.authority, err = authority.New(ctx, s, authority.Config{PublicURL: c.server.URL}); err != nil {
		t.Fatal(err)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if c.node, err = node.Open(ctx, s, node.Config{Log: cfg.Log}); err != nil {
		t.Fatal(err)
	}
	c.registry = stage.NewRegistry(s, c.engine, c.authority, c.node, cfg)
	check(t, c.node.Recover(ctx))
	c.signaling = signaling.New(c.registry, c.authority, signaling.Config{Metrics: c.metrics, Log: cfg.Log, ICEServers: c.iceServers})
	handler = c.signaling
	t.Cleanup(c.close)
	c.write(func(tx *store.Tx) error { return tx.Stages().Create(&ivsrealtime.Stage{ARN: c.stage.String()}) })
	return c
}

// iceServers takes the place of the engine's.
func (c *fixture) iceServers(g authority.Grant) []wire.ICEServer {
	return []wire.ICEServer{{URL: "turn:192.0.2.1:7081?transport=udp", Username: "1:" + g.ParticipantID, Credential: "proof"}}
}

func (c *fixture) close() {
	check(c, c.registry.Close())
	check(c, c.node.Close())
	check(c, c.signaling.Close())
	c.server.Close()
	check(c, c.engine.Close())
}

func (c *fixture) write(fn func(tx *store.Tx) error) {
	c.Helper()
	if err := c.store.Write(c.ctx, fn); err != nil {
		c.Fatal(err)
	}
}

func (c *fixture) read(fn func(tx *store.Tx) error) {
	c.Helper()
	if err := c.store.Read(c.ctx, fn); err != nil {
		c.Fatal(err)
	}
}

// claims returns the claims of a token for the stage.
func (c *fixture) claims(id string, change ...func(*token.Claims)) token.Claims {
	now := time.Now().Truncate(time.Second)
	claims := token.Claims{
		ParticipantID: id, StageARN: c.stage.String(), StageID: c.stage.ID, UserID: "user-" + id,
		EventsURL: c.authority.Endpoints().Events, WHIPURL: c.authority.Endpoints().WHIP,
		Attributes: map[string]string{"name": id}, Publish: true, Subscribe: true, IssuedAt: now, ExpiresAt: now.Add(time.Hour),
	}
	for _, f := range change {
		f(&claims)
	}
	return claims
}

// token issues a participant's token, and reads it as its client does.
func (c *fixture) token(id string, change ...func(*token.Claims)) realtime.Token {
	c.Helper()
	raw, err := c.authority.Issue(c.claims(id, change...))
	if err != nil {
		c.Fatal(err)
	}
	t, err := realtime.ReadToken(raw)
	if err != nil {
		c.Fatal(err)
	}
	return t
}

func viewer(c *token.Claims) { c.Publish = false }

// once publishes until the connection ends.
var once = realtime.PublishConfig{Network: realtime.UDPOnly, Rejoin: realtime.NoRejoin}

// publish sends a small test pattern with audio until the test ends or the
// publication is closed.
func (c *fixture) publish(t realtime.Token, simulcast bool) *realtime.Publication {
	c.Helper()
	p, err := c.tryPublish(t, simulcast)
	if err != nil {
		c.Fatal(err)
	}
	return p
}

func (c *fixture) tryPublish(t realtime.Token, simulcast bool) (*realtime.Publication, error) {
	size := testpattern.VideoConfig{Width: 320, Height: 176, FPS: 15, Bitrate: 150_000, Identity: 7}
	if simulcast {
		size.Width, size.Height, size.Bitrate = 640, 360, 400_000
	}
	source, err := peer.NewPatternSource(peer.PatternConfig{Simulcast: simulcast, Video: size})
	if err != nil {
		c.Fatal(err)
	}
	at, err := t.PublishAt()
	if err != nil {
		c.Fatal(err)
	}
	p, err := realtime.Publish(c.ctx, at, once, source.Tracks()...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(c.ctx)
	var sending sync.WaitGroup
	sending.Go(func() { _ = source.Run(ctx) }) // an error means that the publication has ended
	c.Cleanup(func() {
		cancel()
		sending.Wait()
		_ = p.Close() // the server may be closed
	})
	return p, nil
}

// subscribe receives a participant and returns after the first frame.
func (c *fixture) subscribe(t realtime.Token, publisher string) *realtime.Subscription {
	c.Helper()
	seen := make(chan struct{}, 1)
	s, err := c.trySubscribe(t, publisher, func(*realtime.RemoteTrack, realtime.Received) {
		select {
		case seen <- struct{}{}:
		default:
		}
	})
	if err != nil {
		c.Fatal(err)
	}
	select {
	case <-seen:
	case <-c.ctx.Done():
		c.Fatalf("no frame of %s arrived", publisher)
	}
	return s
}

func (c *fixture) trySubscribe(t realtime.Token, publisher string, onFrame func(*realtime.RemoteTrack, realtime.Received)) (*realtime.Subscription, error) {
	at, err := t.SubscribeAt(publisher)
	if err != nil {
		c.Fatal(err)
	}
	s, err := realtime.Subscribe(c.ctx, at, realtime.SubscribeConfig{Network: realtime.UDPOnly, Rejoin: realtime.NoRejoin, OnSample: onFrame})
	if err == nil {
		c.Cleanup(func() { _ = s.Close() }) // the server may be closed
	}
	return s, err
}

// eventually waits until a condition holds.
func (c *fixture) eventually(what string, holds func() bool) {
	c.Helper()
	for !holds() {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-c.ctx.Done():
			c.Fatalf("timed out: %s", what)
		}
	}
}

// history returns the events of a participant's newest session, as ListParticipantEvents has them.
func (c *fixture) history(id string) string {
	c.Helper()
	var all []string
	c.read(func(tx *store.Tx) error {
		sessions, _, err := tx.Sessions(c.stage.String(), store.Page{Limit: 1})
		if err != nil || len(sessions) == 0 {
			return err
		}
		events, _, err := tx.ParticipantEvents(store.ParticipantRef{StageARN: c.stage.String(), SessionID: sessions[0].ID, ParticipantID: id}, store.Page{Limit: 1000})
		for _, e := range events {
			text := string(e.Name)
			for _, s := range []string{e.RemoteParticipantID, string(e.ErrorCode)} {
				if s != "" {
					text += ":" + s
				}
			}
			all = append(all, text)
		}
		return err
	})
	return strings.Join(all, " ")
}

func (c *fixture) untilHistory(id, want string) {
	c.Helper()
	last := ""
	for {
		if last = c.history(id); last == want {
			return
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-c.ctx.Done():
			c.Fatalf("the history of %s is\n%s, want\n%s", id, last, want)
		}
	}
}

// participant returns a participant of the newest session, as GetParticipant has
// it; empty if there is none.
func (c *fixture) participant(id string) (p ivsrealtime.Participant) {
	c.Helper()
	c.read(func(tx *store.Tx) error {
		sessions, _, err := tx.Sessions(c.stage.String(), store.Page{Limit: 1})
		if err != nil {
			return err
		}
		kept, err := tx.Participant(store.ParticipantRef{StageARN: c.stage.String(), SessionID: sessions[0].ID, ParticipantID: id})
		if err == nil {
			p = kept.Participant
		}
		return nil
	})
	return p
}

// events returns the names of all events in the log, in order.
func (c *fixture) events() string {
	c.Helper()
	all, err := c.store.Events(c.ctx, store.EventQuery{Limit: 1000})
	if err != nil {
		c.Fatal(err)
	}
	var names []string
	for _, e := range all {
		names = append(names, eventName(e))
	}
	return strings.Join(names, ", ")
}

// eventsAbout returns the names of the stage's events about a participant, in order.
func (c *fixture) eventsAbout(id string) string {
	c.Helper()
	all, err := c.store.Events(c.ctx, store.EventQuery{Limit: 1000, StageARN: c.stage.String()})
	if err != nil {
		c.Fatal(err)
	}
	var names []string
	for _, e := range all {
		if name, about := strings.CutSuffix(eventName(e), " "+id); about {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

func eventName(e event.Event) string {
	var detail struct {
		Name string `json:"event_name"`
		ID   string `json:"participant_id"`
		Code string `json:"error_code"`
	}
	_ = json.Unmarshal(e.Detail, &detail) // written by the server
	return strings.TrimSpace(detail.Name + " " + detail.ID + " " + detail.Code)
}

// problemOf returns the problem document in err, or an empty one.
func problemOf(err error) realtime.Problem {
	var p *realtime.Problem
	if errors.As(err, &p) {
		return *p
	}
	return realtime.Problem{}
}

func (c *fixture) revoke(id string) {
	c.Helper()
	c.write(func(tx *store.Tx) error { return tx.Revoke(c.stage.String(), id, time.Now().Add(time.Hour)) })
}

func (c *fixture) deleteStage() {
	c.Helper()
	c.write(func(tx *store.Tx) error { return tx.Stages().Delete(c.stage.String()) })
}

// asToken reads a token that an application signed.
func (c *fixture) asToken(raw string) realtime.Token {
	c.Helper()
	t, err := realtime.ReadToken(raw)
	if err != nil {
		c.Fatal(err)
	}
	return t
}

func isCode(err error, code ivsrealtime.Code) bool { return errors.Is(err, code) }
