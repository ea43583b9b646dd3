package peer

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/coder/websocket"

	"rostrum/internal/wire"
)

// requestTimeout is after how long a server that does not answer a request is taken for one
// that does not know it.
const requestTimeout = 5 * time.Second

// errNoReply is the error of a request by message that may still succeed over HTTP.
var errNoReply = errors.New("the events socket brought no reply")

// requests are those of an events socket that wait for their reply. They belong to its mutex.
type requests struct {
	last    int // id
	waiting map[string]chan<- wire.Reply
	ended   chan struct{} // closed when the connection ends; nil while there is none
	unknown bool          // the server does not know requests
}

// reset fails what waits for a reply: a connection began or ended.
func (r *requests) reset() {
	if r.ended != nil {
		close(r.ended)
	}
	*r = requests{last: r.last, waiting: map[string]chan<- wire.Reply{}, ended: make(chan struct{})}
}

// Request sends a request and waits for the reply. It must not be called by what Run calls. A
// refusal is a *Problem; any other error means that the request may be made over HTTP.
func (e *Events) Request(ctx context.Context, r wire.Request) (wire.Reply, error) {
	e.mu.Lock()
	conn, ended := e.conn, e.ended
	if conn == nil || e.unknown {
		e.mu.Unlock()
		return wire.Reply{}, errNoReply
	}
	e.last++
	id, replies := strconv.Itoa(e.last), make(chan wire.Reply, 1)
	e.waiting[id] = replies
	e.mu.Unlock()
	timeout := requestTimeout
	if deadline, ok := ctx.Deadline(); ok {
		timeout = min(timeout, time.Until(deadline)/2) // the rest is for HTTP
	}
	tooLate := time.NewTimer(timeout)
	defer tooLate.Stop()
	if err := conn.Write(ctx, websocket.MessageText, wire.EncodeID(id, r)); err != nil {
		return wire.Reply{}, errors.Join(errNoReply, err)
	}
	select {
	case reply := <-replies:
		return reply, problemOf(reply)
	case <-ended:
	case <-tooLate.C:
		e.forget(id, ended)
	case <-ctx.Done():
		return wire.Reply{}, ctx.Err()
	}
	return wire.Reply{}, errNoReply
}

// forget gives up a request of a connection, and all later ones of the same connection.
func (e *Events) forget(id string, ended chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ended == ended {
		delete(e.waiting, id)
		e.unknown = true
	}
}

// replied passes on the reply to a request.
func (e *Events) replied(id string, r wire.Reply) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.unknown = false
	if to, ok := e.waiting[id]; ok {
		delete(e.waiting, id)
		to <- r
	}
}

// problemOf returns why a request was refused.
func problemOf(r wire.Reply) error {
	if r.Error == nil {
		return nil
	}
	p := &Problem{Status: r.Error.Status, Title: r.Error.Title, Detail: r.Error.Detail, Code: r.Error.Code}
	if p.Title == "" {
		p.Title = http.StatusText(p.Status)
	}
	if r.Error.RetryAfter > 0 {
		p.RetryAfter = strconv.Itoa(r.Error.RetryAfter)
	}
	return p
}
