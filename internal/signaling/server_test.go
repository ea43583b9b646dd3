package signaling_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rostrum/internal/wire"
	"rostrum/ivsrealtime"
	"rostrum/realtime"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestServer_ConnectsPublishersAndViewers(t *testing.T) {
	c := newFixture(t, fast)
	alice, bob, carol := c.token("alice"), c.token("bob"), c.token("carol", viewer)
	watching := c.listen(carol, "")
	watching.untilState("carol")
	a := c.publish(alice, false)
	watching.untilState("carol alice+")
	c.publish(bob, false)
	watching.untilState("carol alice+ bob+")

	fromAlice, fromBob := c.subscribe(carol, "alice"), c.subscribe(carol, "bob")
	c.subscribe(bob, "alice")
	c.untilHistory("carol", "JOINED SUBSCRIBE_STARTED:alice SUBSCRIBE_STARTED:bob")
	p := c.participant("alice")
	if !p.Published || p.State != ivsrealtime.ParticipantConnected || p.Protocol != ivsrealtime.ProtocolWHIP || p.UserID != "user-alice" || p.FirstJoinTime.IsZero() {
		t.Errorf("alice is stored as %+v", p)
	}

	check(t, a.Close())
	watching.untilState("carol bob+")
	c.untilHistory("alice", "JOINED PUBLISH_STARTED PUBLISH_STOPPED LEFT")
	c.untilHistory("carol", "JOINED SUBSCRIBE_STARTED:alice SUBSCRIBE_STARTED:bob SUBSCRIBE_STOPPED:alice")
	if got := c.participant("alice").State; got != ivsrealtime.ParticipantDisconnected {
		t.Errorf("alice is %s after leaving", got)
	}
	check(t, fromAlice.Close())
	check(t, fromBob.Close())
	watching.leave()
	c.untilHistory("carol", "JOINED SUBSCRIBE_STARTED:alice SUBSCRIBE_STARTED:bob SUBSCRIBE_STOPPED:alice SUBSCRIBE_STOPPED:bob LEFT")
}

func TestServer_EndsSessionAfterLastParticipantLeft(t *testing.T) {
	c := newFixture(t, fast)
	first := c.listen(c.token("alice", viewer), "")
	first.untilState("alice")
	first.leave()
	c.eventually("the session ends", func() bool {
		return c.events() == "Session Started, Participant Joined alice, Participant Left alice, Session Ended"
	})
	again := c.listen(c.token("bob", viewer), "?after=1")
	again.untilState("bob")
	if got, want := c.events(), "Session Started, Participant Joined alice, Participant Left alice, Session Ended, Session Started, Participant Joined bob"; got != want {
		t.Errorf("events are %s, want %s", got, want)
	}
}

func TestServer_SelectsLayers(t *testing.T) {
	c := newFixture(t, fast)
	c.publish(c.token("alice"), true)
	carol := c.token("carol", viewer)
	watching := c.listen(carol, "")
	watching.untilState("alice+ carol")
	sub := c.subscribe(carol, "alice")
	for _, label := range []string{"hi", "mid"} {
		if _, err := sub.SelectLayer(c.ctx, label); err != nil {
			t.Fatal(err)
		}
		watching.until("layer "+label, func(m wire.Message) bool {
			selected, ok := m.Payload.(wire.LayerSelected)
			return ok && selected.Label == label && selected.ParticipantID == "alice"
		})
	}
	c.eventually("the choice shows what flows", func() bool {
		now, err := sub.SelectLayer(c.ctx, "mid")
		return err == nil && now.Label == "mid" && now.Requested == "mid" && now.Video != nil && *now.Video && now.Width > 0
	})
	if _, err := sub.Receive(c.ctx, realtime.Video, false); err != nil {
		t.Fatal(err)
	}
	c.eventually("the video stops", func() bool {
		now, err := sub.SelectLayer(c.ctx, "auto")
		return err == nil && now.Video != nil && !*now.Video
	})
	if _, err := sub.SelectLayer(c.ctx, "golden"); problemOf(err).Status != http.StatusUnprocessableEntity {
		t.Errorf("an unknown layer gives %v", err)
	}
}

func TestServer_ReportsMissingCodecToViewer(t *testing.T) {
	c := newFixture(t, fast)
	c.publish(c.token("alice"), false)
	carol := c.token("carol", viewer)
	watching := c.listen(carol, "")
	watching.untilState("alice+ carol")
	withoutH264 := strings.ReplaceAll(offer(t, c), " H264/90000", " H266/90000")
	withoutH264 = strings.ReplaceAll(withoutH264, "a=sendonly", "a=recvonly")
	if resp, said := c.ask("POST", "/whip/subscribe/alice", carol.Raw, "application/sdp", withoutH264); resp.StatusCode != http.StatusCreated {
		t.Fatalf("subscribing gives %d %v", resp.StatusCode, said)
	}
	watching.until("no-codec", func(m wire.Message) bool {
		return m.Payload == wire.LayerSelected{ParticipantID: "alice", Kind: wire.Video, Paused: true, Reason: wire.PausedNoCodec}
	})
}

func TestServer_NewerClientReplacesOlderOfSameToken(t *testing.T) {
	c := newFixture(t, fast)
	alice := c.token("alice")
	older := c.listen(alice, "")
	older.untilState("alice")
	first := c.publish(alice, false)
	older.untilState("alice+")
	newer := c.listen(alice, "")
	if n := untilMessage[wire.Kicked](older); n.Reason != wire.ReasonTokenReused {
		t.Errorf("the older client got %q", n.Reason)
	}
	newer.untilState("alice+")
	c.publish(alice, false)
	select {
	case <-first.Done():
	case <-c.ctx.Done():
		t.Fatal("the older publication goes on")
	}
	if m := untilMessage[wire.PublishState](newer); m.IsPublishing || !m.Replaced {
		t.Errorf("the end of the older publication is told by %+v, expected that a newer one begins", m)
	}
	newer.untilState("alice")
	if m := untilMessage[wire.PublishState](newer); !m.IsPublishing || m.Replaced {
		t.Errorf("the newer publication is told by %+v", m)
	}
	check(t, first.Close())
	if !errors.Is(first.Err(), realtime.TokenReused) {
		t.Errorf("the older client sees the end as %v, want %v", first.Err(), realtime.TokenReused)
	}
	c.untilHistory("alice", "JOINED PUBLISH_STARTED PUBLISH_STOPPED PUBLISH_STARTED")
	newer.untilState("alice+")
}

func TestServer_DisconnectedParticipantGetsReasonAndCannotReturn(t *testing.T) {
	c := newFixture(t, fast)
	alice := c.token("alice")
	l := c.listen(alice, "")
	p := c.publish(alice, false)
	l.untilState("alice+")
	c.revoke("alice")
	check(t, c.registry.Disconnect(c.ctx, c.stage.String(), "alice", "be nice"))
	if n := untilMessage[wire.Kicked](l); n.Reason != wire.ReasonDisconnected || n.Detail != "be nice" {
		t.Errorf("alice got %+v", n)
	}
	select {
	case <-p.Done():
	case <-c.ctx.Done():
		t.Fatal("the publication goes on")
	}
	if err := p.Close(); problemOf(err).Code != "PARTICIPANT_DISCONNECTED" {
		t.Errorf("ending what has ended gives %v", err)
	}
	if !errors.Is(p.Err(), realtime.ErrEnded) {
		t.Errorf("its client takes it for %v, want %v", p.Err(), realtime.ErrEnded)
	}
	c.untilHistory("alice", "JOINED PUBLISH_STARTED PUBLISH_STOPPED LEFT")
	_, err := c.tryPublish(alice, false)
	if got := problemOf(err); got.Status != http.StatusForbidden || got.Code != "PARTICIPANT_DISCONNECTED" {
		t.Errorf("publishing again gives %v", err)
	}
}

func TestServer_DeletedStageClosesAllConnections(t *testing.T) {
	c := newFixture(t, fast)
	alice := c.token("alice")
	l := c.listen(alice, "")
	c.publish(alice, false)
	l.untilState("alice+")
	c.deleteStage()
	check(t, c.registry.StageDeleted(c.ctx, c.stage.String()))
	untilMessage[wire.StageDeleted](l)
	_, err := c.tryPublish(alice, false)
	if got := problemOf(err); got.Status != http.StatusNotFound || got.Code != "STAGE_DELETED" {
		t.Errorf("publishing again gives %v", err)
	}
	want := "Session Started, Participant Joined alice, Participant Published alice, Participant Unpublished alice, Participant Left alice, Session Ended"
	if got := c.events(); got != want {
		t.Errorf("events are\n%s, want\n%s", got, want)
	}
}

// TestServer_ClientThatVanishesLeavesAfterGrace cuts a client off without a close frame.
func TestServer_ClientThatVanishesLeavesAfterGrace(t *testing.T) {
	c := newFixture(t, fast)
	watching := c.listen(c.token("bob", viewer), "")
	alice := c.token("alice", viewer)
	l := c.listen(alice, "")
	watching.untilState("bob alice")
	_ = l.conn.CloseNow()       // no close frame
	back := c.listen(alice, "") // it reconnects in time
	back.untilState("bob alice")
	_ = back.conn.CloseNow()
	lost := time.Now()
	watching.untilState("bob")
	if took := time.Since(lost); took < 400*time.Millisecond || took > 2*time.Second {
		t.Errorf("alice was gone after %v, the grace is 500 ms", took)
	}
	c.untilHistory("alice", "JOINED LEFT")
}

func TestServer_BroadcastsMutes(t *testing.T) {
	c := newFixture(t, fast)
	alice := c.listen(c.token("alice"), "")
	bob := c.listen(c.token("bob"), "")
	bob.untilState("alice bob")
	alice.send(`{"type":"MUTE","payload":{"audioMuted":true}}`)
	if m := untilMessage[wire.MuteChanged](bob); m != (wire.MuteChanged{ParticipantID: "alice", AudioMuted: true}) {
		t.Errorf("bob got %+v", m)
	}
	alice.send(`{"type":"CLIENT_INFO","payload":{"browserName":"Lynx","browserVersion":"2","osName":"Plan 9","osVersion":"4","sdkVersion":"0.1"}}`)
	c.eventually("the client is known", func() bool {
		p := c.participant("alice")
		return p.BrowserName == "Lynx" && p.OSName == "Plan 9" && p.SDKVersion == "0.1"
	})
	alice.send(`{"type":"PING"}`)
	untilMessage[wire.Pong](alice)
}

func TestServer_ReconnectingClientGetsMissedMessages(t *testing.T) {
	c := newFixture(t, fast)
	bob := c.token("bob", viewer)
	l := c.listen(bob, "?changes=only")
	seen := l.untilState("bob").Sequence
	_ = l.conn.CloseNow()
	alice := c.listen(c.token("alice"), "")
	alice.untilState("bob alice")
	l = c.listen(bob, fmt.Sprintf("?changes=only&after=%d", seen))
	m := <-l.messages
	if m.Type != "PARTICIPANT_JOINED" || m.Sequence <= seen {
		t.Errorf("the first message is %s %d %+v", m.Type, m.Sequence, m.Payload)
	}
	alice.leave()
	untilMessage[wire.ParticipantLeft](l)
}
