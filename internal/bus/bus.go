// Package bus asks other nodes of a database to do what only they can: requests with one answer,
// within this process, or by what Connect names. Nothing on it is durable: who misses a request
// reads the database.
package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"rostrum/ivsrealtime"
)

// MaxMessage bounds a request and its answer, in bytes.
const MaxMessage = 1 << 20

// requestTimeout bounds a request, however long its caller would wait.
const requestTimeout = 10 * time.Second

// ErrUnreachable says that another node did not get a request, or did not answer it in time.
var ErrUnreachable = errors.New("the other node does not answer")

// A Send carries a request to a node and returns its answer.
type Send func(ctx context.Context, node, subject string, data []byte) ([]byte, error)

// A Handler answers a request. An *ivsrealtime.Error reaches the caller as it is, any other error
// without its text.
type Handler func(ctx context.Context, data []byte) (any, error)

// A Bus is safe for concurrent use.
type Bus struct {
	nodeID string
	log    *slog.Logger
	send   Send // nil where there are no other nodes

	mu       sync.Mutex // guards what follows
	handlers map[string]Handler
}

// New returns the bus of a node that reaches that node alone.
func New(nodeID string, log *slog.Logger) *Bus {
	return &Bus{nodeID: nodeID, log: log, handlers: map[string]Handler{}}
}

// Connect makes other nodes reachable. It comes before the first request.
func (b *Bus) Connect(send Send) { b.send = send }

// Handle has h answer the requests about a subject.
func (b *Bus) Handle(subject string, h Handler) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.handlers[subject] = h
}

// Answer is a handler that reads a request from JSON.
func Answer[T any](f func(ctx context.Context, in T) (any, error)) Handler {
	return func(ctx context.Context, data []byte) (any, error) {
		var in T
		if err := json.Unmarshal(data, &in); err != nil {
			return nil, fmt.Errorf("read a request of another node: %w", err)
		}
		return f(ctx, in)
	}
}

// A reply is what answers a request.
type reply struct {
	Code    ivsrealtime.Code `json:"code,omitempty"`
	Message string           `json:"message,omitempty"`
	Data    json.RawMessage  `json:"data,omitempty"`
}

// Request asks a node about a subject, and reads its answer into out; nil ignores it.
func (b *Bus) Request(ctx context.Context, node, subject string, in, out any) error {
	answer, err := b.request(ctx, node, subject, in)
	switch {
	case err != nil:
		return fmt.Errorf("ask node %s about %s: %w", node, subject, err)
	case answer.Code != "":
		return ivsrealtime.Errorf(answer.Code, "%s", answer.Message)
	case out == nil:
		return nil
	}
	return json.Unmarshal(answer.Data, out)
}

func (b *Bus) request(ctx context.Context, node, subject string, in any) (answer reply, err error) {
	data, err := json.Marshal(in)
	if err != nil {
		return answer, err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var got []byte
	switch {
	case node == b.nodeID:
		got = b.Receive(ctx, subject, data)
	case b.send == nil:
		return answer, ErrUnreachable
	default:
		if got, err = b.send(ctx, node, subject, data); err != nil {
			return answer, fmt.Errorf("%w: %w", ErrUnreachable, err)
		}
	}
	return answer, json.Unmarshal(got, &answer)
}

// Receive answers a request that came from another node.
func (b *Bus) Receive(ctx context.Context, subject string, data []byte) []byte {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	text, err := json.Marshal(b.answer(ctx, subject, data))
	if err != nil {
		b.log.Error("answer another node", "subject", subject, "error", err)
	}
	return text
}

func (b *Bus) answer(ctx context.Context, subject string, data []byte) reply {
	b.mu.Lock()
	h := b.handlers[subject]
	b.mu.Unlock()
	if h == nil {
		return reply{Code: ivsrealtime.InternalServerError, Message: "another node does not know " + subject}
	}
	out, err := h(ctx, data)
	if err == nil {
		var text []byte
		if text, err = json.Marshal(out); err == nil {
			return reply{Data: text}
		}
	}
	if failure, ok := errors.AsType[*ivsrealtime.Error](err); ok {
		return reply{Code: failure.Code, Message: failure.Message}
	}
	b.log.Error("answer another node", "subject", subject, "error", err)
	return reply{Code: ivsrealtime.InternalServerError, Message: "another node failed to answer"}
}
