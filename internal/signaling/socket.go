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
	maxClientMessage = 2*maxOffer + 4<<10 // bytes: the largest has an offer, whose line ends JSON escapes
	pingInterval     = 5 * time.Second
	pongTimeout      = 5 * time.Second
	writeTimeout     = 5 * time.Second

	// A client that is this far behind is disconnected. It reconnects and gets the state.
	// Each stage of a connection adds to the limits.
	maxQueued        = 256
	maxQueuedBytes   = 2 << 20
	stageQueued      = 16
	stageQueuedBytes = 64 << 10

	// More requests than these are refused while they are under way. Each stage of a
	// connection adds to them.
	maxRequests   = 32
	stageRequests = 4

	// A client that sends faster is read more slowly.
	messagesPerSecond = 10
	messageBurst      = 40
)

var pong = stage.Message{Data: wire.Encode(0, wire.Pong{})}

// A socket is one client's events socket. The goroutine of its request reads; a
// second one runs while there are messages to write.
type socket struct {
	server   *Server
	limiter  *rate.Limiter
	panics   *inbound.Panics
	ctx      context.Context // of the socket, not of the request
	cancel   context.CancelFunc
	received atomic.Int64 // time of the last message or pong, Unix nanoseconds
	pinger   *time.Timer
	deadline *time.Timer // of the current write; the writer's own

	mu       sync.Mutex // guards what follows
	conn     *websocket.Conn
	queue    []stage.Message
	bytes    int // in queue
	stages   int // of a connection
	requests int // under way
	writing  bool
	closed   bool
	running  sync.WaitGroup // writer, pinger and requests; none starts once closed
}

// serveEvents serves the events socket of a participant until it ends.
func serveEvents(server *Server, w http.ResponseWriter, r *http.Request, g authority.Grant) error {
	if r.PathValue("stageId") != g.StageID {
		return &authority.Refusal{Code: authority.TokenNotAllowed, Kind: authority.Forbidden, Detail: "the token is for another stage than the path"}
	}
	if err := checkUpgrade(w, r); err != nil {
		return err
	}
	s := newSocket(server, rate.NewLimiter(messagesPerSecond, messageBurst))
	defer s.cancel()
	if !server.add(s, s.shut) {
		return stopping()
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
	if !s.accept(w, r) {
		a.Close()
		return nil
	}
	err = s.read(func(m wire.Message) { s.handle(a, m, s.reply) })
	switch websocket.CloseStatus(err) {
	case websocket.StatusNormalClosure, websocket.StatusGoingAway:
		a.Close()
	default:
		a.Lose(s.silence())
	}
	s.shut()
	s.running.Wait()
	return nil
}

func newSocket(server *Server, limiter *rate.Limiter) *socket {
	s := &socket{server: server, limiter: limiter, panics: server.cfg.Panics}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// stopping refuses a socket while the server closes.
func stopping() error {
	return &authority.Refusal{Code: authority.StageAtCapacity, Kind: authority.Unavailable, Detail: "this server is stopping", RetryAfter: time.Second}
}

// checkUpgrade refuses a request with a valid token that is no WebSocket's.
func checkUpgrade(w http.ResponseWriter, r *http.Request) error {
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return nil
	}
	w.Header().Set("Upgrade", "websocket")
	return problem{status: http.StatusUpgradeRequired, code: "UPGRADE_REQUIRED", title: "This is a WebSocket", detail: "the token is valid; connect with it as the only sub-protocol"}
}

// accept upgrades the request and starts writing what is queued. If it reports false
// the request is answered.
func (s *socket) accept(w http.ResponseWriter, r *http.Request) bool {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols: []string{subprotocol(r)}, InsecureSkipVerify: true, // any origin: the token authorizes
		CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		return false
	}
	conn.SetReadLimit(maxClientMessage)
	s.received.Store(time.Now().UnixNano())
	s.open(conn)
	return true
}

// silence is the time since the client's last message.
func (s *socket) silence() time.Duration { return time.Since(time.Unix(0, s.received.Load())) }

// setStages sets how many stages the socket of a connection carries.
func (s *socket) setStages(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stages = n
}

// deliver queues a message. It does not wait: it disconnects a client that is too
// far behind.
func (s *socket) deliver(m stage.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	if len(s.queue) >= maxQueued+s.stages*stageQueued || s.bytes+len(m.Data) > maxQueuedBytes+s.stages*stageQueuedBytes && len(s.queue) > 0 {
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
func (s *socket) read(handle func(wire.Message)) error {
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
			m, _ := wire.Decode(data)
			handle(m)
		}
	}
}

// handle does what a client's message asks for. Clients may be newer than this
// server: what is unknown is ignored.
func (s *socket) handle(a *stage.Socket, m wire.Message, reply replyFunc) {
	if m.Type.IsRequest() {
		s.request(a, m, reply)
		return
	}
	switch p := m.Payload.(type) {
	case wire.Ping:
		s.deliver(pong)
	case wire.Mute:
		a.SetMuted(p.AudioMuted, p.VideoStopped)
	case wire.ClientInfo:
		a.SetClient(stage.Client{BrowserName: p.BrowserName, BrowserVersion: p.BrowserVersion, OSName: p.OSName, OSVersion: p.OSVersion, SDKVersion: p.SDKVersion})
	case wire.Quality:
		a.ReportQuality(p)
	case wire.ExchangeToken:
		a.Exchange(s.ctx, p.Token)
	}
}
