package signaling

import (
	"context"
	"errors"
	"math"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/time/rate"

	"rostrum/internal/authority"
	"rostrum/internal/stage"
	"rostrum/internal/store"
	"rostrum/internal/token"
	"rostrum/internal/wire"
)

const (
	// maxAttachments bounds the stages of a connection.
	maxAttachments = 256

	// A client that reconnects attaches all its stages in one go.
	connectionMessagesPerSecond = 20
	connectionMessageBurst      = 2 * maxAttachments

	// Revocations are looked for this often, as any node may have stored them. The
	// overlap is for clocks of nodes that differ.
	revocationInterval = 400 * time.Millisecond
	revocationOverlap  = 5 * time.Minute
)

// A connection is an events socket that was opened with a connection token. It carries
// any number of stages: for each, the client attaches with a participant token.
type connection struct {
	server    *Server
	socket    *socket
	claims    token.ConnectionClaims
	client    stage.Client
	attaching sync.WaitGroup

	mu          sync.Mutex // guards what follows
	attachments map[string]*attachment
	leaving     wire.Closing // why the connection leaves its stages; nil until it does
}

// An attachment is one stage of a connection.
type attachment struct {
	name      string        // by the client
	first     wire.Attached // its first message
	announced sync.Once
	ready     chan struct{} // closed when stage is final; guarded by the connection's mu
	stage     *stage.Socket // nil until the stage is joined, and if it can't be; guarded by the connection's mu until ready
}

// joined takes the place of an attachment's channel once that is closed: there can be
// hundreds of thousands.
var joined = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// serveConnection serves a connection until it ends.
func serveConnection(server *Server, w http.ResponseWriter, r *http.Request, raw string) error {
	claims, err := server.authority.AuthorizeConnection(r.Context(), raw)
	if err != nil {
		return server.countRefusal(r, raw, err)
	}
	if err := checkUpgrade(w, r); err != nil {
		return err
	}
	c := &connection{
		server: server, claims: claims, client: stage.ParseUserAgent(r.UserAgent()), attachments: map[string]*attachment{},
		socket: newSocket(server, rate.NewLimiter(connectionMessagesPerSecond, connectionMessageBurst)),
	}
	defer c.socket.cancel()
	if !server.add(c.socket, c.goAway) {
		return stopping()
	}
	defer server.remove(c.socket)
	server.addConnection(c)
	defer server.removeConnection(c)
	if !c.socket.accept(w, r) {
		return nil
	}
	expiry := time.AfterFunc(time.Until(claims.ExpiresAt), func() {
		c.close(wire.CloseNotice{Reason: wire.ReasonForcedLeave, Code: string(authority.TokenExpired), Detail: "the connection token expired"})
	})
	defer expiry.Stop()
	err = c.socket.read(c.handle)
	c.socket.shut()
	c.attaching.Wait()
	c.end(websocket.CloseStatus(err))
	c.socket.running.Wait()
	return nil
}

// end ends what is attached still, after the socket ended.
func (c *connection) end(status websocket.StatusCode) {
	if status == websocket.StatusNormalClosure {
		c.leave(wire.Detached{CloseNotice: wire.CloseNotice{Reason: wire.ReasonForcedLeave}})
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.attachments {
		switch {
		case a.stage == nil:
		case status == websocket.StatusGoingAway:
			a.stage.Close()
		default:
			a.stage.Lose(c.socket.silence())
		}
	}
}

// leave leaves all stages, also those that are being joined.
func (c *connection) leave(why wire.Closing) {
	c.mu.Lock()
	if c.leaving == nil {
		c.leaving = why
	}
	var stages []*stage.Socket
	for _, a := range c.attachments {
		if a.stage != nil { // otherwise join sees that the connection leaves
			stages = append(stages, a.stage)
		}
	}
	c.mu.Unlock()
	for _, s := range stages {
		s.Leave(why)
	}
}

// close leaves all stages and closes the socket, because the token is no longer good.
func (c *connection) close(n wire.CloseNotice) {
	c.leave(wire.Kicked{CloseNotice: n})
	c.socket.deliver(stage.Message{Data: wire.Encode(0, wire.ConnectionClosed{CloseNotice: n}), Last: true})
}

// goAway asks the client to reconnect, when the server closes.
func (c *connection) goAway() {
	c.socket.deliver(stage.Message{Data: wire.Encode(0, wire.GoingAway{CloseNotice: wire.CloseNotice{Reason: wire.ReasonGoingAway}}), Last: true})
	time.AfterFunc(writeTimeout, c.socket.shut) // in case that the client does not answer
}

// handle does what a client's message asks for. What is unknown is ignored.
func (c *connection) handle(m wire.Message) {
	switch p := m.Payload.(type) {
	case wire.Ping:
		c.socket.deliver(pong)
	case wire.Attach:
		c.attach(m.Attachment, p)
	case wire.Detach:
		if a := c.attached(m.Attachment); a != nil {
			a.stage.Leave(wire.Detached{CloseNotice: wire.CloseNotice{Reason: wire.ReasonDetached}})
		}
	default:
		a := c.attached(m.Attachment)
		if a != nil {
			c.socket.handle(a.stage, m, func(id string, r wire.Reply) { c.reply(a, id, r) })
		} else if m.Type.IsRequest() {
			c.refuse(m)
		}
	}
}

// attached returns an attachment once its stage is joined; nil if there is none.
func (c *connection) attached(name string) *attachment {
	c.mu.Lock()
	a := c.attachments[name]
	if a == nil {
		c.mu.Unlock()
		return nil
	}
	ready := a.ready
	c.mu.Unlock()
	select {
	case <-ready:
		if a.stage != nil {
			return a
		}
	case <-c.socket.ctx.Done():
	}
	return nil
}

// reply sends a reply, unless the attachment has got its last message: its name may be
// another's by then.
func (c *connection) reply(a *attachment, id string, r wire.Reply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.attachments[a.name] == a {
		c.socket.deliver(stage.Message{Data: wire.WithAttachment(a.name, wire.EncodeID(id, r))})
	}
}

// refuse answers a request that is about no attachment.
func (c *connection) refuse(m wire.Message) {
	data := wire.EncodeID(m.ID, c.socket.refusal(m, authority.Refuse(authority.NotFound, authority.ResourceGone, "there is no attachment of that name")))
	if wire.ValidAttachment(m.Attachment) {
		data = wire.WithAttachment(m.Attachment, data)
	}
	c.socket.deliver(stage.Message{Data: data})
}

// attach joins a stage beside the reader, so that many are joined at once.
func (c *connection) attach(name string, p wire.Attach) {
	a := &attachment{name: name, ready: make(chan struct{})}
	c.mu.Lock()
	_, taken := c.attachments[name]
	n := len(c.attachments)
	var refusal *authority.Refusal
	switch {
	case !wire.ValidAttachment(name):
		refusal = authority.Refuse(authority.Malformed, authority.InvalidInput, "attachment must be 1 to 64 letters, digits, - and _")
	case taken:
		refusal = authority.Refuse(authority.Malformed, authority.InvalidInput, "there is an attachment of that name: detach it first, or choose another name")
	case n >= maxAttachments:
		refusal = authority.Refuse(authority.Crowded, authority.StageAtCapacity, "a connection carries %d stages at most", maxAttachments)
	default:
		c.attachments[name] = a
		c.socket.setStages(n + 1)
	}
	c.mu.Unlock()
	if refusal != nil {
		if wire.ValidAttachment(name) {
			c.fail(name, refusal)
		}
		return
	}
	c.attaching.Go(func() {
		defer c.socket.recoverAndShut()
		defer c.settle(a)
		if err := c.join(a, p); err != nil {
			c.remove(a)
			c.fail(name, err)
		}
	})
}

// join joins an attachment's stage.
func (c *connection) join(a *attachment, p wire.Attach) error {
	g, err := c.server.authority.Authorize(c.socket.ctx, p.Token)
	if err != nil {
		return err
	}
	if g.Account != c.claims.AccountID || g.Region != c.claims.Region {
		return authority.Refuse(authority.Forbidden, authority.TokenNotAllowed, "the stage is not of the account and region of the connection token")
	}
	a.first = wire.Attached{StageID: g.StageID, ParticipantID: g.ParticipantID}
	opened, err := c.server.registry.OpenSocket(g, stage.SocketConfig{Client: c.client, After: p.After, ChangesOnly: p.ChangesOnly, Deliver: func(m stage.Message) {
		c.announce(a)
		message := stage.Message{Data: wire.WithAttachment(a.name, m.Data)}
		if m.Last {
			c.finish(a, message)
			return
		}
		c.socket.deliver(message)
	}})
	if err != nil {
		return err
	}
	c.announce(a)
	c.mu.Lock()
	a.stage = opened
	why := c.leaving
	c.mu.Unlock()
	if why != nil {
		opened.Leave(why)
	}
	return nil
}

// announce sends the first message of an attachment.
func (c *connection) announce(a *attachment) {
	a.announced.Do(func() { c.deliver(a.name, a.first) })
}

// settle says that the stage of an attachment is final.
func (c *connection) settle(a *attachment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(a.ready)
	a.ready = joined
}

// finish sends the last message of an attachment, after which there is no reply, and frees
// its name.
func (c *connection) finish(a *attachment, last stage.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.socket.deliver(last)
	c.removeLocked(a)
}

// remove frees the name of an attachment that was never joined.
func (c *connection) remove(a *attachment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.removeLocked(a)
}

func (c *connection) removeLocked(a *attachment) {
	if c.attachments[a.name] == a {
		delete(c.attachments, a.name)
		c.socket.setStages(len(c.attachments))
	}
}

// fail tells why a stage was not joined.
func (c *connection) fail(name string, err error) {
	m := wire.AttachFailed{Code: string(authority.Failed), Detail: "the reason is in the server's log", RetryAfter: 1}
	var refusal *authority.Refusal
	switch {
	case c.socket.ctx.Err() != nil:
		return
	case errors.As(err, &refusal) && refusal.Kind != authority.Internal:
		m = wire.AttachFailed{Code: string(refusal.Code), Detail: refusal.Detail, RetryAfter: int(math.Ceil(refusal.RetryAfter.Seconds()))}
	default:
		c.server.cfg.Log.Error("attaching a stage to a connection failed", "error", err)
	}
	c.deliver(name, m)
}

func (c *connection) deliver(name string, p wire.Payload) {
	c.socket.deliver(stage.Message{Data: wire.WithAttachment(name, wire.Encode(0, p))})
}

func (s *Server) addConnection(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connections[c] = struct{}{}
}

func (s *Server) removeConnection(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.connections, c)
}

// watchRevocations closes connections whose tokens were revoked, by any node, until the
// context ends.
func (s *Server) watchRevocations(ctx context.Context) {
	tick := time.NewTicker(revocationInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if err := s.closeRevoked(ctx); err != nil && ctx.Err() == nil {
			s.cfg.Log.Error("looking for revoked connection tokens failed", "error", err)
		}
	}
}

func (s *Server) closeRevoked(ctx context.Context) error {
	open := map[store.ConnectionID][]*connection{}
	s.mu.Lock()
	for c := range s.connections {
		id := store.ConnectionID{Account: c.claims.AccountID, Region: c.claims.Region, ID: c.claims.ID}
		open[id] = append(open[id], c)
	}
	s.mu.Unlock()
	if len(open) == 0 {
		return nil
	}
	revoked, err := s.authority.RevokedConnections(ctx, time.Now().Add(-revocationOverlap))
	for _, id := range revoked {
		for _, c := range open[id] {
			c.close(wire.CloseNotice{Reason: wire.ReasonRevoked, Code: string(authority.TokenRevoked), Detail: "the connection token was revoked"})
		}
	}
	return err
}
