package peer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/coder/websocket"

	"rostrum/internal/wire"
)

const (
	maxMessage   = 8 << 20 // bytes: a STAGE_STATE with a hundred publishers and their attributes
	pingInterval = 15 * time.Second
)

// Events receives the messages of a stage's events socket. Use NewEvents.
type Events struct {
	url    string
	bearer string
	client *http.Client
	hello  []wire.Payload

	disconnected func() // called after each connection; may be nil

	mu   sync.Mutex // guards what follows
	conn *websocket.Conn
	seen uint64 // last sequence number
	requests
}

// NewEvents prepares the socket of the token's stage. hello is sent after each connect:
// CLIENT_INFO, for instance.
func NewEvents(t Token, client *http.Client, hello ...wire.Payload) (*Events, error) {
	if t.EventsURL == "" || t.StageID == "" {
		return nil, errors.New("the token has no events_url or no topic: it has no events")
	}
	u, err := url.JoinPath(t.EventsURL, url.PathEscape(t.StageID))
	if err != nil {
		return nil, fmt.Errorf("the token's events_url: %w", err)
	}
	return &Events{url: u, bearer: t.Raw, client: client, hello: hello}, nil
}

// ErrKicked ends Run when the participant was removed.
var ErrKicked = errors.New("the participant was removed from the stage")

// Run calls handle for each message but PONG and REPLY. It reconnects whenever the connection ends,
// until ctx ends, which returns nil, or the server refuses: a *Problem, ErrKicked, or that
// the stage was deleted.
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
		if time.Since(began) > maxBackoff {
			backoff.Reset()
		}
		if !backoff.Wait(ctx) {
			return nil
		}
	}
}

// session is one connection, from its handshake to its end.
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
		_ = conn.Close(websocket.StatusNormalClosure, "") // it is closed already, or the server knows
		pinger.Wait()
		if e.disconnected != nil {
			e.disconnected()
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
		if !ok {
			continue
		}
		switch p := m.Payload.(type) {
		case wire.Pong:
			continue
		case wire.Reply:
			e.replied(m.ID, p)
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

// read waits for a message, as long as a server may need to answer PING.
func read(ctx context.Context, conn *websocket.Conn) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*pingInterval)
	defer cancel()
	_, data, err := conn.Read(ctx)
	return data, err
}

// dial offers the token as the only sub-protocol, and sends the last sequence number.
func (e *Events) dial(ctx context.Context) (*websocket.Conn, error) {
	address := e.url
	e.mu.Lock()
	if e.seen > 0 {
		address += "?after=" + strconv.FormatUint(e.seen, 10)
	}
	e.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, resp, err := websocket.Dial(ctx, address, &websocket.DialOptions{HTTPClient: e.client, Subprotocols: []string{e.bearer}})
	if err != nil {
		if resp != nil && resp.StatusCode/100 != 1 {
			return nil, readProblem(resp)
		}
		return nil, err
	}
	if conn.Subprotocol() != e.bearer {
		_ = conn.Close(websocket.StatusPolicyViolation, "") // nothing was sent yet
		return nil, errors.New("the server did not select the token as sub-protocol")
	}
	conn.SetReadLimit(maxMessage)
	return conn, nil
}

func (e *Events) ping(ctx context.Context, conn *websocket.Conn) {
	tick := time.NewTicker(pingInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if write(ctx, conn, wire.Ping{}) != nil {
				return // the reader gets the error, too
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
	e.requests.reset()
}

// Send sends a message. It fails while there is no connection.
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
