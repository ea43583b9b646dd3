package signaling_test

import (
	"encoding/json"
	"strings"

	"github.com/coder/websocket"

	"rostrum/internal/peer"
)

// A line is a client's events socket.
type line struct {
	c    *scene
	conn *websocket.Conn
	said chan peer.Message // closed at the end
	end  error             // read it after said is closed
}

// listen opens the events socket of a token.
func (c *scene) listen(t peer.Token, query string) *line {
	c.Helper()
	l, err := c.tryListen(t, query)
	if err != nil {
		c.Fatal(err)
	}
	return l
}

func (c *scene) tryListen(t peer.Token, query string) (*line, error) {
	conn, _, err := websocket.Dial(c.ctx, t.EventsURL+"/"+t.StageID+query, &websocket.DialOptions{Subprotocols: []string{t.Raw}})
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(8 << 20)
	l := &line{c: c, conn: conn, said: make(chan peer.Message, 1000)}
	go func() {
		defer close(l.said)
		for {
			var data []byte
			if _, data, l.end = conn.Read(c.ctx); l.end != nil {
				return
			}
			var m peer.Message
			if l.end = json.Unmarshal(data, &m); l.end != nil {
				return
			}
			l.said <- m
		}
	}()
	c.Cleanup(func() {
		_ = conn.CloseNow() // closed already, mostly
		for range l.said {
		}
	})
	return l, nil
}

// until returns the first message that fits.
func (l *line) until(what string, fits func(m peer.Message) bool) peer.Message {
	l.c.Helper()
	var seen []string
	for {
		select {
		case m, ok := <-l.said:
			if !ok {
				l.c.Fatalf("the socket ended (%v) before %s; it said %s", l.end, what, seen)
			}
			seen = append(seen, m.Type+string(m.Payload))
			if fits(m) {
				return m
			}
		case <-l.c.ctx.Done():
			l.c.Fatalf("%s was not said, only %s", what, seen)
		}
	}
}

func (l *line) untilType(kind string) peer.Message {
	l.c.Helper()
	return l.until(kind, func(m peer.Message) bool { return m.Type == kind })
}

// untilState waits for the whole state to show exactly these participants:
// "alice+" publishes, "bob" doesn't.
func (l *line) untilState(want string) peer.Message {
	l.c.Helper()
	return l.until("the state "+want, func(m peer.Message) bool {
		s, ok := m.State()
		return ok && describe(s) == want
	})
}

func describe(s peer.StageState) string {
	var all []string
	for _, p := range s.Participants {
		if p.IsPublishing {
			p.ID += "+"
		}
		all = append(all, p.ID)
	}
	return strings.Join(all, " ")
}

func (l *line) say(message string) {
	l.c.Helper()
	if err := l.conn.Write(l.c.ctx, websocket.MessageText, []byte(message)); err != nil {
		l.c.Fatal(err)
	}
}

// hang up as a client that leaves.
func (l *line) leave() { _ = l.conn.Close(websocket.StatusNormalClosure, "") }
