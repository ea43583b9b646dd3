package signaling_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

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
	"rostrum/ivsrealtime"
)

// A scene is a whole server of live stages with one stage on it.
type scene struct {
	*testing.T
	ctx       context.Context
	store     *store.Store
	engine    *sfu.Engine
	authority *authority.Authority
	node      *node.Node
	registry  *stage.Registry
	door      *signaling.Door
	server    *httptest.Server
	stage     arn.ARN
}

// swift is a configuration in which nothing takes longer than a test should.
var swift = stage.Config{Linger: 300 * time.Millisecond, Grace: 500 * time.Millisecond}

func newScene(t *testing.T, cfg stage.Config) *scene {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Ephemeral: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { check(t, s.Close()) })
	return newSceneOn(t, s, cfg)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// newSceneOn opens a server on a store that may have a past.
func newSceneOn(t *testing.T, s *store.Store, cfg stage.Config) *scene {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	c := &scene{T: t, ctx: ctx, store: s, stage: arn.New(arn.Stage, "111122223333", "eu-west-1")}
	var handler http.Handler
	c.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	var err error
	// A busy machine is as late as this; and who is let in without media to come keeps the place.
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
	c.door = signaling.New(c.registry, c.authority, signaling.Config{Log: cfg.Log, ICEServers: c.iceServers})
	handler = c.door
	t.Cleanup(c.close)
	c.write(func(tx *store.Tx) error { return tx.Stages().Create(&ivsrealtime.Stage{ARN: c.stage.String()}) })
	return c
}

// iceServers stands for the engine's own.
func (c *scene) iceServers(g authority.Grant) []signaling.ICEServer {
	return []signaling.ICEServer{{URL: "turn:192.0.2.1:7081?transport=udp", Username: "1:" + g.ParticipantID, Credential: "proof"}}
}

func (c *scene) close() {
	check(c, c.registry.Close())
	check(c, c.node.Close())
	check(c, c.door.Close())
	c.server.Close()
	check(c, c.engine.Close())
}

func (c *scene) write(fn func(tx *store.Tx) error) {
	c.Helper()
	if err := c.store.Write(c.ctx, fn); err != nil {
		c.Fatal(err)
	}
}

func (c *scene) read(fn func(tx *store.Tx) error) {
	c.Helper()
	if err := c.store.Read(c.ctx, fn); err != nil {
		c.Fatal(err)
	}
}

// claims are those of a token for the scene's stage.
func (c *scene) claims(id string, change ...func(*token.Claims)) token.Claims {
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

// token is a participant's token, as its client reads it.
func (c *scene) token(id string, change ...func(*token.Claims)) peer.Token {
	c.Helper()
	raw, err := c.authority.Issue(c.claims(id, change...))
	if err != nil {
		c.Fatal(err)
	}
	t, err := peer.ReadToken(raw)
	if err != nil {
		c.Fatal(err)
	}
	return t
}

func viewer(c *token.Claims) { c.Publish = false }

// publish has a participant send a small pattern with sound until the test ends
// or the publication is closed.
func (c *scene) publish(t peer.Token, simulcast bool) *peer.Publication {
	c.Helper()
	p, err := c.tryPublish(t, simulcast)
	if err != nil {
		c.Fatal(err)
	}
	return p
}

func (c *scene) tryPublish(t peer.Token, simulcast bool) (*peer.Publication, error) {
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
	p, err := peer.Publish(c.ctx, at, peer.UDPOnly, source.Outlets()...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(c.ctx)
	var sending sync.WaitGroup
	sending.Go(func() { _ = source.Run(ctx) }) // it fails when the publication has ended
	c.Cleanup(func() {
		cancel()
		sending.Wait()
		_ = p.Close() // its server may have gone
	})
	return p, nil
}

// subscribe receives a participant and returns once a picture came.
func (c *scene) subscribe(t peer.Token, publisher string) *peer.Subscription {
	c.Helper()
	seen := make(chan struct{}, 1)
	s, err := c.trySubscribe(t, publisher, func(*peer.Inlet, peer.Received) {
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
		c.Fatalf("no frame of %s came", publisher)
	}
	return s
}

func (c *scene) trySubscribe(t peer.Token, publisher string, onFrame func(*peer.Inlet, peer.Received)) (*peer.Subscription, error) {
	at, err := t.SubscribeAt(publisher)
	if err != nil {
		c.Fatal(err)
	}
	s, err := peer.Subscribe(c.ctx, at, peer.SubscribeConfig{Network: peer.UDPOnly, OnFrame: onFrame})
	if err == nil {
		c.Cleanup(func() { _ = s.Close() }) // its server may have gone
	}
	return s, err
}

// eventually waits for something that the store or the registry will show.
func (c *scene) eventually(what string, holds func() bool) {
	c.Helper()
	for !holds() {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-c.ctx.Done():
			c.Fatalf("%s did not come true", what)
		}
	}
}

// history is what ListParticipantEvents shows of a participant's newest session.
func (c *scene) history(id string) string {
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

func (c *scene) untilHistory(id, want string) {
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

// participant is what GetParticipant shows, of the newest session; empty if it
// isn't there.
func (c *scene) participant(id string) (p ivsrealtime.Participant) {
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

// events are the names of all events in the log, in order.
func (c *scene) events() string {
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

// told are the names of the stage's events about a participant, in order.
func (c *scene) told(id string) string {
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
	_ = json.Unmarshal(e.Detail, &detail) // of our own making
	return strings.TrimSpace(detail.Name + " " + detail.ID + " " + detail.Code)
}
