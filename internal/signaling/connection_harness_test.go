package signaling_test

import (
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"rostrum/internal/arn"
	"rostrum/internal/store"
	"rostrum/internal/token"
	"rostrum/internal/wire"
	"rostrum/ivsrealtime"
	"rostrum/realtime"
)

const (
	account = "111122223333"
	region  = "eu-west-1"
)

// connectionToken signs a connection token.
func (c *fixture) connectionToken(key *ecdsa.PrivateKey, kid string, change ...func(*token.ConnectionClaims)) string {
	c.Helper()
	now := time.Now().Truncate(time.Second)
	claims := token.ConnectionClaims{
		ID: arn.NewID(), AccountID: account, Region: region, EventsURL: c.authority.Endpoints().Events, IssuedAt: now, ExpiresAt: now.Add(time.Hour), KeyARN: kid,
	}
	for _, f := range change {
		f(&claims)
	}
	raw, err := token.MintConnection(key, claims)
	if err != nil {
		c.Fatal(err)
	}
	return raw
}

// tryConnect opens a connection, or returns the code of the refusal.
func (c *fixture) tryConnect(raw string) (l *socketClient, code string) {
	c.Helper()
	l, response, err := c.dial(c.authority.Endpoints().Events, raw)
	if err == nil {
		return l, ""
	}
	if response == nil {
		c.Fatal(err)
	}
	body, _ := io.ReadAll(response.Body)
	var problem struct{ Code string }
	if err := json.Unmarshal(body, &problem); err != nil {
		c.Fatalf("%d %s: %v", response.StatusCode, body, err)
	}
	return nil, fmt.Sprint(response.StatusCode, " ", problem.Code)
}

func (c *fixture) connect(raw string) *socketClient {
	c.Helper()
	l, code := c.tryConnect(raw)
	if code != "" {
		c.Fatal(code)
	}
	return l
}

// newStage makes another stage.
func (c *fixture) newStage(account string) arn.ARN {
	name := arn.New(arn.Stage, account, region)
	c.write(func(tx *store.Tx) error { return tx.Stages().Create(&ivsrealtime.Stage{ARN: name.String()}) })
	return name
}

func on(name arn.ARN) func(*token.Claims) {
	return func(c *token.Claims) { c.StageARN, c.StageID = name.String(), name.ID }
}

func (l *socketClient) attach(name string, t realtime.Token, more string) {
	l.c.Helper()
	l.send(fmt.Sprintf(`{"type":"ATTACH","attachment":%q,"payload":{"token":%q%s}}`, name, t.Raw, more))
}

// untilOf returns the first message of an attachment with such a payload.
func untilOf[P wire.Payload](l *socketClient, name string, fits func(P) bool) wire.Message {
	l.c.Helper()
	var p P
	return l.until(name+"'s "+string(p.Type()), func(m wire.Message) bool {
		p, ok := m.Payload.(P)
		return ok && m.Attachment == name && (fits == nil || fits(p))
	})
}

func has(want string) func(wire.StageState) bool {
	return func(s wire.StageState) bool { return describe(s) == want }
}

// dial opens a WebSocket at a URL with a token.
func (c *fixture) dial(url, raw string) (*socketClient, *http.Response, error) {
	ctx, cancel := context.WithTimeout(c.ctx, 10*time.Second)
	defer cancel()
	conn, response, err := websocket.Dial(ctx, url, &websocket.DialOptions{Subprotocols: []string{raw}})
	if err != nil {
		return nil, response, err
	}
	return c.follow(conn), nil, nil
}
