package realtime

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"

	"rostrum/internal/wire"
)

const (
	maxMessage   = 8 << 20 // bytes: a STAGE_STATE with a hundred publishers and their attributes
	pingInterval = 15 * time.Second
	dialTimeout  = 10 * time.Second
)

// A socket is an events socket that reconnects. Its owner says what it is for: the stage of
// one participant, or a Connection.
type socket struct {
	client *http.Client  // nil is the default one
	rejoin time.Duration // how long to try to reconnect
	owner  socketOwner

	opening sync.RWMutex // held while a connection gets its first messages, which precede all others

	mu   sync.Mutex // guards what follows
	conn *websocket.Conn
	requests
}

// A socketOwner handles what happens on a socket, in the socket's one goroutine.
type socketOwner interface {
	// address is where the socket is opened, with which token.
	address() (url, bearer string, err error)
	// firstMessages are those to send after each connect. It calls connected before it reads
	// what they say: what changes afterwards is sent by itself.
	firstMessages(connected func()) [][]byte
	// handle takes a message but PONG and REPLY. A *Problem ends the socket; any other error
	// ends the connection.
	handle(wire.Message) error
	// disconnected is called after each connection.
	disconnected(error)
}

var errGoingAway = errors.New("the node goes away")

// run keeps the socket connected until ctx ends, the server refuses it, or reconnecting failed
// for too long. A first attempt that fails is not repeated.
func (s *socket) run(ctx context.Context) error {
	var retry backoff
	var lost time.Time
	for first := true; ; {
		began := time.Now()
		connected, err := s.session(ctx)
		refused, ended := errors.AsType[*Problem](err)
		switch {
		case ctx.Err() != nil:
			return ErrClosed
		case ended && (connected || !refused.passes()), first && !connected:
			return err
		case connected:
			first, lost = false, time.Now()
			if lost.Sub(began) > maxBackoff {
				retry.reset()
			}
			if s.rejoin == 0 {
				return err
			}
		case time.Since(lost) > s.rejoin:
			return err
		}
		if !retry.wait(ctx, refused) {
			return ErrClosed
		}
	}
}

// session is one connection, from its handshake to its end.
func (s *socket) session(ctx context.Context) (connected bool, err error) {
	conn, err := s.dial(ctx)
	if err != nil {
		return false, err
	}
	// A cancelled read would cut the connection, and the server wait for the participant.
	live, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { ping(live, conn) })
	running.Go(func() {
		select {
		case <-ctx.Done():
			_ = conn.Close(websocket.StatusNormalClosure, "")
		case <-live.Done():
		}
	})
	defer func() {
		cancel()
		s.setConn(nil)
		_ = conn.Close(websocket.StatusNormalClosure, "") // it is closed already, or the server knows
		running.Wait()
		s.owner.disconnected(err)
	}()
	if err := s.introduce(live, conn); err != nil {
		return true, err
	}
	return true, s.read(live, conn)
}

// introduce sends the first messages.
func (s *socket) introduce(ctx context.Context, conn *websocket.Conn) error {
	s.opening.Lock()
	defer s.opening.Unlock()
	for _, m := range s.owner.firstMessages(func() { s.setConn(conn) }) {
		if err := conn.Write(ctx, websocket.MessageText, m); err != nil {
			return err
		}
	}
	return nil
}

// read handles messages until the connection ends.
func (s *socket) read(ctx context.Context, conn *websocket.Conn) error {
	for {
		data, err := readMessage(ctx, conn)
		if err != nil {
			return err
		}
		m, ok := wire.Decode(data)
		if !ok {
			continue
		}
		switch p := m.Payload.(type) {
		case wire.Pong:
		case wire.Reply:
			s.replied(m.ID, p)
		default:
			if err := s.owner.handle(m); err != nil {
				return err
			}
		}
	}
}

// readMessage waits for a message, as long as a server may need to answer PING.
func readMessage(ctx context.Context, conn *websocket.Conn) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*pingInterval)
	defer cancel()
	_, data, err := conn.Read(ctx)
	return data, err
}

// dial offers the token as the only sub-protocol.
func (s *socket) dial(ctx context.Context) (*websocket.Conn, error) {
	address, bearer, err := s.owner.address()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, resp, err := websocket.Dial(ctx, address, &websocket.DialOptions{HTTPClient: s.client, Subprotocols: []string{bearer}})
	if err != nil {
		if resp != nil && resp.StatusCode/100 != 1 {
			return nil, readProblem(resp)
		}
		return nil, err
	}
	if conn.Subprotocol() != bearer {
		_ = conn.Close(websocket.StatusPolicyViolation, "") // nothing was sent yet
		return nil, errors.New("the server did not select the token as sub-protocol")
	}
	conn.SetReadLimit(maxMessage)
	return conn, nil
}

func ping(ctx context.Context, conn *websocket.Conn) {
	tick := time.NewTicker(pingInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if conn.Write(ctx, websocket.MessageText, wire.Encode(0, wire.Ping{})) != nil {
				return // the reader gets the error, too
			}
		case <-ctx.Done():
			return
		}
	}
}

func (s *socket) setConn(c *websocket.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn = c
	s.requests.reset()
}

// errNotConnected is the error of sending while the socket is not connected.
var errNotConnected = errors.New("the events socket is not connected")

// send sends a message, to an attachment if it has a name.
func (s *socket) send(ctx context.Context, attachment string, p wire.Payload) error {
	conn := s.current()
	if conn == nil {
		return errNotConnected
	}
	return s.write(ctx, conn, to(attachment, wire.Encode(0, p)))
}

// current is the connection; nil without one.
func (s *socket) current() *websocket.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn
}

// write sends a message after the first ones. A context that ends within conn.Write closes the
// connection, which others use, too: so a write that has begun goes on.
func (s *socket) write(ctx context.Context, conn *websocket.Conn, m []byte) error {
	s.opening.RLock()
	defer s.opening.RUnlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dialTimeout)
	defer cancel()
	return conn.Write(ctx, websocket.MessageText, m)
}

// to adds the name of an attachment to a message.
func to(attachment string, message []byte) []byte {
	if attachment == "" {
		return message
	}
	return wire.WithAttachment(attachment, message)
}
