package signaling_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"rostrum/internal/arn"
	"rostrum/internal/authority"
	"rostrum/internal/inbound"
	"rostrum/internal/signaling"
	"rostrum/internal/stage"
	"rostrum/internal/store"
	"rostrum/internal/token"
	"rostrum/ivsrealtime"
)

// askFromEverywhere makes each request come from an address of its own.
func (c *fixture) askFromEverywhere() {
	n := 0
	c.server.Client().Transport = &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		n++
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1, byte(n>>8), byte(n))}}
		return d.DialContext(ctx, network, address)
	}}
}

// ask sends one request as a participant's client.
func (c *fixture) ask(method, path, bearer, contentType, body string, header ...string) (*http.Response, map[string]any) {
	c.Helper()
	req, err := http.NewRequestWithContext(c.ctx, method, c.server.URL+path, strings.NewReader(body))
	if err != nil {
		c.Fatal(err)
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := c.server.Client().Do(req)
	if err != nil {
		c.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		c.Fatal(err)
	}
	said := map[string]any{}
	if strings.Contains(resp.Header.Get("Content-Type"), "json") {
		check(c, json.Unmarshal(raw, &said))
	} else {
		said["text"] = string(raw)
	}
	return resp, said
}

// importKey generates a key pair and imports the public key.
func (c *fixture) importKey(account string) (*ecdsa.PrivateKey, string) {
	c.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		c.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		c.Fatal(err)
	}
	name := arn.New(arn.PublicKey, account, c.stage.Region).String()
	c.write(func(tx *store.Tx) error {
		return tx.PublicKeys().Create(&ivsrealtime.PublicKey{ARN: name, Fingerprint: arn.NewID(),
			PublicKeyMaterial: string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))})
	})
	return key, name
}

func (c *fixture) sign(key *ecdsa.PrivateKey, claims token.Claims) string {
	c.Helper()
	raw, err := token.Mint(key, claims)
	if err != nil {
		c.Fatal(err)
	}
	return raw
}

// TestServer_EveryRouteRefusesEveryBadToken tries each bad token on each route.
func TestServer_EveryRouteRefusesEveryBadToken(t *testing.T) {
	c := newFixture(t, fast)
	own, kid := c.importKey(c.stage.Account)
	foreign, foreignKid := c.importKey("999900001111")
	gone, goneKid := c.importKey(c.stage.Account)
	deleted := arn.New(arn.Stage, c.stage.Account, c.stage.Region)
	c.write(func(tx *store.Tx) error { return tx.PublicKeys().Delete(goneKid) })
	c.revoke("revoked")
	by := func(key *ecdsa.PrivateKey, kid string, change func(*token.Claims)) string {
		claims := c.claims("mallory")
		claims.KeyARN = kid
		if change != nil {
			change(&claims)
		}
		return c.sign(key, claims)
	}
	good := by(own, kid, nil)
	unsigned := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + good[strings.IndexByte(good, '.'):strings.LastIndexByte(good, '.')] + "."
	cases := map[string]struct {
		raw    string
		status int
		code   string
	}{
		"no token":                   {"", 401, "TOKEN_MALFORMED"},
		"no JWT":                     {"abc", 401, "TOKEN_MALFORMED"},
		"alg none":                   {unsigned, 401, "TOKEN_MALFORMED"},
		"an unknown key's signature": {by(foreign, kid, nil), 401, "TOKEN_MALFORMED"},
		"another account's key":      {by(foreign, foreignKid, nil), 401, "TOKEN_MALFORMED"},
		"a deleted key":              {by(gone, goneKid, nil), 401, "TOKEN_MALFORMED"},
		"hidden":                     {by(own, kid, func(x *token.Claims) { x.Hidden = true }), 401, "TOKEN_MALFORMED"},
		"another server":             {by(own, kid, func(x *token.Claims) { x.WHIPURL += "x" }), 401, "TOKEN_MALFORMED"},
		"a deleted stage":            {by(own, kid, func(x *token.Claims) { x.StageARN, x.StageID = deleted.String(), deleted.ID }), 404, "STAGE_DELETED"},
		"a revoked participant":      {by(own, kid, func(x *token.Claims) { x.ParticipantID = "revoked" }), 403, "PARTICIPANT_DISCONNECTED"},
	}
	expired := by(own, kid, func(x *token.Claims) {
		x.IssuedAt, x.ExpiresAt = time.Now().Add(-2*time.Hour).Truncate(time.Second), time.Now().Add(-time.Hour).Truncate(time.Second)
	})
	c.askFromEverywhere()
	fill := strings.NewReplacer("{participantId}", "mallory", "{id}", "abcdefghijklmnopqrstuvwx", "{stageId}", c.stage.ID, "{$}", "")
	for _, route := range signaling.Routes() {
		method, path := route[0], fill.Replace(route[1])
		for name, bad := range cases {
			resp, said := c.ask(method, path, bad.raw, "application/sdp", "v=0")
			if resp.StatusCode != bad.status || said["code"] != bad.code || said["detail"] == "" || said["title"] == "" {
				t.Errorf("%s %s with %s: %d %v, want %d %s", method, path, name, resp.StatusCode, said, bad.status, bad.code)
			}
		}
		resp, said := c.ask(method, path, expired, "application/sdp", "v=0")
		want := "401 TOKEN_EXPIRED"
		if strings.Contains(path, "/sessions/") {
			want = "404 RESOURCE_NOT_FOUND" // the holder may still end the connections that it made
		}
		if got := fmt.Sprint(resp.StatusCode, " ", said["code"]); got != want {
			t.Errorf("%s %s with an expired token: %s, want %s", method, path, got, want)
		}
	}
	for _, header := range []string{"Basic " + good, good, "Bearer"} {
		if resp, _ := c.ask("POST", "/whip", "", "application/sdp", "v=0", "Authorization", header); resp.StatusCode != 401 {
			t.Errorf("Authorization %.10s…: %d", header, resp.StatusCode)
		}
	}
	if resp, _ := c.ask("POST", "/whip?access_token="+good, "", "application/sdp", "v=0"); resp.StatusCode != 401 {
		t.Errorf("a token in the query is accepted: %d", resp.StatusCode)
	}
}

func TestServer_LimitsForgedTokensOfOneAddress(t *testing.T) {
	c := newFixture(t, fast)
	forged := c.token("alice").Raw
	forged = forged[:len(forged)-4] + "AAAA"
	for n := range 12 {
		resp, said := c.ask("POST", "/whip", forged, "application/sdp", "v=0")
		expected := http.StatusUnauthorized
		if n >= 10 {
			expected = http.StatusTooManyRequests
		}
		if resp.StatusCode != expected || said["code"] != "TOKEN_MALFORMED" || (resp.Header.Get("Retry-After") != "") != (n >= 10) {
			t.Errorf("forged token %d is answered by %d %v", n, resp.StatusCode, said)
		}
	}
	if resp, _ := c.ask("OPTIONS", "/whip", forged, "", ""); resp.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a forged token for the ICE servers is answered by %d", resp.StatusCode)
	}
	if resp, _ := c.ask("OPTIONS", "/whip", c.token("bob").Raw, "", ""); resp.StatusCode != http.StatusNoContent {
		t.Errorf("a valid token for the ICE servers is answered by %d", resp.StatusCode)
	}
	resp, said := c.ask("POST", "/whip", c.token("bob").Raw, "application/sdp", offer(t, c))
	if resp.StatusCode != http.StatusCreated {
		t.Errorf("a valid token of the same address is answered by %d %v", resp.StatusCode, said)
	}
	if resp, _ := c.ask("POST", "/whip", "", "application/sdp", "v=0"); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("no token is answered by %d", resp.StatusCode)
	}
	families, err := c.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]float64{}
	for _, m := range families[0].GetMetric() {
		counts[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
	}
	if counts["forged"] != 13 || counts["limited"] != 3 || counts["token_malformed"] != 1 {
		t.Errorf("the metrics count %v", counts)
	}
}

func TestServer_EnforcesCapabilities(t *testing.T) {
	c := newFixture(t, fast)
	carol := c.token("carol", viewer)
	watching := c.listen(carol, "")
	watching.untilState("carol")
	_, err := c.tryPublish(carol, false)
	if got := problemOf(err); got.Status != 403 || got.Code != "TOKEN_NOT_ALLOWED" {
		t.Errorf("a viewer who publishes gets %v", err)
	}
	c.publish(c.token("alice"), false)
	mute := c.token("dave", func(x *token.Claims) { x.Subscribe = false })
	listening := c.listen(mute, "")
	listening.untilState("carol alice+ dave")
	_, err = c.trySubscribe(mute, "alice", nil)
	if got := problemOf(err); got.Status != 403 || got.Code != "TOKEN_NOT_ALLOWED" {
		t.Errorf("a participant without the capability to subscribe gets %v", err)
	}
	_, err = c.trySubscribe(carol, "nobody", nil)
	if got := problemOf(err); got.Status != 404 || got.Code != "PUBLISHER_NOT_FOUND" {
		t.Errorf("subscribing to nobody gives %v", err)
	}
	c.untilHistory("carol", "JOINED PUBLISH_ERROR:INSUFFICIENT_CAPABILITIES SUBSCRIBE_ERROR:nobody:PUBLISHER_NOT_FOUND")
	c.untilHistory("dave", "JOINED SUBSCRIBE_ERROR:alice:INSUFFICIENT_CAPABILITIES")
	if resp, said := c.ask("POST", "/whip/publish/alice", carol.Raw, "application/sdp", "v=0"); resp.StatusCode != 403 || said["code"] != "TOKEN_NOT_ALLOWED" {
		t.Errorf("publishing as another gives %d %v", resp.StatusCode, said)
	}
	elsewhere := arn.New(arn.Stage, c.stage.Account, c.stage.Region)
	if resp, _ := c.ask("GET", "/events/"+elsewhere.ID, carol.Raw, "", ""); resp.StatusCode != 403 {
		t.Errorf("another stage's events give %d", resp.StatusCode)
	}
	if resp, _ := c.ask("GET", "/events/"+c.stage.ID, carol.Raw, "", ""); resp.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("asking without upgrading gives %d", resp.StatusCode)
	}
}

func TestServer_RefusesRequestsForConnectionsOfOthers(t *testing.T) {
	c := newFixture(t, fast)
	alice, bob := c.token("alice"), c.token("bob")
	resp, answer := c.ask("POST", "/whip", alice.Raw, "application/sdp", offer(t, c))
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("publishing gives %d %v", resp.StatusCode, answer)
	}
	at := resp.Header.Get("Location")
	for _, try := range [][3]string{{"DELETE", at, ""}, {"PATCH", at, "a=ice-ufrag:xxxx"}, {"POST", at + "/layer", "{}"}} {
		other, saidOther := c.ask(try[0], try[1], bob.Raw, "application/sdp", try[2], "If-Match", "*")
		none, saidNone := c.ask(try[0], strings.Replace(try[1], at, "/whip/sessions/abcdefghijklmnopqrstuvwx", 1), bob.Raw, "application/sdp", try[2], "If-Match", "*")
		if other.StatusCode != 404 || none.StatusCode != 404 || fmt.Sprint(saidOther) != fmt.Sprint(saidNone) {
			t.Errorf("%s by another: %d %v; of none: %d %v", try[0], other.StatusCode, saidOther, none.StatusCode, saidNone)
		}
	}
	if resp, _ := c.ask("DELETE", at, alice.Raw, "", ""); resp.StatusCode != 200 {
		t.Errorf("ending one's own gives %d", resp.StatusCode)
	}
	if resp, said := c.ask("DELETE", at, alice.Raw, "", ""); resp.StatusCode != 404 || said["code"] != "RESOURCE_NOT_FOUND" {
		t.Errorf("ending it again gives %d %v", resp.StatusCode, said)
	}
}

func TestServer_ReportsInvalidBodies(t *testing.T) {
	c := newFixture(t, fast)
	alice := c.token("alice").Raw
	good := offer(t, c)
	cases := map[string]struct {
		contentType, body string
		status            int
		code              string
	}{
		"another type":    {"application/json", good, 415, "INVALID_INPUT"},
		"no type":         {"", good, 415, "INVALID_INPUT"},
		"no SDP":          {"application/sdp", "hello", 400, "INVALID_INPUT"},
		"an empty body":   {"application/sdp", "", 400, "INVALID_INPUT"},
		"a megabyte":      {"application/sdp", strings.Repeat("a", 1<<20), 413, "INVALID_INPUT"},
		"no usable codec": {"application/sdp", strings.NewReplacer("H264", "H263", "VP8", "H261", "VP9", "theora", "AV1", "dirac").Replace(good), 422, "CODEC_MISMATCH"},
	}
	for name, bad := range cases {
		resp, said := c.ask("POST", "/whip", alice, bad.contentType, bad.body)
		if resp.StatusCode != bad.status || said["code"] != bad.code || resp.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %v, want %d %s", name, resp.StatusCode, said, bad.status, bad.code)
		}
	}
	if resp, _ := c.ask("GET", "/whip", alice, "", ""); resp.StatusCode != 405 || resp.Header.Get("Allow") != "POST, OPTIONS" {
		t.Errorf("GET gives %d, Allow %q", resp.StatusCode, resp.Header.Get("Allow"))
	}
	if resp, _ := c.ask("POST", "/whip/elsewhere", alice, "", ""); resp.StatusCode != 404 {
		t.Errorf("an unknown path gives %d", resp.StatusCode)
	}
}

func TestServer_AllowsAllOrigins(t *testing.T) {
	c := newFixture(t, fast)
	for _, path := range []string{"/whip", "/whip/publish/a", "/whip/subscribe/a", "/whip/sessions/a", "/whip/sessions/a/layer"} {
		resp, _ := c.ask("OPTIONS", path, "", "", "", "Origin", "https://page.example", "Access-Control-Request-Method", "POST")
		h := resp.Header
		if resp.StatusCode != 204 || h.Get("Access-Control-Allow-Origin") != "*" ||
			!strings.Contains(h.Get("Access-Control-Allow-Headers"), "Authorization") || h.Get("Access-Control-Allow-Methods") == "" {
			t.Errorf("%s: %d %v", path, resp.StatusCode, h)
		}
	}
	session, _ := c.ask("OPTIONS", "/whip/sessions/a", "", "", "", "Origin", "https://page.example", "Access-Control-Request-Method", "PATCH")
	for header, all := range map[string][]string{"Access-Control-Allow-Methods": {"DELETE", "PATCH"}, "Access-Control-Expose-Headers": {"Location", "Link", "ETag"}} {
		for _, want := range all {
			if !strings.Contains(session.Header.Get(header), want) {
				t.Errorf("%s of a connection lacks %s: %q", header, want, session.Header.Get(header))
			}
		}
	}
	resp, _ := c.ask("POST", "/whip", "bad", "application/sdp", "", "Origin", "https://page.example")
	if resp.Header.Get("Access-Control-Allow-Origin") != "*" || resp.Header.Get("WWW-Authenticate") == "" {
		t.Errorf("a refusal has the headers %v", resp.Header)
	}
	alice := c.token("alice")
	conn, _, err := websocket.Dial(c.ctx, alice.EventsURL+"/"+alice.StageID, &websocket.DialOptions{
		Subprotocols: []string{alice.Raw}, HTTPHeader: http.Header{"Origin": {"https://page.example"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if conn.Subprotocol() != alice.Raw {
		t.Error("the token is not echoed as the sub-protocol")
	}
	check(t, conn.CloseNow())
	_, resp, err = websocket.Dial(c.ctx, alice.EventsURL+"/"+alice.StageID, &websocket.DialOptions{Subprotocols: []string{"chat", alice.Raw}})
	if err == nil || resp.StatusCode != 401 {
		t.Errorf("a second sub-protocol gives %v", err)
	}
}

func TestServer_AnswersOnlyPagesThatMayCall(t *testing.T) {
	c := newFixture(t, stage.Config{})
	d := signaling.New(c.registry, c.authority, signaling.Config{Origins: &inbound.Origins{List: []string{"https://app.example"}}})
	defer func() { check(t, d.Close()) }()
	for origin, expected := range map[string]int{"https://app.example": 401, "https://evil.example": 403, "": 401} {
		r := httptest.NewRequest(http.MethodPost, "/whip", nil)
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		w := httptest.NewRecorder()
		d.ServeHTTP(w, r)
		allowed := w.Header().Get("Access-Control-Allow-Origin")
		if w.Code != expected || (allowed == origin) != (expected == 401) {
			t.Errorf("%q is answered by %d for %q %s", origin, w.Code, allowed, w.Body)
		}
	}
}

// The managed service takes no WHIP offer without video. Pages that publish by messages are not
// affected.
func TestServer_RefusesAudioAloneByWHIPWhereItIsSet(t *testing.T) {
	c := newFixture(t, fast)
	both := offer(t, c)
	alone := both[:strings.Index(both, "m=video")]
	alone = regexp.MustCompile(`a=group:BUNDLE .*`).ReplaceAllString(alone, "a=group:BUNDLE "+regexp.MustCompile(`a=mid:(\S+)`).FindStringSubmatch(alone)[1])
	strict := signaling.New(c.registry, c.authority, signaling.Config{WHIPNeedsVideo: true})
	defer func() { check(t, strict.Close()) }()
	for _, try := range []struct {
		name, offer string
		handler     http.Handler
		status      int
	}{
		{"audio alone", alone, c.signaling, http.StatusCreated},
		{"audio and video where video is needed", both, strict, http.StatusCreated},
		{"audio alone where video is needed", alone, strict, http.StatusUnprocessableEntity},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, c.authority.Endpoints().WHIP, strings.NewReader(try.offer))
		r.Header.Set("Authorization", "Bearer "+c.token("alice").Raw)
		r.Header.Set("Content-Type", "application/sdp")
		w := httptest.NewRecorder()
		try.handler.ServeHTTP(w, r)
		if w.Code != try.status {
			t.Errorf("%s is answered %d: %s", try.name, w.Code, w.Body)
		}
		if w.Code != http.StatusCreated && !strings.Contains(w.Body.String(), "CODEC_MISMATCH") {
			t.Errorf("%s is refused with %s", try.name, w.Body)
		}
	}
	if _, _, err := c.registry.Publish(authority.Grant{Account: "111122223333", Region: "eu-west-1", Claims: c.claims("bob")}, alone, stage.Client{}); err != nil {
		t.Errorf("by message it is refused: %v", err)
	}
}
