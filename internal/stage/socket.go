package stage

import (
	"context"
	"time"
)

// A Message is one message of the events socket, shared by all who get it.
type Message struct {
	Data []byte // JSON; nobody changes it
	Last bool   // the socket is to be closed after it
}

// SocketConfig says how a participant listens to its stage.
type SocketConfig struct {
	Client Client
	// After is the number of the last message it has seen, 0 if none.
	After uint64
	// ChangesOnly spares it the whole state after each change.
	ChangesOnly bool
	// Deliver takes each message in order. It must not wait: a listener that
	// can't keep up is the door's to drop.
	Deliver func(Message)
}

// An Socket is a participant's open events socket.
type Socket struct {
	session    *Session
	cfg        SocketConfig
	needsState bool // the session's own: it hasn't been told the state yet
}

// Close ends the attendance at the client's wish.
func (a *Socket) Close() { a.end(0) }

// Lose ends the attendance after its socket broke, or was silent for a while:
// the participant has what is left of its grace to come back.
func (a *Socket) Lose(silent time.Duration) {
	a.end(max(0, a.session.registry.cfg.Grace-silent))
}

func (a *Socket) end(grace time.Duration) {
	a.session.post(func() { a.session.socketClosed(a, grace) })
}

// SetClient takes what the client says about itself.
func (a *Socket) SetClient(c Client) {
	a.session.post(func() { a.session.setClient(a, c) })
}

// SetMuted takes which of its media the client has muted; nil leaves one as it is.
func (a *Socket) SetMuted(audio, video *bool) {
	a.session.post(func() { a.session.setMuted(a, audio, video) })
}

// Exchange replaces the participant's token by a new one. One that may not
// replace it ends the participant's presence, and the reason is told to it.
func (a *Socket) Exchange(ctx context.Context, raw string) {
	r := a.session.registry
	g, err := r.authority.Authorize(ctx, raw)
	a.session.post(func() { a.session.exchange(a, g, err) })
}
