package signaling_test

import (
	"fmt"
	"strings"

	"github.com/coder/websocket"

	"rostrum/internal/wire"
	"rostrum/realtime"
)

// A socketClient is a client's events socket.
type socketClient struct {
	c        *fixture
	conn     *websocket.Conn
	messages chan wire.Message // closed when the socket ends
	end      error             // valid once messages is closed
}

// listen opens the events socket of a token.
func (c *fixture) listen(t realtime.Token, query string) *socketClient {
	c.Helper()
	l, err := c.tryListen(t, query)
	if err != nil {
		c.Fatal(err)
	}
	return l
}

func (c *fixture) tryListen(t realtime.Token, query string) (*socketClient, error) {
	conn, _, err := websocket.Dial(c.ctx, t.EventsURL+"/"+t.StageID+query, &websocket.DialOptions{Subprotocols: []string{t.Raw}})
	if err != nil {
		return nil, err
	}
	return c.follow(conn), nil
}

// follow reads a socket's messages.
func (c *fixture) follow(conn *websocket.Conn) *socketClient {
	conn.SetReadLimit(8 << 20)
	l := &socketClient{c: c, conn: conn, messages: make(chan wire.Message, 1000)}
	go func() {
		defer close(l.messages)
		for {
			var data []byte
			if _, data, l.end = conn.Read(c.ctx); l.end != nil {
				return
			}
			m, ok := wire.Decode(data)
			if !ok {
				l.end = fmt.Errorf("the server sent %s", data)
				return
			}
			l.messages <- m
		}
	}()
	c.Cleanup(func() {
		_ = conn.CloseNow() // closed already, in most tests
		for range l.messages {
		}
	})
	return l
}

// until returns the first message that fits.
func (l *socketClient) until(what string, fits func(m wire.Message) bool) wire.Message {
	l.c.Helper()
	var seen []string
	for {
		select {
		case m, ok := <-l.messages:
			if !ok {
				l.c.Fatalf("the socket ended (%v) before %s; it got %s", l.end, what, seen)
			}
			seen = append(seen, fmt.Sprintf("%s%+v", m.Type, m.Payload))
			if fits(m) {
				return m
			}
		case <-l.c.ctx.Done():
			l.c.Fatalf("%s did not arrive, only %s", what, seen)
		}
	}
}

// untilMessage returns the first message with such a payload.
func untilMessage[P wire.Payload](l *socketClient) P {
	l.c.Helper()
	var p P
	l.until(string(p.Type()), func(m wire.Message) bool {
		var ok bool
		p, ok = m.Payload.(P)
		return ok
	})
	return p
}

// untilState waits until the state has exactly these participants: "alice+"
// publishes, "bob" does not.
func (l *socketClient) untilState(want string) wire.Message {
	l.c.Helper()
	return l.until("the state "+want, func(m wire.Message) bool {
		s, ok := m.Payload.(wire.StageState)
		return ok && describe(s) == want
	})
}

func describe(s wire.StageState) string {
	var all []string
	for _, p := range s.Participants {
		if p.IsPublishing {
			p.ID += "+"
		}
		all = append(all, p.ID)
	}
	return strings.Join(all, " ")
}

func (l *socketClient) send(message string) {
	l.c.Helper()
	if err := l.conn.Write(l.c.ctx, websocket.MessageText, []byte(message)); err != nil {
		l.c.Fatal(err)
	}
}

// leave closes the socket as a client that leaves.
func (l *socketClient) leave() { _ = l.conn.Close(websocket.StatusNormalClosure, "") }
