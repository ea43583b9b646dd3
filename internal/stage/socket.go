package stage

import (
	"context"
	"errors"
	"time"

	"rostrum/internal/authority"
	"rostrum/internal/wire"
)

// A Message is one message of the events socket. All sockets that get it share
// it.
type Message struct {
	Data []byte // JSON; must not be changed
	Last bool   // the socket must be closed after it
}

// A SocketConfig says what an events socket gets.
type SocketConfig struct {
	Client Client
	// After is the sequence number of the last message the client has, 0 if
	// none.
	After uint64
	// ChangesOnly leaves out the whole state after each change.
	ChangesOnly bool
	// Deliver takes each message in order. It must not block: the caller drops
	// clients that can't keep up.
	Deliver func(Message)
}

// A Socket is a participant's open events socket.
type Socket struct {
	session    *Session
	cfg        SocketConfig
	opened     authority.Grant // with which the socket was opened
	needsState bool            // it did not get the state yet; belongs to the session's goroutine
}

// Grant is that with which the socket was opened: it says whose it is, and what an exchange
// of tokens never changes.
func (sock *Socket) Grant() authority.Grant { return sock.opened }

// Publish is [Registry.Publish] for the socket's participant, with the rights of its newest
// token. It is refused once the socket is closed, so that a participant that has left does
// not come back.
func (sock *Socket) Publish(offer string) (*Connection, string, error) {
	c, answer, err := sock.session.publish(sock.current, offer, sock.cfg.Client)
	return c, answer, sock.unlessEnded(err)
}

// Subscribe is [Registry.Subscribe] for the socket's participant, as Publish is.
func (sock *Socket) Subscribe(to PublisherRef, offer string) (*Connection, string, error) {
	c, answer, err := sock.session.subscribe(sock.current, to, offer, sock.cfg.Client)
	return c, answer, sock.unlessEnded(err)
}

// Connection is [Registry.Connection] for the socket's participant.
func (sock *Socket) Connection(id string) (*Connection, error) {
	return sock.session.registry.Connection(sock.opened, id)
}

// current returns what the participant may do while the socket is open.
func (sock *Socket) current() (authority.Grant, error) {
	p := sock.session.sockets.open[sock]
	if p == nil {
		return authority.Grant{}, socketGone()
	}
	return p.grant, p.grant.CheckExpiry()
}

func (sock *Socket) unlessEnded(err error) error {
	if errors.Is(err, errSessionEnded) {
		return socketGone()
	}
	return err
}

func socketGone() *authority.Refusal {
	return authority.Refuse(authority.NotFound, authority.ResourceGone, "the events socket of the request was closed")
}

// Close ends the socket for its client.
func (sock *Socket) Close() {
	sock.session.post(func() { sock.session.socketClosed(sock, 0) })
}

// Lose ends the socket after its connection broke, or was silent for a while:
// the participant has the rest of its grace to come back.
func (sock *Socket) Lose(silent time.Duration) {
	sock.session.post(func() { sock.session.socketLost(sock, max(0, sock.session.registry.cfg.Grace-silent)) })
}

// Leave ends the socket and the participant's media connections. The socket's last
// message says why.
func (sock *Socket) Leave(why wire.Closing) {
	sock.session.post(func() {
		if p := sock.session.sockets.open[sock]; p != nil {
			sock.session.disconnect(p, why)
		}
	})
}

// SetClient stores what the client says about itself.
func (sock *Socket) SetClient(c Client) {
	sock.session.post(func() { sock.session.setClient(sock, c) })
}

// SetMuted stores which of its media the client muted; nil leaves one as it
// is.
func (sock *Socket) SetMuted(audio, video *bool) {
	sock.session.post(func() { sock.session.setMuted(sock, audio, video) })
}

// ReportQuality takes what the client reports about its media.
func (sock *Socket) ReportQuality(q wire.Quality) {
	if sock.session.registry.cfg.Quality != nil {
		sock.session.post(func() { sock.session.reportQuality(sock, q) })
	}
}

// Exchange replaces the participant's token by a new one. A token that may not
// replace it disconnects the participant, with the reason.
func (sock *Socket) Exchange(ctx context.Context, raw string) {
	r := sock.session.registry
	g, err := r.authority.Authorize(ctx, raw)
	sock.session.post(func() { sock.session.exchange(sock, g, err) })
}
