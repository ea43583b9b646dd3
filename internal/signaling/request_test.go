package signaling_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"rostrum/internal/token"
	"rostrum/internal/wire"
	"rostrum/realtime"
)

// A way carries requests of one participant to the server.
type way func(request wire.Request) wire.Reply

// ways are all ways of requests, from the moment a participant's client begins.
var ways = map[string]func(c *fixture, t realtime.Token) way{
	"HTTP":       overHTTP,
	"socket":     func(c *fixture, t realtime.Token) way { return c.listen(t, "").requests("") },
	"attachment": overAttachment,
}

func overHTTP(c *fixture, t realtime.Token) way {
	return func(request wire.Request) wire.Reply {
		c.Helper()
		method, path, contentType, body, ifMatch := "DELETE", "/whip", "application/sdp", "", ""
		switch r := request.(type) {
		case wire.Publish:
			method, body = "POST", r.Offer
		case wire.Subscribe:
			method, path, body = "POST", "/whip/subscribe/"+r.ParticipantID, r.Offer
		case wire.Patch:
			method, path, contentType, body, ifMatch = "PATCH", "/whip/sessions/"+r.Connection, "application/trickle-ice-sdpfrag", r.Fragment, r.IfMatch
		case wire.SelectLayer:
			method, path, contentType, body = "POST", "/whip/sessions/"+r.Connection+"/layer", "application/json", encodeJSON(c, r)
		case wire.End:
			path = "/whip/sessions/" + r.Connection
		}
		var header []string
		if ifMatch != "" {
			header = []string{"If-Match", ifMatch}
		}
		response, said := c.ask(method, path, t.Raw, contentType, body, header...)
		reply := wire.Reply{ETag: response.Header.Get("ETag"), Location: response.Header.Get("Location")}
		text, _ := said["text"].(string)
		switch {
		case response.StatusCode >= 400:
			reply.Error = &wire.Problem{}
			check(c, json.Unmarshal([]byte(encodeJSON(c, said)), reply.Error))
			reply.Error.RetryAfter, _ = strconv.Atoi(response.Header.Get("Retry-After"))
		case method == "PATCH":
			reply.Fragment = text
		case contentType == "application/json":
			reply.Layer = &wire.Flow{}
			check(c, json.Unmarshal([]byte(encodeJSON(c, said)), reply.Layer))
		case method == "POST":
			reply.Answer, reply.Connection = text, reply.Location[strings.LastIndex(reply.Location, "/")+1:]
			var ice wire.ICEServer
			if _, err := fmt.Sscanf(response.Header.Get("Link"), `<%s rel="ice-server"; username=%q; credential=%q;`, &ice.URL, &ice.Username, &ice.Credential); err != nil {
				c.Errorf("Link is %q: %v", response.Header.Get("Link"), err)
			}
			ice.URL = strings.TrimSuffix(ice.URL, ">;")
			reply.ICEServers = []wire.ICEServer{ice}
		}
		return reply
	}
}

func overAttachment(c *fixture, t realtime.Token) way {
	key, kid := c.importKey(account)
	l := c.connect(c.connectionToken(key, kid))
	l.attach("a", t, "")
	untilOf[wire.StageState](l, "a", nil)
	return l.requests("a")
}

func encodeJSON(c *fixture, v any) string {
	c.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		c.Fatal(err)
	}
	return string(data)
}

// requests sends requests about an attachment, or about the socket's own stage, and returns
// their replies.
func (l *socketClient) requests(attachment string) way {
	n := 0
	return func(request wire.Request) wire.Reply {
		l.c.Helper()
		n++
		id := fmt.Sprint("r", n)
		l.request(attachment, id, request)
		return l.reply(attachment, id)
	}
}

func (l *socketClient) request(attachment, id string, request wire.Request) {
	l.c.Helper()
	data := wire.EncodeID(id, request)
	if attachment != "" {
		data = wire.WithAttachment(attachment, data)
	}
	l.send(string(data))
}

func (l *socketClient) reply(attachment, id string) wire.Reply {
	l.c.Helper()
	return l.until("the reply to "+id, func(m wire.Message) bool {
		_, ok := m.Payload.(wire.Reply)
		return ok && m.ID == id && m.Attachment == attachment
	}).Payload.(wire.Reply)
}

// describeReply is a reply without what differs from one to the next.
func describeReply(r wire.Reply) string {
	var has []string
	add := func(name string, there bool) {
		if there {
			has = append(has, name)
		}
	}
	if r.Error != nil {
		add(fmt.Sprint(r.Error.Status, " ", r.Error.Code), true)
		add("retry", r.Error.RetryAfter > 0)
	}
	add("connection", r.Connection != "" && r.Location == "/whip/sessions/"+r.Connection)
	add("etag", r.ETag != "")
	add("answer", strings.Contains(r.Answer, "a=candidate:"))
	add("fragment", strings.Contains(r.Fragment, "a=ice-ufrag:"))
	add("ice", len(r.ICEServers) == 1 && r.ICEServers[0].Credential == "proof" && strings.HasPrefix(r.ICEServers[0].URL, "turn:"))
	add("layer", r.Layer != nil)
	return strings.Join(has, " ")
}

// TestRequests_AreAnsweredTheSameByEveryWay: HTTP, a participant's socket, a connection.
func TestRequests_AreAnsweredTheSameByEveryWay(t *testing.T) {
	const opened = "connection etag answer ice"
	problems := map[string]wire.Problem{} // by step
	for name, begin := range ways {
		t.Run(name, func(t *testing.T) {
			c := newFixture(t, fast)
			alice := begin(c, c.token("alice"))
			bob := begin(c, c.token("bob"))
			carol := begin(c, c.token("carol", viewer))
			dave := begin(c, c.token("dave", func(x *token.Claims) { x.Subscribe = false }))
			sdp := offer(t, c)
			receive := strings.ReplaceAll(sdp, "a=sendonly", "a=recvonly")
			const section = "\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
			candidate := "a=ice-ufrag:" + attribute(sdp, "ice-ufrag") + "\r\na=ice-pwd:" + attribute(sdp, "ice-pwd") + section +
				"a=candidate:1 1 udp 2130706431 127.0.0.1 9 typ host\r\na=end-of-candidates\r\n"
			restart := "a=ice-ufrag:ABCD\r\na=ice-pwd:abcdefghijklmnopqrstuvwx" + section
			low, unknown, long, no := "auto", "golden", strings.Repeat("x", 5000), false
			var published, received wire.Reply
			step := func(what string, who way, request wire.Request, want string) wire.Reply {
				t.Helper()
				reply := who(request)
				if got := describeReply(reply); got != want {
					t.Errorf("%s: %s (%+v), want %s", what, got, reply.Error, want)
				}
				if reply.Error != nil {
					if other, ok := problems[what]; ok && other != *reply.Error {
						t.Errorf("%s: %+v, and by another way %+v", what, *reply.Error, other)
					}
					problems[what] = *reply.Error
				}
				return reply
			}
			published = step("publish", alice, wire.Publish{Offer: sdp}, opened)
			step("publish nothing", bob, wire.Publish{}, "400 INVALID_INPUT")
			step("publish no SDP", bob, wire.Publish{Offer: "hello"}, "400 INVALID_INPUT")
			step("publish too much", bob, wire.Publish{Offer: strings.Repeat("a", 65537)}, "413 INVALID_INPUT")
			step("publish the largest", bob, wire.Publish{Offer: strings.Repeat("a", 65536)}, "400 INVALID_INPUT")
			step("publish without a codec", bob, wire.Publish{Offer: strings.NewReplacer("H264", "H263", "VP8", "H261", "VP9", "theora", "AV1", "dirac").Replace(sdp)}, "422 CODEC_MISMATCH")
			step("publish as viewer", carol, wire.Publish{Offer: sdp}, "403 TOKEN_NOT_ALLOWED")
			received = step("subscribe", carol, wire.Subscribe{ParticipantID: "alice", Offer: receive}, opened)
			step("subscribe to nobody", carol, wire.Subscribe{ParticipantID: "nobody", Offer: receive}, "404 PUBLISHER_NOT_FOUND")
			step("subscribe to oneself", alice, wire.Subscribe{ParticipantID: "alice", Offer: receive}, "404 PUBLISHER_NOT_FOUND")
			step("subscribe without the right", dave, wire.Subscribe{ParticipantID: "alice", Offer: receive}, "403 TOKEN_NOT_ALLOWED")
			step("subscribe with too much", carol, wire.Subscribe{ParticipantID: "alice", Offer: strings.Repeat("a", 65537)}, "413 INVALID_INPUT")
			step("candidates", alice, wire.Patch{Connection: published.Connection, Fragment: candidate}, "etag")
			step("candidates on a condition", alice, wire.Patch{Connection: published.Connection, Fragment: candidate, IfMatch: published.ETag}, "etag")
			step("candidates of another session", alice, wire.Patch{Connection: published.Connection, Fragment: candidate, IfMatch: `"other"`}, "412 PRECONDITION_FAILED")
			step("restart without condition", alice, wire.Patch{Connection: published.Connection, Fragment: restart}, "428 PRECONDITION_FAILED")
			step("no fragment", alice, wire.Patch{Connection: published.Connection, Fragment: "hello"}, "400 INVALID_INPUT")
			step("too large a fragment", alice, wire.Patch{Connection: published.Connection, Fragment: strings.Repeat("a", 65537)}, "413 INVALID_INPUT")
			if again := step("restart", alice, wire.Patch{Connection: published.Connection, Fragment: restart, IfMatch: "*"}, "etag fragment"); again.ETag == published.ETag {
				t.Error("a restart does not change the ETag")
			}
			step("choose a layer", carol, wire.SelectLayer{Connection: received.Connection, Label: &low, Video: &no}, "layer")
			step("choose an unknown layer", carol, wire.SelectLayer{Connection: received.Connection, Label: &unknown}, "422 INVALID_INPUT")
			step("choose too long a layer", carol, wire.SelectLayer{Connection: received.Connection, Label: &long}, "413 INVALID_INPUT")
			step("choose a layer to send", alice, wire.SelectLayer{Connection: published.Connection, Label: &low}, "422 INVALID_INPUT")
			for _, who := range []way{bob, carol} {
				step("change another's", who, wire.Patch{Connection: published.Connection, Fragment: restart, IfMatch: "*"}, "404 RESOURCE_NOT_FOUND")
				step("choose another's layer", who, wire.SelectLayer{Connection: published.Connection, Label: &low}, "404 RESOURCE_NOT_FOUND")
				step("end another's", who, wire.End{Connection: published.Connection}, "404 RESOURCE_NOT_FOUND")
			}
			step("end what never was", alice, wire.End{Connection: "abcdefghijklmnopqrstuvwx"}, "404 RESOURCE_NOT_FOUND")
			newer := step("publish again", alice, wire.Publish{Offer: sdp}, opened)
			step("end what was replaced", alice, wire.End{Connection: published.Connection}, "404 TOKEN_REUSED")
			step("end", alice, wire.End{Connection: newer.Connection}, "")
			step("end again", alice, wire.End{Connection: newer.Connection}, "404 RESOURCE_NOT_FOUND")
			step("subscribe after the end", carol, wire.Subscribe{ParticipantID: "alice", Offer: receive}, "404 PUBLISHER_NOT_FOUND")
		})
	}
}

// TestRequests_OpenNothingOnceTheTokenExpired: but what exists can be ended.
func TestRequests_OpenNothingOnceTheTokenExpired(t *testing.T) {
	for name, begin := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newFixture(t, fast)
			expires := time.Now().Add(8 * time.Second).Truncate(time.Second) // time to publish, on a busy machine
			alice := begin(c, c.token("alice", func(x *token.Claims) { x.ExpiresAt = expires }))
			published := alice(wire.Publish{Offer: offer(t, c)})
			c.eventually("the token expires", func() bool { return time.Now().After(expires) })
			if got := describeReply(alice(wire.Publish{Offer: offer(t, c)})); got != "401 TOKEN_EXPIRED" {
				t.Errorf("publishing is answered %q", got)
			}
			if got := describeReply(alice(wire.End{Connection: published.Connection})); got != "" {
				t.Errorf("ending is answered %q", got)
			}
		})
	}
}

// TestRequests_ReachConnectionsOfEveryWay: a media connection is the participant's, not the
// socket's.
func TestRequests_ReachConnectionsOfEveryWay(t *testing.T) {
	for from, begin := range ways {
		for to, end := range ways {
			t.Run(from+" to "+to, func(t *testing.T) {
				c := newFixture(t, fast)
				alice := c.token("alice")
				published := begin(c, alice)(wire.Publish{Offer: offer(t, c)})
				if got := describeReply(end(c, alice)(wire.End{Connection: published.Connection})); got != "" {
					t.Errorf("ending is answered %q", got)
				}
			})
		}
	}
}

func TestRequests_OutliveTheSocketThatMadeThem(t *testing.T) {
	c := newFixture(t, fast)
	alice, carol := c.token("alice"), c.listen(c.token("carol", viewer), "")
	first, without := c.listen(alice, ""), c.listen(c.token("dave"), "")
	published := first.requests("")(wire.Publish{Offer: offer(t, c)})
	carol.untilState("carol alice dave")
	check(t, first.conn.CloseNow())
	check(t, without.conn.CloseNow())
	carol.untilState("carol alice") // dave, who has no media, is gone after the grace
	second := c.listen(alice, "").requests("")
	if got := describeReply(second(wire.Patch{Connection: published.Connection, Fragment: "a=ice-ufrag:ABCD\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n", IfMatch: "*"})); got != "etag fragment" {
		t.Errorf("restarting ICE on a newer socket is answered %q", got)
	}
	if resp, said := c.ask("DELETE", published.Location, alice.Raw, "", ""); resp.StatusCode != 200 {
		t.Errorf("DELETE of its URL: %d %v", resp.StatusCode, said)
	}
}

// TestRequests_FollowTheNewestToken: after an exchange, its rights count at once.
func TestRequests_FollowTheNewestToken(t *testing.T) {
	c := newFixture(t, fast)
	key, kid := c.importKey(account)
	issued := time.Now().Truncate(time.Second).Add(-time.Minute)
	of := func(publish bool) realtime.Token {
		claims := c.claims("alice")
		issued = issued.Add(time.Second)
		claims.KeyARN, claims.Publish, claims.IssuedAt = kid, publish, issued
		return c.asToken(c.sign(key, claims))
	}
	l := c.listen(of(false), "")
	alice := l.requests("")
	for _, may := range []bool{false, true, false} {
		l.send(`{"type":"EXCHANGE_TOKEN","payload":{"token":"` + of(may).Raw + `"}}`)
		untilMessage[wire.TokenExchanged](l)
		want := "403 TOKEN_NOT_ALLOWED"
		if may {
			want = "connection etag answer ice"
		}
		if got := describeReply(alice(wire.Publish{Offer: offer(t, c)})); got != want {
			t.Errorf("with a token that allows it: %t; publishing is answered %q", may, got)
		}
	}
}
