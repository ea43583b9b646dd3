package signaling_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"rostrum/internal/arn"
	"rostrum/internal/authority"
	"rostrum/internal/stage"
	"rostrum/internal/store"
	"rostrum/internal/token"
	"rostrum/internal/wire"
	"rostrum/ivsrealtime"
	"rostrum/realtime"
)

func limited(l stage.Limits) stage.Config {
	c := fast
	c.Limits = l
	return c
}

func TestServer_ConcurrentPublishersStayWithinQuota(t *testing.T) {
	for name, limits := range map[string]stage.Limits{
		"of the stage":   {StagePublishers: 3},
		"of the account": {Publishers: 3},
	} {
		c := newFixture(t, limited(limits))
		watching := c.listen(c.token("watching", viewer), "")
		watching.untilState("watching")
		sdp := offer(t, c)
		var created, crowded atomic.Int32
		places := make(chan [2]string, 20)
		var all sync.WaitGroup
		for i := range 20 {
			raw := c.token(fmt.Sprint("p", i)).Raw
			all.Go(func() {
				resp, said := c.ask("POST", "/whip", raw, "application/sdp", sdp)
				switch {
				case resp.StatusCode == http.StatusCreated:
					created.Add(1)
					places <- [2]string{resp.Header.Get("Location"), raw}
				case resp.StatusCode == http.StatusTooManyRequests && said["code"] == "STAGE_AT_CAPACITY" && resp.Header.Get("Retry-After") != "":
					crowded.Add(1)
				default:
					t.Errorf("%s: %d %v", name, resp.StatusCode, said)
				}
			})
		}
		all.Wait()
		if created.Load() != 3 || crowded.Load() != 17 {
			t.Errorf("%s: %d were accepted and %d refused, want 3 and 17", name, created.Load(), crowded.Load())
		}
		if n := strings.Count(c.events(), "QUOTA_EXCEEDED"); n != 17 {
			t.Errorf("%s: %d publish errors, want 17", name, n)
		}
		place := <-places
		if resp, said := c.ask("POST", "/whip", place[1], "application/sdp", sdp); resp.StatusCode != 201 {
			t.Errorf("%s: replacing one's own publication gives %d %v", name, resp.StatusCode, said)
		} else {
			place[0] = resp.Header.Get("Location")
		}
		c.ask("DELETE", place[0], place[1], "", "")
		if resp, said := c.ask("POST", "/whip", c.token("late").Raw, "application/sdp", sdp); resp.StatusCode != 201 {
			t.Errorf("%s: publishing after one has left gives %d %v", name, resp.StatusCode, said)
		}
	}
}

func TestServer_LimitsSubscribers(t *testing.T) {
	c := newFixture(t, limited(stage.Limits{StageSubscribers: 2}))
	c.publish(c.token("alice"), false)
	c.publish(c.token("bob"), false)
	one, two := c.token("one", viewer), c.token("two", viewer)
	c.subscribe(one, "alice")
	c.subscribe(one, "bob") // still one subscriber
	s := c.subscribe(two, "alice")
	_, err := c.trySubscribe(c.token("three", viewer), "alice", nil)
	if got := problemOf(err); got.Status != 429 || got.Code != "STAGE_AT_CAPACITY" {
		t.Errorf("a third subscriber gets %v", err)
	}
	check(t, s.Close())
	c.subscribe(c.token("three", viewer), "alice")
}

func TestServer_EndsPublicationOverLimit(t *testing.T) {
	for code, limits := range map[string]stage.Limits{
		"RESOLUTION_EXCEEDED":      {PublishPixels: 300 * 100},
		"STREAM_DURATION_EXCEEDED": {ConnectionDuration: 500 * time.Millisecond},
		"BITRATE_EXCEEDED":         {PublishBitrate: 20_000},
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			c := newFixture(t, limited(limits))
			watching := c.listen(c.token("bob", viewer), "")
			watching.untilState("bob")
			p := c.publish(c.token("alice"), false)
			select {
			case <-p.Done():
			case <-c.ctx.Done():
				t.Fatal("the publication goes on")
			}
			untilMessage[wire.ParticipantLeft](watching)
			c.untilHistory("alice", "JOINED PUBLISH_STARTED PUBLISH_ERROR:"+code+" PUBLISH_STOPPED LEFT")
			if !strings.Contains(c.events(), "Participant Publish Error alice "+code) {
				t.Errorf("events are %s", c.events())
			}
		})
	}
}

func TestServer_ExchangesSelfSignedTokens(t *testing.T) {
	c := newFixture(t, fast)
	key, kid := c.importKey(c.stage.Account)
	selfSigned := func(id string, change func(*token.Claims)) token.Claims {
		claims := c.claims(id)
		claims.KeyARN = kid
		if change != nil {
			change(&claims)
		}
		return claims
	}
	alice := c.asToken(c.sign(key, selfSigned("alice", nil)))
	l := c.listen(alice, "")
	watching := c.listen(c.token("bob", viewer), "")
	p := c.publish(alice, false)
	watching.untilState("alice+ bob")
	demoted := c.sign(key, selfSigned("alice", func(x *token.Claims) {
		x.Publish, x.UserID, x.Attributes = false, "al", map[string]string{"name": "Al"}
	}))
	l.send(`{"type":"EXCHANGE_TOKEN","payload":{"token":"` + demoted + `"}}`)
	said := untilMessage[wire.MetadataChanged](watching)
	if said.ParticipantID != "alice" || said.UserID != "al" || said.Attributes["name"] != "Al" || fmt.Sprint(said.Capabilities) != "[SUBSCRIBE]" {
		t.Errorf("others got %+v", said)
	}
	untilMessage[wire.TokenExchanged](l)
	select {
	case <-p.Done(): // the right to publish is gone
	case <-c.ctx.Done():
		t.Fatal("the publication goes on")
	}
	watching.untilState("alice bob")
	c.untilHistory("alice", "JOINED PUBLISH_STARTED TOKEN_EXCHANGED PUBLISH_STOPPED")
	if got, want := c.eventsAbout("alice"), "Participant Joined, Participant Published, Token Exchanged, Participant Unpublished"; got != want {
		t.Errorf("events are %s, want %s", got, want)
	}
	if got := c.participant("alice"); got.UserID != "al" || !maps.Equal(got.Attributes, map[string]string{"name": "Al"}) {
		t.Errorf("alice is stored as %+v", got)
	}
	for name, bad := range map[string]string{
		"another participant": c.sign(key, selfSigned("carol", nil)),
		"one of the server's": c.token("alice").Raw,
		"garbage":             "garbage",
	} {
		l := c.listen(c.asToken(c.sign(key, selfSigned("alice", nil))), "")
		l.send(`{"type":"EXCHANGE_TOKEN","payload":{"token":"` + bad + `"}}`)
		if n := untilMessage[wire.Kicked](l); n.Reason != wire.ReasonFailedExchange {
			t.Errorf("%s: alice got %q", name, n.Reason)
		}
	}
	dave := c.listen(c.token("dave"), "")
	dave.send(`{"type":"EXCHANGE_TOKEN","payload":{"token":"` + c.sign(key, selfSigned("dave", nil)) + `"}}`)
	untilMessage[wire.Kicked](dave) // only self-signed ones can be exchanged
}

// TestServer_OlderTokensGetNoMoreThanTheExchangedOne has a client use the token it exchanged.
func TestServer_OlderTokensGetNoMoreThanTheExchangedOne(t *testing.T) {
	c := newFixture(t, fast)
	key, kid := c.importKey(c.stage.Account)
	start := time.Now().Truncate(time.Second)
	at := func(second int, publish bool) realtime.Token {
		claims := c.claims("alice")
		claims.KeyARN, claims.Publish, claims.IssuedAt = kid, publish, start.Add(time.Duration(second-60)*time.Second)
		return c.asToken(c.sign(key, claims))
	}
	exchange := func(l *socketClient, to realtime.Token) {
		l.send(`{"type":"EXCHANGE_TOKEN","payload":{"token":"` + to.Raw + `"}}`)
		untilMessage[wire.TokenExchanged](l)
	}
	refused := func(what string, with realtime.Token) {
		t.Helper()
		if _, err := c.tryPublish(with, false); string(problemOf(err).Code) != string(authority.TokenNotAllowed) {
			t.Errorf("%s: publishing gives %v, want TOKEN_NOT_ALLOWED", what, err)
		}
	}
	watching := c.listen(c.token("bob", viewer), "")
	old := at(10, true)
	l := c.listen(old, "")
	c.publish(old, false)
	watching.untilState("bob alice+")

	before, err := c.authority.Authorize(c.ctx, old.Raw) // of a request that is slow to arrive
	check(t, err)
	exchange(l, at(5, false)) // issued before the one in use, and yet newer here
	watching.untilState("bob alice")
	refused("the exchanged token", old)
	exchange(l, old)
	refused("the exchanged token, exchanged again", old)
	l.leave()
	watching.untilState("bob")
	refused("the exchanged token after its participant left", old)
	var refusal *authority.Refusal
	if _, _, err := c.registry.Publish(before, "", stage.Client{}); !errors.As(err, &refusal) || refusal.Code != authority.TokenNotAllowed {
		t.Errorf("a request authorized before the exchange: %v, want TOKEN_NOT_ALLOWED", err)
	}
	l = c.listen(old, "")
	refused("the exchanged token in a new presence", old)
	exchange(l, at(11, true))
	refused("the exchanged token after a newer one was exchanged", at(5, false))
	c.publish(at(11, true), false)
	watching.untilState("bob alice+")
}

func TestServer_HiddenViewersAreInvisible(t *testing.T) {
	c := newFixture(t, fast)
	hidden := c.token("composer", viewer, func(x *token.Claims) { x.Hidden = true })
	l := c.listen(hidden, "")
	l.untilState("")
	if got := c.events(); got != "" {
		t.Errorf("a hidden viewer made the events %s", got)
	}
	c.publish(c.token("alice"), false)
	watching := c.listen(c.token("bob", viewer), "")
	l.untilState("alice+ bob")
	c.subscribe(hidden, "alice")
	watching.untilState("alice+ bob")
	if got := c.history("composer"); got != "" {
		t.Errorf("a hidden viewer has the history %s", got)
	}
	if got := c.participant("composer"); got.ParticipantID != "" {
		t.Errorf("a hidden viewer is stored as %+v", got)
	}
}

// TestServer_ParticipantsOfDeadNodeLeave starts a second server on the store of
// one that did not stop cleanly.
func TestServer_ParticipantsOfDeadNodeLeave(t *testing.T) {
	c := newFixture(t, stage.Config{})
	carol := c.token("carol", viewer)
	l := c.listen(carol, "")
	c.publish(c.token("alice"), false)
	l.untilState("carol alice+")
	c.subscribe(carol, "alice")
	c.untilHistory("carol", "JOINED SUBSCRIBE_STARTED:alice")
	var seen time.Time
	c.read(func(tx *store.Tx) error {
		nodes, err := tx.Nodes()
		seen = nodes[0].Seen
		return err
	})
	next := newFixtureOn(t, c.store, stage.Config{})
	c.untilHistory("alice", "JOINED PUBLISH_STARTED PUBLISH_STOPPED LEFT")
	c.untilHistory("carol", "JOINED SUBSCRIBE_STARTED:alice SUBSCRIBE_STOPPED:alice LEFT")
	for _, id := range []string{"alice", "carol"} {
		if got := c.participant(id).State; got != ivsrealtime.ParticipantDisconnected {
			t.Errorf("%s is %s", id, got)
		}
	}
	c.read(func(tx *store.Tx) error {
		sessions, _, err := tx.Sessions(c.stage.String(), store.Page{Limit: 10})
		if err == nil && (len(sessions) != 1 || sessions[0].End.IsZero() || sessions[0].End.Before(seen.Truncate(time.Millisecond))) {
			t.Errorf("sessions are %+v", sessions)
		}
		events, _, err3 := tx.ParticipantEvents(store.ParticipantRef{StageARN: c.stage.String(), SessionID: sessions[0].ID, ParticipantID: "carol"}, store.Page{Limit: 10})
		if last := events[len(events)-1].EventTime; last.After(sessions[0].End) {
			t.Errorf("carol left at %v, after the session's end at %v", last, sessions[0].End)
		}
		check(t, err3)
		nodes, err2 := tx.Nodes()
		if len(nodes) != 1 || nodes[0].ID != next.node.ID() {
			t.Errorf("nodes are %+v", nodes)
		}
		return err2
	})
	const end = "Participant Unpublished alice, Participant Left alice, Session Ended"
	if got := c.events(); !strings.HasSuffix(got, end) {
		t.Errorf("events are %s, want them to end with %s", got, end)
	}
	next.stage = c.stage
	again := next.listen(next.token("carol", viewer), "")
	again.untilState("carol")
}

func TestServer_ReplicaIsVisibleOnDestinationStage(t *testing.T) {
	c := newFixture(t, fast)
	other := *c
	other.stage = arn.New(arn.Stage, c.stage.Account, c.stage.Region)
	c.write(func(tx *store.Tx) error { return tx.Stages().Create(&ivsrealtime.Stage{ARN: other.stage.String()}) })
	alice := c.token("alice")
	here := c.listen(alice, "")
	p := c.publish(alice, false)
	here.untilState("alice+")
	bob := other.token("bob", viewer)
	there := other.listen(bob, "")
	there.untilState("bob")
	want := stage.Replication{
		SourceStageARN: c.stage.String(), DestinationStageARN: other.stage.String(), ParticipantID: "alice",
		ReconnectWindowSeconds: 20, Attributes: map[string]string{"from": "here"}, Max: 1,
	}
	if err := c.registry.Replicate(c.ctx, want); err != nil {
		t.Fatal(err)
	}
	m := there.untilState("bob alice+")
	if s := m.Payload.(wire.StageState); !maps.Equal(s.Participants[1].Attributes, map[string]string{"name": "alice", "from": "here"}) {
		t.Errorf("the replica is shown as %+v", s.Participants[1])
	}
	other.subscribe(bob, "alice")
	if got := other.participant("alice"); got.ReplicationType != ivsrealtime.ReplicationReplica || got.SourceStageARN != c.stage.String() || got.SourceSessionID == "" {
		t.Errorf("the replica is stored as %+v", got)
	}
	c.untilHistory("alice", "JOINED PUBLISH_STARTED REPLICATION_STARTED")
	if err := c.registry.Replicate(c.ctx, want); !isCode(err, ivsrealtime.Conflict) {
		t.Errorf("replicating again gives %v", err)
	}
	third := want
	third.DestinationStageARN = arn.New(arn.Stage, c.stage.Account, c.stage.Region).String()
	if err := c.registry.Replicate(c.ctx, third); !isCode(err, ivsrealtime.ServiceQuotaExceeded) {
		t.Errorf("one over the limit gives %v", err)
	}

	check(t, p.Close()) // the replica waits within its reconnect window
	there.untilState("bob alice")
	c.publish(alice, false)
	there.untilState("bob alice+")
	other.subscribe(bob, "alice")

	check(t, c.registry.StopReplication(c.ctx, want.SourceStageARN, want.DestinationStageARN, "alice"))
	there.untilState("bob")
	c.untilHistory("alice", "JOINED PUBLISH_STARTED REPLICATION_STARTED PUBLISH_STOPPED PUBLISH_STARTED REPLICATION_STOPPED")
	other.untilHistory("alice", "JOINED PUBLISH_STARTED PUBLISH_STOPPED PUBLISH_STARTED PUBLISH_STOPPED LEFT")
	for where, want := range map[*fixture]string{
		c:      "Participant Joined, Participant Published, Participant Replication Start, Participant Unpublished, Participant Published, Participant Replication End",
		&other: "Participant Joined, Participant Published, Participant Unpublished, Participant Published, Participant Unpublished, Participant Left",
	} {
		if got := where.eventsAbout("alice"); got != want {
			t.Errorf("events of stage %s are\n%s, want\n%s", where.stage, got, want)
		}
	}
	if err := c.registry.StopReplication(c.ctx, want.SourceStageARN, want.DestinationStageARN, "alice"); !isCode(err, ivsrealtime.ResourceNotFound) {
		t.Errorf("stopping it again gives %v", err)
	}
	want.ParticipantID = "nobody"
	if err := c.registry.Replicate(c.ctx, want); !isCode(err, ivsrealtime.ResourceNotFound) {
		t.Errorf("replicating nobody gives %v", err)
	}
}

func TestServer_ReplicaEndsWithItsSource(t *testing.T) {
	c := newFixture(t, fast)
	other := *c
	other.stage = arn.New(arn.Stage, c.stage.Account, c.stage.Region)
	c.write(func(tx *store.Tx) error { return tx.Stages().Create(&ivsrealtime.Stage{ARN: other.stage.String()}) })
	there := other.listen(other.token("bob", viewer), "")
	here := c.listen(c.token("watch", viewer), "")
	p := c.publish(c.token("alice"), false)
	here.untilState("watch alice+")
	check(t, c.registry.Replicate(c.ctx, stage.Replication{SourceStageARN: c.stage.String(), DestinationStageARN: other.stage.String(), ParticipantID: "alice"}))
	there.untilState("bob alice+")
	check(t, p.Close())
	there.untilState("bob")
	c.untilHistory("alice", "JOINED PUBLISH_STARTED REPLICATION_STARTED PUBLISH_STOPPED LEFT REPLICATION_STOPPED")
}

func TestServer_CloseNotifiesAllAndReleasesEverything(t *testing.T) {
	c := newFixture(t, fast)
	l := c.listen(c.token("alice"), "")
	c.publish(c.token("bob"), false)
	l.untilState("alice bob+")
	check(t, c.registry.Close())
	check(t, c.node.Close())
	untilMessage[wire.GoingAway](l)
	c.untilHistory("bob", "JOINED PUBLISH_STARTED PUBLISH_STOPPED LEFT")
	resp, said := c.ask("POST", "/whip", c.token("late").Raw, "application/sdp", offer(t, c))
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("publishing on a server that stops gives %d %v", resp.StatusCode, said)
	}
	c.read(func(tx *store.Tx) error {
		nodes, err := tx.Nodes()
		if len(nodes) != 0 {
			t.Errorf("the node is still known: %+v", nodes)
		}
		return err
	})
}

// TestServer_DisconnectsClientThatDoesNotRead sends to one client until its queue
// is full.
func TestServer_DisconnectsClientThatDoesNotRead(t *testing.T) {
	c := newFixture(t, fast)
	lazy := c.token("lazy", viewer)
	conn, _, err := websocket.Dial(c.ctx, lazy.EventsURL+"/"+lazy.StageID, &websocket.DialOptions{Subprotocols: []string{lazy.Raw}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.CloseNow() }() // dropped already
	heavy := strings.Repeat("x", 1000)
	for i := range 60 { // a state of 60 KB
		g := authority.Grant{Claims: c.claims(fmt.Sprint("p", i)), Account: c.stage.Account, Region: c.stage.Region}
		g.Attributes = map[string]string{"a": heavy}
		if _, err := c.registry.OpenSocket(g, stage.SocketConfig{Deliver: func(stage.Message) {}}); err != nil {
			t.Fatal(err)
		}
	}
	quick := c.listen(c.token("quick", viewer), "")
	alice := c.listen(c.token("alice"), "")
	for i := 0; c.participant("lazy").State != ivsrealtime.ParticipantDisconnected; i++ {
		alice.send(fmt.Sprintf(`{"type":"MUTE","payload":{"audioMuted":%t}}`, i%2 == 0))
		quick.until("the mute", func(m wire.Message) bool {
			changed, ok := m.Payload.(wire.MuteChanged)
			return ok && changed.AudioMuted == (i%2 == 0)
		})
	}
	if got := c.participant("quick").State; got != ivsrealtime.ParticipantConnected {
		t.Errorf("the quick client is %s", got)
	}
}
