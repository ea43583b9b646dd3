package realtime

import (
	"context"
	"errors"
	"strconv"
	"time"

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

// request sends a request and waits for the reply. It must not be called by what run calls. A
// refusal is a *Problem; errNoReply means that the request may be made over HTTP.
func (s *socket) request(ctx context.Context, attachment string, r wire.Request) (wire.Reply, error) {
	s.mu.Lock()
	conn, ended := s.conn, s.ended
	if conn == nil || s.unknown {
		s.mu.Unlock()
		return wire.Reply{}, errNoReply
	}
	s.last++
	id, replies := strconv.Itoa(s.last), make(chan wire.Reply, 1)
	s.waiting[id] = replies
	s.mu.Unlock()
	timeout := requestTimeout
	if deadline, ok := ctx.Deadline(); ok {
		timeout = min(timeout, time.Until(deadline)/2) // the rest is for HTTP
	}
	tooLate := time.NewTimer(timeout)
	defer tooLate.Stop()
	if err := s.write(ctx, conn, to(attachment, wire.EncodeID(id, r))); err != nil {
		return wire.Reply{}, errors.Join(errNoReply, err)
	}
	select {
	case reply := <-replies:
		return reply, problemOf(reply)
	case <-ended:
	case <-tooLate.C:
		s.forget(id, ended, true)
	case <-ctx.Done():
		s.forget(id, ended, false)
		return wire.Reply{}, ctx.Err()
	}
	return wire.Reply{}, errNoReply
}

// forget gives up a request of a connection and, if the server knows none, all later ones of
// the same connection.
func (s *socket) forget(id string, ended chan struct{}, unknown bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended == ended {
		delete(s.waiting, id)
		s.unknown = s.unknown || unknown
	}
}

// replied passes on the reply to a request.
func (s *socket) replied(id string, r wire.Reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unknown = false
	if to, ok := s.waiting[id]; ok {
		delete(s.waiting, id)
		to <- r
	}
}
