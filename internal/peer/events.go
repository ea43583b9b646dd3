package peer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"rostrum/internal/wire"
	"strconv"
	"sync"
	"time"

	"github.com/coder/websocket"
)

const (
	messageBytes = 8 << 20 // a STAGE_STATE with a hundred publishers and their attributes
	pingEvery    = 15 * time.Second
)

// Events listens to a stage's events socket. Its zero value is not usable: see
// NewEvents.
type Events struct {
	url    string
	bearer string
	client *http.Client
	hello  []wire.Payload

	broke func() // called after each socket; nil calls nothing

	mu   sync.Mutex // guards what follows
	conn *websocket.Conn
	seen uint64 // last sequence number
}

// NewEvents prepares the socket of the token's stage. hello is said after each
// connect: CLIENT_INFO, for instance.
func NewEvents(t Token, client *http.Client, hello ...wire.Payload) (*Events, error) {
	if t.EventsURL == "" || t.StageID == "" {
		return nil, errors.New("the token has no events_url or no topic: there are no events to listen to")
	}
	u, err := url.JoinPath(t.EventsURL, url.PathEscape(t.StageID))
	if err != nil {
		return nil, fmt.Errorf("the token's events_url: %w", err)
	}
	return &Events{url: u, bearer: t.Raw, client: client, hello: hello}, nil
}

// ErrKicked ends Run when the server won't have this participant any longer.
var ErrKicked = errors.New("the participant was removed from the stage")

// Run hands each message to handle, and reconnects whenever the socket breaks,
// until ctx ends (it then returns nil) or the server refuses: a *Problem,
// ErrKicked, or that the stage was deleted. PONG is kept to itself.
func (e *Events) Run(ctx context.Context, handle func(wire.Message)) error {
	var backoff Backoff
	for {
		began := time.Now()
		err := e.session(ctx, handle)
		if ctx.Err() != nil {
			return nil
		}
		var refused *Problem
		if errors.As(err, &refused) && refused.Status/100 == 4 && refused.Status != http.StatusTooManyRequests || errors.Is(err, ErrKicked) {
			return fmt.Errorf("events: %w", err)
		}
		if time.Since(began) > lastBackoff {
			backoff.Reset()
		}
		if !backoff.Wait(ctx) {
			return nil
		}
	}
}

// session is one connection, from handshake to its end.
func (e *Events) session(ctx context.Context, handle func(wire.Message)) error {
	conn, err := e.dial(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var pinger sync.WaitGroup
	pinger.Go(func() { e.ping(ctx, conn) })
	defer func() {
		cancel()
		e.setConn(nil)
		_ = conn.Close(websocket.StatusNormalClosure, "") // broken already, or told
		pinger.Wait()
		if e.broke != nil {
			e.broke()
		}
	}()
	for _, m := range e.hello {
		if err := write(ctx, conn, m); err != nil {
			return err
		}
	}
	e.setConn(conn)
	for {
		data, err := read(ctx, conn)
		if err != nil {
			return err
		}
		m, ok := wire.Decode(data)
		if _, pong := m.Payload.(wire.Pong); !ok || pong {
			continue
		}
		e.mu.Lock()
		e.seen = max(e.seen, m.Sequence)
		e.mu.Unlock()
		handle(m)
		switch p := m.Payload.(type) {
		case wire.GoingAway:
			return errors.New("the node goes away")
		case wire.Closing:
			return fmt.Errorf("%w: %s %s %s", ErrKicked, m.Type, p.Notice().Reason, p.Notice().Detail)
		}
	}
}

// read waits for a message no longer than a living server needs to answer PING.
func read(ctx context.Context, conn *websocket.Conn) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*pingEvery)
	defer cancel()
	_, data, err := conn.Read(ctx)
	return data, err
}

// dial offers the token as the only sub-protocol, and says what was last seen.
func (e *Events) dial(ctx context.Context) (*websocket.Conn, error) {
	at := e.url
	e.mu.Lock()
	if e.seen > 0 {
		at += "?after=" + strconv.FormatUint(e.seen, 10)
	}
	e.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, resp, err := websocket.Dial(ctx, at, &websocket.DialOptions{HTTPClient: e.client, Subprotocols: []string{e.bearer}})
	if err != nil {
		if resp != nil && resp.StatusCode/100 != 1 {
			return nil, readProblem(resp)
		}
		return nil, err
	}
	if conn.Subprotocol() != e.bearer {
		_ = conn.Close(websocket.StatusPolicyViolation, "") // nothing was said yet
		return nil, errors.New("the server did not select the token as sub-protocol")
	}
	conn.SetReadLimit(messageBytes)
	return conn, nil
}

func (e *Events) ping(ctx context.Context, conn *websocket.Conn) {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if write(ctx, conn, wire.Ping{}) != nil {
				return // the reader sees it, too
			}
		case <-ctx.Done():
			return
		}
	}
}

func (e *Events) setConn(c *websocket.Conn) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.conn = c
}

// Send sends a message now; it fails while there is no connection.
func (e *Events) Send(ctx context.Context, p wire.Payload) error {
	e.mu.Lock()
	conn := e.conn
	e.mu.Unlock()
	if conn == nil {
		return errors.New("the events socket is not connected")
	}
	return write(ctx, conn, p)
}

func write(ctx context.Context, conn *websocket.Conn, p wire.Payload) error {
	return conn.Write(ctx, websocket.MessageText, wire.Encode(0, p))
}
