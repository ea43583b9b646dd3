package signaling_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"rostrum/internal/arn"
	"rostrum/internal/stage"
	"rostrum/internal/store"
	"rostrum/internal/token"
	"rostrum/internal/wire"
)

func TestRequests_ReportWhatIsNoRequest(t *testing.T) {
	c := newFixture(t, fast)
	key, kid := c.importKey(account)
	l := c.connect(c.connectionToken(key, kid))
	l.attach("a", c.token("alice"), "")
	untilOf[wire.StageState](l, "a", nil)
	for _, tt := range []struct{ message, id, attachment, want string }{
		{`{"type":"PUBLISH","attachment":"a","payload":{"offer":"v=0"}}`, "", "a", "400 INVALID_INPUT"},
		{`{"type":"PUBLISH","attachment":"a","id":"` + strings.Repeat("x", 65) + `","payload":{"offer":"v=0"}}`, "", "a", "400 INVALID_INPUT"},
		{`{"type":"PUBLISH","attachment":"a","id":"1","payload":{"offer":7}}`, "1", "a", "400 INVALID_INPUT"},
		{`{"type":"END","attachment":"a","id":"2"}`, "2", "a", "400 INVALID_INPUT"},
		{`{"type":"END","attachment":"a","id":"\"<\u0000","payload":{}}`, "\"<\x00", "a", "404 RESOURCE_NOT_FOUND"},
		{`{"type":"END","attachment":"b","id":"3","payload":{"connection":"c"}}`, "3", "b", "404 RESOURCE_NOT_FOUND"},
		{`{"type":"END","attachment":"b\"c","id":"4","payload":{"connection":"c"}}`, "4", "", "404 RESOURCE_NOT_FOUND"},
		{`{"type":"END","id":"5","payload":{"connection":"c"}}`, "5", "", "404 RESOURCE_NOT_FOUND"},
	} {
		l.send(tt.message)
		if got := describeReply(l.reply(tt.attachment, tt.id)); got != tt.want {
			t.Errorf("%s is answered %q, want %q", tt.message, got, tt.want)
		}
	}
	l.send(`{"type":"REPLY","id":"6","payload":{}}`) // of the server only
	l.send(`{"type":"PING"}`)
	untilMessage[wire.Pong](l)
}

func TestRequests_RepeatTheirIdEveryTime(t *testing.T) {
	c := newFixture(t, fast)
	l := c.listen(c.token("alice"), "")
	for range 10 {
		l.request("", "same", wire.End{Connection: "none"})
	}
	for range 10 {
		l.reply("", "same")
	}
}

// TestRequests_AreRefusedWhenTooManyAreUnderWay: the store holds them up.
func TestRequests_AreRefusedWhenTooManyAreUnderWay(t *testing.T) {
	c := newFixture(t, fast)
	l := c.listen(c.token("alice"), "")
	l.untilState("alice")
	sdp := offer(t, c)
	held, release := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- c.store.Write(c.ctx, func(*store.Tx) error {
			select {
			case <-held:
			default:
				close(held)
			}
			<-release
			return nil
		})
	}()
	<-held
	const n = 40
	for i := range n {
		l.request("", fmt.Sprint("r", i), wire.Publish{Offer: sdp})
	}
	refused := l.until("a refusal", func(m wire.Message) bool {
		r, ok := m.Payload.(wire.Reply)
		return ok && r.Error != nil
	}).Payload.(wire.Reply)
	if got := describeReply(refused); got != "429 STAGE_AT_CAPACITY retry" {
		t.Errorf("refused with %q", got)
	}
	close(release)
	check(t, <-done)
	for replies := 1; replies < n; replies++ {
		untilMessage[wire.Reply](l)
	}
	if got := describeReply(l.requests("")(wire.Publish{Offer: sdp})); got != "connection etag answer ice" {
		t.Errorf("afterwards publishing is answered %q", got)
	}
}

// TestRequests_TenThousandNeitherStopTheServerNorOthers: the sender is read more slowly.
func TestRequests_TenThousandNeitherStopTheServerNorOthers(t *testing.T) {
	c := newFixture(t, fast)
	attacker := c.listen(c.token("mallory"), "")
	flooding := make(chan struct{})
	go func() {
		defer close(flooding)
		message := wire.EncodeID("1", wire.Publish{Offer: strings.Repeat("a=x\r\n", 10_000)})
		for range 10_000 {
			if attacker.conn.Write(c.ctx, websocket.MessageText, message) != nil {
				return // the test ends
			}
		}
	}()
	attacker.reply("", "1")
	alice := c.listen(c.token("alice"), "").requests("")
	for range 5 {
		if got := describeReply(alice(wire.Publish{Offer: offer(t, c)})); got != "connection etag answer ice" {
			t.Errorf("another publishes with %q", got)
		}
	}
	check(t, attacker.conn.CloseNow())
	<-flooding
}

func TestRequests_EndTheSocketIfTheyAreTooLong(t *testing.T) {
	c := newFixture(t, fast)
	l := c.listen(c.token("alice"), "")
	l.untilState("alice")
	err := l.conn.Write(c.ctx, websocket.MessageText, wire.EncodeID("1", wire.Publish{Offer: strings.Repeat("a", 1<<20)}))
	for range l.messages {
	}
	if websocket.CloseStatus(l.end) != websocket.StatusMessageTooBig && err == nil {
		t.Errorf("the socket ended with %v", l.end)
	}
	if got := describeReply(c.listen(c.token("alice"), "").requests("")(wire.Publish{Offer: offer(t, c)})); got != "connection etag answer ice" {
		t.Errorf("a newer socket is answered %q", got)
	}
}

// FuzzSocket_AnswersEachRequestOnce: whatever a message has, and nothing else gets a reply.
func FuzzSocket_AnswersEachRequestOnce(f *testing.F) {
	c := newFixture(f, fast)
	c.ctx = f.Context()
	grant, err := c.authority.Authorize(c.ctx, c.token("alice").Raw)
	if err != nil {
		f.Fatal(err)
	}
	socket, err := c.registry.OpenSocket(grant, stage.SocketConfig{Deliver: func(stage.Message) {}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(socket.Close)
	label, video := "low", false
	for _, request := range []wire.Request{
		wire.Publish{Offer: offer(f, c)}, wire.Subscribe{ParticipantID: "bob", Offer: offer(f, c)}, wire.Patch{Connection: "x", Fragment: "a=ice-ufrag:ABCD\r\n", IfMatch: "*"},
		wire.SelectLayer{Connection: "x", Label: &label, Video: &video}, wire.End{Connection: "x"},
	} {
		f.Add(wire.EncodeID("7", request))
		f.Add(wire.EncodeID("", request))
	}
	for _, message := range []string{`{"type":"PUBLISH","id":"1"}`, `{"type":"PUBLISH","id":1,"payload":{}}`, `{"type":"END","id":"1","payload":{"connection":["x"]}}`,
		`{"type":"MUTE","id":"1","payload":{"audioMuted":true}}`, `{"type":"REPLY","id":"1","payload":{}}`, `{"type":"PING"}`, `[]`, ``} {
		f.Add([]byte(message))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		sent, _ := wire.Decode(data)
		var replies []wire.Message
		for _, answer := range c.signaling.Answer(socket, data) {
			if m, _ := wire.Decode(answer.Data); m.Type == (wire.Reply{}).Type() {
				replies = append(replies, m)
			}
		}
		switch {
		case !sent.Type.IsRequest() && len(replies) > 0, sent.Type.IsRequest() && len(replies) != 1:
			t.Fatalf("%q is answered %+v", data, replies)
		case len(replies) == 1 && wire.ValidID(sent.ID) && replies[0].ID != sent.ID:
			t.Fatalf("%q is answered with the id %q", data, replies[0].ID)
		}
	})
}

// TestRequests_BringNobodyBack: what is under way when a participant leaves opens nothing.
func TestRequests_BringNobodyBack(t *testing.T) {
	for name, leave := range map[string]func(l *socketClient){
		"detached": func(l *socketClient) { l.send(`{"type":"DETACH","attachment":"a"}`) },
		"closed":   func(l *socketClient) { l.leave() },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := fast
			cfg.Linger = time.Minute
			c := newFixture(t, cfg)
			key, kid := c.importKey(account)
			watch := c.listen(c.token("watch"), "")
			sdp := offer(t, c)
			for i := range 10 {
				l := c.connect(c.connectionToken(key, kid))
				id := fmt.Sprint("p", i)
				l.attach("a", c.token(id), "")
				untilOf[wire.StageState](l, "a", nil)
				l.request("a", "1", wire.Publish{Offer: sdp})
				leave(l)
				watch.until(id+" leaves", func(m wire.Message) bool {
					p, ok := m.Payload.(wire.ParticipantLeft)
					return ok && p.ParticipantID == id
				})
				if name == "detached" {
					l.until("DETACHED", func(m wire.Message) bool { _, ok := m.Payload.(wire.Detached); return ok })
					l.attach("a", c.token("next"+id), "")
					l.until("ATTACHED without a reply to what was before", func(m wire.Message) bool {
						if _, late := m.Payload.(wire.Reply); late {
							t.Error("a reply after the last message")
						}
						_, ok := m.Payload.(wire.Attached)
						return ok
					})
					l.leave()
				}
			}
			c.eventually("only the watcher is there", func() bool { return c.counts().Participants == 1 && c.counts().Publishers == 0 })
		})
	}
}

func (c *fixture) counts() stage.Counts {
	for _, n := range c.registry.Counts() {
		if n.StageID == c.stage.ID {
			return n
		}
	}
	return stage.Counts{}
}

// TestConnection_RevokedWhilePublishingLeavesAllStagesWithinASecond: twenty stages, published
// by message. A busy machine may spoil a try.
func TestConnection_RevokedWhilePublishingLeavesAllStagesWithinASecond(t *testing.T) {
	c := newFixture(t, fast)
	var took time.Duration
	for range 5 {
		if took = c.revokeWhilePublishing(20); took <= time.Second {
			return
		}
	}
	t.Errorf("leaving took %v", took)
}

// revokeWhilePublishing returns how long it takes until the publishers of a connection have
// left their stages, after its token was revoked.
func (c *fixture) revokeWhilePublishing(stages int) time.Duration {
	c.Helper()
	key, kid := c.importKey(account)
	id := arn.NewID()
	l := c.connect(c.connectionToken(key, kid, func(claims *token.ConnectionClaims) { claims.ID = id }))
	sdp := offer(c, c)
	var watching []*socketClient
	for i := range stages {
		name, attachment := c.newStage(account), fmt.Sprint("s", i)
		l.attach(attachment, c.token(fmt.Sprint("p", i), on(name)), "")
		l.request(attachment, "publish", wire.Publish{Offer: sdp}) // without waiting for ATTACHED
		watching = append(watching, c.listen(c.token(fmt.Sprint("w", i), on(name)), ""))
	}
	for range stages {
		if reply := l.until("a reply", func(m wire.Message) bool { return m.ID == "publish" }).Payload.(wire.Reply); reply.Error != nil {
			c.Fatalf("publishing is refused: %+v", reply.Error)
		}
	}
	start := time.Now()
	c.write(func(tx *store.Tx) error { // as any node does it
		return tx.RevokeConnection(store.ConnectionID{Account: account, Region: region, ID: id}, start, start.Add(time.Hour))
	})
	for i, w := range watching {
		w.until("the publisher's leave", func(m wire.Message) bool {
			p, ok := m.Payload.(wire.ParticipantLeft)
			return ok && p.ParticipantID == fmt.Sprint("p", i)
		})
	}
	took := time.Since(start)
	untilMessage[wire.ConnectionClosed](l)
	for _, n := range c.registry.Counts() {
		if n.Publishers > 0 {
			c.Errorf("after the leave: %+v", n)
		}
	}
	return took
}
