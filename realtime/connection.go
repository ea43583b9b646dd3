package realtime

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"rostrum/internal/token"
	"rostrum/internal/wire"
)

// A Connection carries the events of several stages on one socket: with one handshake for
// all, and one reconnect. A connection token opens it; each stage needs its participant token
// besides. Media do not pass through it.
type Connection struct {
	cfg    Config
	socket *socket
	claims token.ConnectionClaims
	bearer string

	opened chan struct{} // closed when the socket was first connected
	done   chan struct{} // closed when it has ended
	stop   context.CancelFunc

	mu       sync.Mutex // guards what follows
	err      error      // set before done is closed
	isOpen   bool       // opened is closed
	last     int        // name of an attachment
	stages   map[string]*Stage
	attempts map[string]*time.Timer // to attach again
}

// Connect opens a connection with a connection token, for stages of the token's account and
// region. A refusal is a *Problem; ctx bounds the attempt. The caller closes the Connection.
func Connect(ctx context.Context, connectionToken string, cfg Config) (*Connection, error) {
	connectionToken = strings.TrimSpace(connectionToken)
	claims, err := token.ReadConnection(connectionToken)
	if err != nil {
		return nil, fmt.Errorf("read token: %w", err)
	}
	if claims.EventsURL == "" {
		return nil, errors.New("the connection token has no events_url")
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	c := &Connection{
		cfg: cfg, claims: claims, bearer: connectionToken, stop: stop,
		opened: make(chan struct{}), done: make(chan struct{}), stages: map[string]*Stage{}, attempts: map[string]*time.Timer{},
	}
	c.socket = &socket{client: cfg.Client, rejoin: rejoinLimit(cfg.Rejoin), owner: c}
	go c.run(running)
	select {
	case <-c.opened:
		return c, nil
	case <-c.done:
		return nil, fmt.Errorf("connect: %w", c.Err())
	case <-ctx.Done():
		stop()
		<-c.done
		return nil, fmt.Errorf("connect: %w", ctx.Err())
	}
}

// run ends all stages with the socket.
func (c *Connection) run(ctx context.Context) {
	err := c.socket.run(ctx)
	c.mu.Lock()
	c.err = err
	stages := slices.Collect(maps.Values(c.stages))
	for _, t := range c.attempts {
		t.Stop()
	}
	c.mu.Unlock()
	for _, s := range stages {
		s.end(err)
	}
	for _, s := range stages {
		<-s.done
	}
	close(c.done)
}

// Join joins a stage on the connection, as the function Join does on a socket of its own. The
// Config is the connection's.
func (c *Connection) Join(ctx context.Context, participantToken string) (*Stage, error) {
	t, err := ReadToken(participantToken)
	if err != nil {
		return nil, err
	}
	s := newStage(t, c.cfg)
	s.socket, s.connection = c.socket, c
	c.mu.Lock()
	if c.err != nil {
		defer c.mu.Unlock()
		return nil, fmt.Errorf("join the stage: %w", c.err)
	}
	c.last++
	s.attachment = strconv.Itoa(c.last)
	c.stages[s.attachment] = s
	conn := c.socket.current()
	c.mu.Unlock()
	if conn != nil && t.Subscribe {
		s.early = newEarlySubscriptions(c.cfg.EarlySubscriptions)
	}
	go s.finish(func() { c.detach(s) })
	if conn != nil { // otherwise firstMessages attaches the stage
		_ = c.socket.write(ctx, conn, to(s.attachment, wire.Encode(0, s.attach()))) // if it fails, the next connection attaches it
	}
	go s.early.run(s)
	return s.awaitReady(ctx)
}

// attach is the message that joins the stage, or joins it again.
func (s *Stage) attach() wire.Attach {
	s.mu.Lock()
	defer s.mu.Unlock()
	return wire.Attach{Token: s.token.Raw, After: s.seen, ChangesOnly: true}
}

// detachTimeout bounds the message that leaves a stage.
const detachTimeout = 3 * time.Second

// detach leaves a stage that has ended.
func (c *Connection) detach(s *Stage) {
	c.mu.Lock()
	delete(c.stages, s.attachment)
	if t := c.attempts[s.attachment]; t != nil {
		t.Stop()
		delete(c.attempts, s.attachment)
	}
	c.mu.Unlock()
	if errors.Is(s.Err(), ErrClosed) {
		ctx, cancel := context.WithTimeout(context.Background(), detachTimeout)
		defer cancel()
		_ = c.socket.send(ctx, s.attachment, wire.Detach{}) // without a connection the server notices by itself
	}
}

// Close leaves all stages of the connection and closes it. It may be called twice.
func (c *Connection) Close() error {
	c.mu.Lock()
	stages := slices.Collect(maps.Values(c.stages))
	c.mu.Unlock()
	for _, s := range stages {
		s.end(ErrClosed)
	}
	for _, s := range stages {
		<-s.done
	}
	c.stop()
	<-c.done
	return nil
}

// Done is closed when the connection has ended.
func (c *Connection) Done() <-chan struct{} { return c.done }

// Err is nil until the connection has ended. Then it says why, as Stage.Err does; the Code
// TokenRevoked is that of a connection token that was revoked.
func (c *Connection) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// address implements socketOwner.
func (c *Connection) address() (string, string, error) { return c.claims.EventsURL, c.bearer, nil }

// firstMessages implements socketOwner: it attaches all stages again.
func (c *Connection) firstMessages(connected func()) [][]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	connected()
	for name, t := range c.attempts { // all are attached now
		t.Stop()
		delete(c.attempts, name)
	}
	if !c.isOpen {
		c.isOpen = true
		defer close(c.opened)
	}
	var all [][]byte
	for _, s := range c.stages {
		all = append(append(all, to(s.attachment, wire.Encode(0, s.attach()))), s.state()...)
	}
	return all
}

// disconnected implements socketOwner.
func (c *Connection) disconnected(err error) {
	c.mu.Lock()
	stages := slices.Collect(maps.Values(c.stages))
	c.mu.Unlock()
	for _, s := range stages {
		s.disconnected(err)
	}
}

// handle implements socketOwner.
func (c *Connection) handle(m wire.Message) error {
	if closed, ok := m.Payload.(wire.ConnectionClosed); ok {
		return problemOfClosing(closed)
	}
	c.mu.Lock()
	s := c.stages[m.Attachment]
	c.mu.Unlock()
	if s == nil {
		return nil // it was detached
	}
	switch p := m.Payload.(type) {
	case wire.Attached:
		s.restored()
		return nil
	case wire.Detached:
		return nil
	case wire.AttachFailed:
		c.refused(s, p)
		return nil
	}
	err := s.handle(m)
	if errors.Is(err, errGoingAway) { // where the stage is at home; the connection stays open
		c.goneAway(s)
		return nil
	}
	if problem, ended := errors.AsType[*Problem](err); ended {
		s.end(problem)
		return nil
	}
	return err
}

// refused ends a stage that could not be attached, or attaches it again when the server says
// so, for as long as lost connections are tried again.
func (c *Connection) refused(s *Stage, p wire.AttachFailed) {
	problem := &Problem{Title: "the stage was refused", Detail: p.Detail, Code: Code(p.Code), RetryAfter: retryAfter(p.RetryAfter)}
	s.mu.Lock()
	joined := s.joined
	if s.refused.IsZero() {
		s.refused = time.Now()
	}
	exhausted := c.cfg.Rejoin < 0 || time.Since(s.refused) > rejoinLimit(c.cfg.Rejoin)
	s.mu.Unlock()
	if !joined || problem.RetryAfter == 0 || exhausted {
		s.end(problem)
		return
	}
	c.attachAgain(s, min(problem.RetryAfter, defaultRejoin))
}

// goneAway attaches a stage again, which has lost its attachment.
func (c *Connection) goneAway(s *Stage) {
	s.disconnected(errGoingAway)
	if c.cfg.Rejoin < 0 {
		s.end(errGoingAway)
		return
	}
	c.attachAgain(s, firstBackoff/2+rand.N(firstBackoff)) // all clients of a node lost theirs at once
}

// attachAgain attaches a stage after a while, unless a new connection does before.
func (c *Connection) attachAgain(s *Stage, after time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil || c.stages[s.attachment] != s {
		return
	}
	if former := c.attempts[s.attachment]; former != nil {
		former.Stop()
	}
	var attempt *time.Timer
	attempt = time.AfterFunc(after, func() {
		c.mu.Lock()
		conn := c.socket.current()
		if c.attempts[s.attachment] != attempt || conn == nil {
			c.mu.Unlock()
			return // firstMessages attaches the stage
		}
		delete(c.attempts, s.attachment)
		c.mu.Unlock()
		_ = c.socket.write(context.Background(), conn, to(s.attachment, wire.Encode(0, s.attach()))) // if it fails, the next connection attaches it
	})
	c.attempts[s.attachment] = attempt
}
