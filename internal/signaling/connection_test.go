package signaling_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/store"
	"rostrum/internal/token"
	"rostrum/internal/wire"
	"rostrum/ivsrealtime"
	"rostrum/realtime"
)

func TestConnection_CarriesStagesApart(t *testing.T) {
	c := newFixture(t, fast)
	key, kid := c.importKey(account)
	l := c.connect(c.connectionToken(key, kid))
	second := c.newStage(account)
	l.attach("one", c.token("alice"), "")
	l.attach("two", c.token("alice2", on(second)), "")
	attached := map[string]wire.Attached{}
	l.until("both ATTACHED", func(m wire.Message) bool {
		if p, ok := m.Payload.(wire.Attached); ok {
			attached[m.Attachment] = p
		}
		return len(attached) == 2
	})
	if want := map[string]wire.Attached{"one": {StageID: c.stage.ID, ParticipantID: "alice"}, "two": {StageID: second.ID, ParticipantID: "alice2"}}; !maps.Equal(attached, want) {
		t.Errorf("attached %v", attached)
	}
	bob := c.listen(c.token("bob"), "")
	untilOf(l, "one", has("alice bob"))
	l.send(`{"type":"MUTE","attachment":"one","payload":{"audioMuted":true}}`)
	bob.until("the mute", func(m wire.Message) bool {
		p, ok := m.Payload.(wire.MuteChanged)
		return ok && p.ParticipantID == "alice" && p.AudioMuted && m.Attachment == ""
	})
	carol := c.listen(c.token("carol", on(second)), "")
	untilOf(l, "two", has("alice2 carol"))
	l.send(`{"type":"DETACH","attachment":"one"}`)
	untilOf(l, "one", func(p wire.Detached) bool { return p.Reason == wire.ReasonDetached })
	bob.untilState("bob")
	carol.leave()
	untilOf(l, "two", has("alice2"))
	l.attach("one", c.token("alice"), "") // the name is free again
	untilOf(l, "one", has("bob alice"))
	l.send(`{"type":"PING"}`)
	untilMessage[wire.Pong](l)
}

// A client that knows what it will request sends it with ATTACH, and saves a round trip.
func TestConnection_HoldsRequestsUntilTheirStageIsJoined(t *testing.T) {
	c := newFixture(t, fast)
	key, kid := c.importKey(account)
	l := c.connect(c.connectionToken(key, kid))
	o := offer(t, c)
	l.attach("a", c.token("alice"), "")
	l.request("a", "r", wire.Publish{Offer: o})
	untilOf[wire.StageState](l, "a", nil)
	if reply := l.reply("a", "r"); reply.Error != nil || reply.Connection == "" {
		t.Errorf("got %q", describeReply(reply))
	}
}

// A client that does not know the publishers yet names them by their places, and saves the
// round trip of the state. That there are fewer is no fault of its participant.
func TestConnection_SubscribesByPlaceBeforeTheStateIsKnown(t *testing.T) {
	c := newFixture(t, fast)
	alice := c.token("alice")
	c.publish(alice, false)
	c.listen(alice, "").untilState("alice+")
	c.publish(c.token("bob"), false)
	c.listen(c.token("dave", viewer), "").untilState("alice+ bob+ dave")
	key, kid := c.importKey(account)
	receive := strings.ReplaceAll(offer(t, c), "a=sendonly", "a=recvonly")
	for _, of := range []struct {
		who  realtime.Token
		want string
	}{{c.token("carol", viewer), "alice bob 404 PUBLISHER_NOT_FOUND"}, {alice, "bob 404 PUBLISHER_NOT_FOUND 404 PUBLISHER_NOT_FOUND"}} {
		l := c.connect(c.connectionToken(key, kid))
		l.attach("a", of.who, "")
		for place := range 3 {
			l.request("a", fmt.Sprint(place), wire.Subscribe{Place: place + 1, Offer: receive})
		}
		untilOf[wire.StageState](l, "a", nil)
		replies := map[string]string{}
		for range 3 {
			m := untilOf[wire.Reply](l, "a", nil)
			reply := m.Payload.(wire.Reply)
			replies[m.ID] = reply.ParticipantID
			if reply.Error != nil {
				replies[m.ID] = describeReply(reply)
			}
		}
		if got := strings.Join([]string{replies["0"], replies["1"], replies["2"]}, " "); got != of.want {
			t.Errorf("%s is answered %q, want %q", of.who.ParticipantID, got, of.want)
		}
	}
	c.untilHistory("carol", "JOINED")
}

func TestConnection_LeavesAllStagesWhenItIsClosed(t *testing.T) {
	c := newFixture(t, fast)
	key, kid := c.importKey(account)
	l := c.connect(c.connectionToken(key, kid))
	second := c.newStage(account)
	alice := c.token("alice")
	l.attach("one", alice, "")
	l.attach("two", c.token("alice2", on(second)), "")
	bob, carol := c.listen(c.token("bob"), ""), c.listen(c.token("carol", on(second)), "")
	c.publish(alice, false)
	bob.until("alice's media", func(m wire.Message) bool {
		s, ok := m.Payload.(wire.StageState)
		return ok && strings.Contains(describe(s), "alice+")
	})
	carol.until("alice2", func(m wire.Message) bool {
		s, ok := m.Payload.(wire.StageState)
		return ok && strings.Contains(describe(s), "alice2")
	})
	l.leave()
	bob.untilState("bob")
	carol.untilState("carol")
}

func TestConnection_ResumesEveryStageAfterItWasLost(t *testing.T) {
	cfg := fast
	cfg.Grace = 20 * time.Second
	c := newFixture(t, cfg)
	key, kid := c.importKey(account)
	raw := c.connectionToken(key, kid)
	second := c.newStage(account)
	tokens := map[string]realtime.Token{"one": c.token("alice"), "two": c.token("alice2", on(second))}
	l := c.connect(raw)
	last := map[string]uint64{}
	for name, t := range tokens {
		l.attach(name, t, "")
		last[name] = untilOf[wire.StageState](l, name, nil).Sequence
	}
	check(t, l.conn.CloseNow())
	bob, carol := c.listen(c.token("bob"), ""), c.listen(c.token("carol", on(second)), "")
	bob.untilState("alice bob")
	carol.untilState("alice2 carol")
	again := c.connect(raw)
	for name, t := range tokens {
		again.attach(name, t, fmt.Sprintf(`,"after":%d,"changesOnly":true`, last[name]))
	}
	joined := map[string]string{}
	again.until("what both missed", func(m wire.Message) bool {
		if p, ok := m.Payload.(wire.ParticipantJoined); ok {
			joined[m.Attachment] = p.ID
		}
		return maps.Equal(joined, map[string]string{"one": "bob", "two": "carol"})
	})
}

func TestConnection_RevokedLeavesAllStagesWithinASecond(t *testing.T) {
	c := newFixture(t, fast)
	key, kid := c.importKey(account)
	raw := c.connectionToken(key, kid, func(claims *token.ConnectionClaims) { claims.ID = "leaked" })
	other := c.connectionToken(key, kid)
	l, kept := c.connect(raw), c.connect(other)
	kept.attach("a", c.token("kept"), "")
	untilOf[wire.StageState](kept, "a", nil)
	watch := c.listen(c.token("watch"), "")
	const stages = 20
	for i := range stages {
		name := c.stage
		if i > 0 {
			name = c.newStage(account)
		}
		l.attach(fmt.Sprint("s", i), c.token(fmt.Sprint("p", i), on(name)), "")
	}
	for got := 0; got < stages; {
		l.until("ATTACHED", func(m wire.Message) bool { _, ok := m.Payload.(wire.Attached); return ok })
		got++
	}
	c.publish(c.token("p0"), false)
	watch.until("the publisher", func(m wire.Message) bool {
		s, ok := m.Payload.(wire.StageState)
		return ok && strings.Contains(describe(s), "p0+")
	})

	start := time.Now()
	c.write(func(tx *store.Tx) error { // as any node does it
		return tx.RevokeConnection(store.ConnectionID{Account: account, Region: region, ID: "leaked"}, start, start.Add(time.Hour))
	})
	closed := untilMessage[wire.ConnectionClosed](l)
	watch.until("p0's leave", func(m wire.Message) bool {
		p, ok := m.Payload.(wire.ParticipantLeft)
		return ok && p.ParticipantID == "p0"
	})
	if took := time.Since(start); took > time.Second {
		t.Errorf("took %v", took)
	}
	if closed.Reason != wire.ReasonRevoked || closed.Code != "TOKEN_REVOKED" {
		t.Errorf("closed with %+v", closed)
	}
	if _, code := c.tryConnect(raw); code != "403 TOKEN_REVOKED" {
		t.Errorf("the revoked token is answered %q", code)
	}
	kept.send(`{"type":"MUTE","attachment":"a","payload":{"audioMuted":true}}`)
	untilOf(kept, "a", func(p wire.MuteChanged) bool { return p.AudioMuted })
}

func TestConnection_RevokedEndsAllConnectionsOfTheTokenWhateverTheClock(t *testing.T) {
	c := newFixture(t, fast)
	key, kid := c.importKey(account)
	for name, skew := range map[string]time.Duration{"slow": -4 * time.Minute, "fast": 4 * time.Minute} {
		raw := c.connectionToken(key, kid, func(claims *token.ConnectionClaims) { claims.ID = name })
		sameID := c.connectionToken(key, kid, func(claims *token.ConnectionClaims) { // issued again, with an id that is no longer good
			claims.ID, claims.ExpiresAt = name, claims.ExpiresAt.Add(time.Hour)
		})
		kept := c.connect(c.connectionToken(key, kid))
		all := []*socketClient{c.connect(raw), c.connect(raw), c.connect(sameID)}
		now := time.Now().Add(skew) // of the node that revokes
		c.write(func(tx *store.Tx) error {
			return tx.RevokeConnection(store.ConnectionID{Account: account, Region: region, ID: name}, now, now.Add(token.MaxConnectionLifetime+token.Leeway))
		})
		for _, l := range all {
			if closed := untilMessage[wire.ConnectionClosed](l); closed.Reason != wire.ReasonRevoked {
				t.Errorf("revoked by a clock that is %s: closed with %+v", name, closed)
			}
		}
		for _, replayed := range []string{raw, sameID} {
			if _, code := c.tryConnect(replayed); code != "403 TOKEN_REVOKED" {
				t.Errorf("revoked by a clock that is %s: the token is answered %q", name, code)
			}
		}
		kept.send(`{"type":"PING"}`)
		untilMessage[wire.Pong](kept)
	}
}

func TestConnection_ExpiredIsClosed(t *testing.T) {
	c := newFixture(t, fast)
	key, kid := c.importKey(account)
	raw := c.connectionToken(key, kid, func(claims *token.ConnectionClaims) {
		claims.ExpiresAt = time.Now().Add(3 * time.Second).Truncate(time.Second)
	})
	l := c.connect(raw)
	l.attach("a", c.token("alice"), "")
	untilOf[wire.StageState](l, "a", nil)
	watch := c.listen(c.token("watch"), "")
	if closed := untilMessage[wire.ConnectionClosed](l); closed.Reason != wire.ReasonForcedLeave || closed.Code != "TOKEN_EXPIRED" {
		t.Errorf("closed with %+v", closed)
	}
	watch.untilState("watch")
	if _, code := c.tryConnect(raw); code != "401 TOKEN_EXPIRED" {
		t.Errorf("the expired token is answered %q", code)
	}
}

func TestConnection_RefusesBadTokens(t *testing.T) {
	c := newFixture(t, fast)
	key, kid := c.importKey(account)
	stranger, _ := c.importKey(account)
	gone, goneKid := c.importKey(account)
	c.write(func(tx *store.Tx) error { return tx.PublicKeys().Delete(goneKid) })
	at := func(issued, expires time.Duration) func(*token.ConnectionClaims) {
		return func(claims *token.ConnectionClaims) {
			now := time.Now().Truncate(time.Second)
			claims.IssuedAt, claims.ExpiresAt = now.Add(issued), now.Add(expires)
		}
	}
	for name, tt := range map[string]struct{ raw, want string }{
		"good":                          {c.connectionToken(key, kid), ""},
		"of a clock half a minute fast": {c.connectionToken(key, kid, at(30*time.Second, time.Hour)), ""},
		"of a clock two minutes fast":   {c.connectionToken(key, kid, at(2*time.Minute, time.Hour)), "401 TOKEN_MALFORMED"},
		"of four weeks":                 {c.connectionToken(key, kid, at(0, 28*24*time.Hour)), ""},
		"expired":                       {c.connectionToken(key, kid, at(-time.Hour, -time.Second)), "401 TOKEN_EXPIRED"},
		"no token":                      {"a.b.c", "401 TOKEN_MALFORMED"},
		"a participant token":           {c.token("alice").Raw, "401 TOKEN_MALFORMED"},
		"of another key":                {c.connectionToken(stranger, kid), "401 TOKEN_MALFORMED"},
		"of a deleted key":              {c.connectionToken(gone, goneKid), "401 TOKEN_MALFORMED"},
		"without a key":                 {c.connectionToken(key, ""), "401 TOKEN_MALFORMED"},
		"of another account":            {c.connectionToken(key, kid, func(claims *token.ConnectionClaims) { claims.AccountID = "999900001111" }), "401 TOKEN_MALFORMED"},
		"of another region":             {c.connectionToken(key, kid, func(claims *token.ConnectionClaims) { claims.Region = "us-east-1" }), "401 TOKEN_MALFORMED"},
		"of another server":             {c.connectionToken(key, kid, func(claims *token.ConnectionClaims) { claims.EventsURL += "/" }), "401 TOKEN_MALFORMED"},
	} {
		if _, got := c.tryConnect(tt.raw); got != tt.want {
			t.Errorf("%s: %q, expected %q", name, got, tt.want)
		}
	}
}

func TestConnection_SaysWhyAStageIsNotAttached(t *testing.T) {
	c := newFixture(t, fast)
	key, kid := c.importKey(account)
	l := c.connect(c.connectionToken(key, kid))
	others := c.newStage("999900001111")
	l.attach("taken", c.token("alice"), "")
	untilOf[wire.StageState](l, "taken", nil)
	for name, tt := range map[string]struct {
		token realtime.Token
		code  string
	}{
		"others": {c.token("alice", on(others)), "TOKEN_NOT_ALLOWED"},
		"no":     {realtime.Token{Raw: "no"}, "TOKEN_MALFORMED"},
		"taken":  {c.token("bob"), "INVALID_INPUT"},
		"expired": {c.token("bob", func(claims *token.Claims) {
			claims.IssuedAt, claims.ExpiresAt = claims.IssuedAt.Add(-time.Hour), claims.IssuedAt.Add(-time.Second)
		}), "TOKEN_EXPIRED"},
		"deleted": {c.token("bob", on(arn.New(arn.Stage, account, region))), "STAGE_DELETED"},
	} {
		l.attach(name, tt.token, "")
		got := untilOf[wire.AttachFailed](l, name, nil).Payload.(wire.AttachFailed)
		if got.Code != tt.code || got.Detail == "" {
			t.Errorf("%s: %+v, expected %s", name, got, tt.code)
		}
	}
	// Nothing of this ends the connection, or is answered.
	for _, m := range []string{`{"type":"ATTACH"}`, `{"type":"ATTACH","attachment":"a\"b","payload":{"token":""}}`, `{"type":"DETACH","attachment":"none"}`, `{"type":"MUTE"}`, `[]`, `{`} {
		l.send(m)
	}
	l.send(`{"type":"PING"}`)
	if m := l.until("an answer", func(wire.Message) bool { return true }); m.Type != (wire.Pong{}).Type() {
		t.Errorf("got %+v", m)
	}
}

func TestConnection_ExchangesTheTokenOfOneStage(t *testing.T) {
	c := newFixture(t, fast)
	key, kid := c.importKey(account)
	l := c.connect(c.connectionToken(key, kid))
	second := c.newStage(account)
	of := func(id string, change ...func(*token.Claims)) realtime.Token {
		claims := c.claims(id, change...)
		claims.KeyARN = kid
		return c.asToken(c.sign(key, claims))
	}
	l.attach("one", of("alice"), "")
	untilOf[wire.StageState](l, "one", nil)
	l.attach("two", of("alice2", on(second)), "")
	untilOf[wire.StageState](l, "two", nil)
	renamed := of("alice", func(claims *token.Claims) { claims.UserID, claims.Publish = "al", false })
	l.send(`{"type":"EXCHANGE_TOKEN","attachment":"one","payload":{"token":"` + renamed.Raw + `"}}`)
	untilOf(l, "one", func(p wire.TokenExchanged) bool { return p.UserID == "al" })
	var history []ivsrealtime.Event
	c.read(func(tx *store.Tx) error {
		sessions, _, err := tx.Sessions(c.stage.String(), store.Page{Limit: 1})
		if err != nil {
			return err
		}
		history, _, err = tx.ParticipantEvents(store.ParticipantRef{StageARN: c.stage.String(), SessionID: sessions[0].ID, ParticipantID: "alice"}, store.Page{Limit: 10})
		return err
	})
	last := history[len(history)-1]
	if last.Name != ivsrealtime.EventTokenExchanged || last.PreviousToken == nil || last.NewToken == nil ||
		last.PreviousToken.UserID != "user-alice" || last.NewToken.UserID != "al" || len(last.PreviousToken.Capabilities) != 2 || len(last.NewToken.Capabilities) != 1 {
		t.Errorf("the history ends with %+v", last)
	}
	l.send(`{"type":"EXCHANGE_TOKEN","attachment":"two","payload":{"token":"` + renamed.Raw + `"}}`) // of another stage
	untilOf(l, "two", func(p wire.Kicked) bool { return p.Reason == wire.ReasonFailedExchange })
	bob := c.listen(c.token("bob"), "")
	bob.untilState("alice bob")
	untilOf(l, "one", has("alice bob"))
}
