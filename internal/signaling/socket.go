package signaling

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/time/rate"

	"rostrum/internal/authority"
	"rostrum/internal/inbound"
	"rostrum/internal/stage"
	"rostrum/internal/wire"
)

const (
	maxClientMessage = 16 << 10 // bytes: the largest has a token
	pingInterval     = 5 * time.Second
	pongTimeout      = 5 * time.Second
	writeTimeout     = 5 * time.Second

	// A client that is this far behind is disconnected. It reconnects and gets the state.
	maxQueued      = 256
	maxQueuedBytes = 2 << 20

	// A client that sends faster is read more slowly.
	messagesPerSecond = 10
	messageBurst      = 40
)

var pong = stage.Message{Data: wire.Encode(0, wire.Pong{})}

// A socket is one client's events socket. The goroutine of its request reads; a
// second one runs while there are messages to write.
type socket struct {
	limiter  *rate.Limiter
	panics   *inbound.Panics
	ctx      context.Context // of the socket, not of the request
	cancel   context.CancelFunc
	received atomic.Int64 // time of the last message or pong, Unix nanoseconds
	pinger   *time.Timer
	deadline *time.Timer // of the current write; the writer's own

	mu      sync.Mutex // guards what follows
	conn    *websocket.Conn
	queue   []stage.Message
	bytes   int // in queue
	writing bool
	closed  bool
	running sync.WaitGroup // writer and pinger; none starts once closed
}

// serveEvents serves the events socket of a participant until it ends.
func serveEvents(server *Server, w http.ResponseWriter, r *http.Request, g authority.Grant) error {
	if r.PathValue("stageId") != g.StageID {
		return &authority.Refusal{Code: authority.TokenNotAllowed, Kind: authority.Forbidden, Detail: "the token is for another stage than the path"}
	}
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		w.Header().Set("Upgrade", "websocket")
		return problem{status: http.StatusUpgradeRequired, code: "UPGRADE_REQUIRED", title: "This is a WebSocket", detail: "the token is valid; connect with it as the only sub-protocol"}
	}
	s := &socket{limiter: rate.NewLimiter(messagesPerSecond, messageBurst), panics: server.cfg.Panics}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	defer s.cancel()
	if !server.add(s) {
		return &authority.Refusal{Code: authority.StageAtCapacity, Kind: authority.Unavailable, Detail: "this server is stopping", RetryAfter: time.Second}
	}
	defer server.remove(s)
	query := r.URL.Query()
	after, _ := strconv.ParseUint(query.Get("after"), 10, 64) // anything else counts as none
	a, err := server.registry.OpenSocket(g, stage.SocketConfig{
		Client: stage.ParseUserAgent(r.UserAgent()), After: after, ChangesOnly: query.Get("changes") == "only", Deliver: s.deliver,
	})
	if err != nil {
		return err
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols: []string{subprotocol(r)}, InsecureSkipVerify: true, // any origin: the token authorizes
		CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil { // it is answered
		a.Close()
		return nil
	}
	conn.SetReadLimit(maxClientMessage)
	s.received.Store(time.Now().UnixNano())
	s.open(conn)
	err = s.read(a)
	switch websocket.CloseStatus(err) {
	case websocket.StatusNormalClosure, websocket.StatusGoingAway:
		a.Close()
	default:
		a.Lose(time.Since(time.Unix(0, s.received.Load())))
	}
	s.shut()
	s.running.Wait()
	return nil
}

// deliver queues a message. It does not wait: it disconnects a client that is too
// far behind.
func (s *socket) deliver(m stage.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	if len(s.queue) >= maxQueued || s.bytes+len(m.Data) > maxQueuedBytes && len(s.queue) > 0 {
		s.closed, s.queue = true, nil
		s.cancel() // ends the reader and the writer
		return
	}
	s.queue = append(s.queue, m)
	s.bytes += len(m.Data)
	s.startWriting()
}

// open starts writing what is queued.
func (s *socket) open(conn *websocket.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn = conn
	if s.closed {
		s.cancel()
		return
	}
	s.startWriting()
	s.pinger = time.AfterFunc(pingInterval, s.ping)
}

func (s *socket) startWriting() {
	if s.conn == nil || s.writing || len(s.queue) == 0 {
		return
	}
	s.writing = true
	s.running.Go(s.write)
}

// write writes until the queue is empty. A context per message would cost half as
// much as the system call, which adds up when ten thousand sockets get the same
// message: a timer closes the socket instead, and that ends the write.
func (s *socket) write() {
	defer s.recoverAndShut()
	if s.deadline == nil {
		s.deadline = time.AfterFunc(writeTimeout, s.cancel)
	}
	for {
		s.mu.Lock()
		if len(s.queue) == 0 || s.closed {
			s.deadline.Stop() // before another writer can start
			s.writing, s.queue = false, nil
			s.mu.Unlock()
			return
		}
		m := s.queue[0]
		s.queue = s.queue[1:]
		s.bytes -= len(m.Data)
		s.mu.Unlock()
		s.deadline.Reset(writeTimeout)
		err := s.conn.Write(context.Background(), websocket.MessageText, m.Data)
		if err == nil && m.Last {
			err = errors.New("last message")
			_ = s.conn.Close(websocket.StatusNormalClosure, "") // an error means that it is closed
		}
		if err != nil {
			s.shut()
		}
	}
}

// recoverAndShut is deferred by the goroutines of the socket: a fault there ends it
// alone.
func (s *socket) recoverAndShut() {
	if fault := recover(); fault != nil {
		s.panics.Record("events", fault)
		s.shut()
	}
}

// shut closes the socket at once.
func (s *socket) shut() {
	s.mu.Lock()
	s.closed = true
	if s.pinger != nil {
		s.pinger.Stop()
	}
	conn := s.conn
	s.mu.Unlock()
	s.cancel()
	if conn != nil {
		_ = conn.CloseNow() // an error means that it is closed
	}
}

// ping closes the socket unless the client answers, and schedules the next ping.
func (s *socket) ping() {
	defer s.recoverAndShut()
	s.mu.Lock()
	closed := s.closed
	if !closed {
		s.running.Add(1)
	}
	s.mu.Unlock()
	if closed {
		return
	}
	defer s.running.Done()
	ctx, cancel := context.WithTimeout(s.ctx, pongTimeout)
	defer cancel()
	if err := s.conn.Ping(ctx); err != nil {
		s.shut()
		return
	}
	s.received.Store(time.Now().UnixNano())
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.pinger.Reset(pingInterval)
	}
}

// read handles the client's messages until the socket ends, and returns the reason.
func (s *socket) read(a *stage.Socket) error {
	for {
		kind, data, err := s.conn.Read(s.ctx)
		if err != nil {
			return err
		}
		s.received.Store(time.Now().UnixNano())
		if err := s.limiter.Wait(s.ctx); err != nil {
			return err
		}
		if kind == websocket.MessageText {
			s.handle(a, data)
		}
	}
}

// handle does what a client's message asks for. Clients may be newer than this
// server: what is unknown is ignored.
func (s *socket) handle(a *stage.Socket, data []byte) {
	m, _ := wire.Decode(data)
	switch p := m.Payload.(type) {
	case wire.Ping:
		s.deliver(pong)
	case wire.Mute:
		a.SetMuted(p.AudioMuted, p.VideoStopped)
	case wire.ClientInfo:
		a.SetClient(stage.Client(p))
	case wire.ExchangeToken:
		a.Exchange(s.ctx, p.Token)
	}
}
