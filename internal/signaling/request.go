package signaling

import (
	"time"

	"rostrum/internal/authority"
	"rostrum/internal/stage"
	"rostrum/internal/wire"
)

// A replyFunc sends the reply to the request with an id.
type replyFunc func(id string, r wire.Reply)

// request carries out a request beside the reader, and replies.
func (s *socket) request(a *stage.Socket, m wire.Message, reply replyFunc) {
	request, ok := m.Payload.(wire.Request)
	switch {
	case !wire.ValidID(m.ID):
		reply("", s.refusal(m, authority.Refuse(authority.Malformed, authority.InvalidInput, "a request has an id of 1 to 64 bytes")))
	case !ok:
		reply(m.ID, s.refusal(m, authority.Refuse(authority.Malformed, authority.InvalidInput, "the payload is not that of %s", m.Type)))
	case !s.start(func() {
		r, err := s.server.exchange(a, request)
		if err != nil {
			r = s.refusal(m, err)
		}
		reply(m.ID, r)
	}):
		reply(m.ID, s.refusal(m, tooManyRequests()))
	}
}

func (s *socket) reply(id string, r wire.Reply) {
	s.deliver(stage.Message{Data: wire.EncodeID(id, r)})
}

// refusal is the reply to a request that failed.
func (s *socket) refusal(m wire.Message, err error) wire.Reply {
	document := s.server.problemOf(err, string(m.Type)).document()
	return wire.Reply{Error: &document}
}

// start runs a request on its own goroutine. It reports false if too many are under way.
func (s *socket) start(run func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return true // nobody gets the reply
	}
	if s.requests >= maxRequests+s.stages*stageRequests {
		return false
	}
	s.requests++
	s.running.Go(func() {
		defer s.recoverAndShut()
		defer s.requestDone()
		run()
	})
	return true
}

func (s *socket) requestDone() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests--
}

func tooManyRequests() error {
	return &authority.Refusal{Code: authority.StageAtCapacity, Kind: authority.Crowded, Detail: "the socket makes too many requests at once", RetryAfter: time.Second}
}
