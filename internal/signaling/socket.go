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
	"rostrum/internal/stage"
)

const (
	maxClientMessage = 16 << 10 // bytes: a token to exchange, and some room
	pingEvery        = 5 * time.Second
	pongWithin       = 5 * time.Second
	writeWithin      = 5 * time.Second

	// A client that is so far behind is dropped: it comes back and is told the state.
	maxQueued      = 256
	maxQueuedBytes = 2 << 20

	// A client that talks faster is read more slowly.
	messagesASecond = 10
	messageBurst    = 40
)

// A socket is one client's events socket. The goroutine of its request reads; a
// second one lives only while there is something to write.
type socket struct {
	door    *Door
	limiter *rate.Limiter
	ctx     context.Context // of the socket, not of the request
	cancel  context.CancelFunc
	heard   atomic.Int64 // when something last came, Unix nanoseconds
	pinger  *time.Timer
	late    *time.Timer // runs while something is written: the writer's own

	mu      sync.Mutex // guards what follows
	conn    *websocket.Conn
	queue   []stage.Message
	bytes   int // in queue
	writing bool
	shutOff bool
	helpers sync.WaitGroup // of writing and pinging; none begins once shutOff
}

// attend opens the events socket of a participant.
func (d *Door) attend(w http.ResponseWriter, r *http.Request, g authority.Grant) error {
	if r.PathValue("stageId") != g.StageID {
		return &authority.Refusal{Code: authority.TokenNotAllowed, Kind: authority.Forbidden, Detail: "the token is for another stage than the address"}
	}
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		w.Header().Set("Upgrade", "websocket")
		return problem{status: http.StatusUpgradeRequired, code: "UPGRADE_REQUIRED", title: "This is a WebSocket", detail: "the token is good; connect with it as the only sub-protocol"}
	}
	s := &socket{door: d, limiter: rate.NewLimiter(messagesASecond, messageBurst)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	defer s.cancel()
	if !d.add(s) {
		return &authority.Refusal{Code: authority.StageAtCapacity, Kind: authority.Unavailable, Detail: "this server is going down", RetryAfter: time.Second}
	}
	defer d.remove(s)
	query := r.URL.Query()
	after, _ := strconv.ParseUint(query.Get("after"), 10, 64) // anything else is none
	a, err := d.registry.Attend(g, stage.Attending{
		Client: stage.ParseUserAgent(r.UserAgent()), After: after, ChangesOnly: query.Get("changes") == "only", Deliver: s.deliver,
	})
	if err != nil {
		return err
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols: []string{subprotocol(r)}, InsecureSkipVerify: true, // any page: the token decides
		CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil { // and answered
		a.Leave()
		return nil
	}
	conn.SetReadLimit(maxClientMessage)
	s.heard.Store(time.Now().UnixNano())
	s.open(conn)
	err = s.read(a)
	switch websocket.CloseStatus(err) {
	case websocket.StatusNormalClosure, websocket.StatusGoingAway:
		a.Leave()
	default:
		a.Lose(time.Since(time.Unix(0, s.heard.Load())))
	}
	s.shut()
	s.helpers.Wait()
	return nil
}

func (d *Door) add(s *socket) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return false
	}
	d.sockets[s] = struct{}{}
	d.open.Add(1)
	return true
}

func (d *Door) remove(s *socket) {
	d.mu.Lock()
	delete(d.sockets, s)
	d.mu.Unlock()
	d.open.Done()
}

// deliver takes a message to be written. It never waits.
func (s *socket) deliver(m stage.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shutOff {
		return
	}
	if len(s.queue) >= maxQueued || s.bytes+len(m.Data) > maxQueuedBytes && len(s.queue) > 0 {
		s.shutOff, s.queue = true, nil
		s.cancel() // ends reader and writer
		return
	}
	s.queue = append(s.queue, m)
	s.bytes += len(m.Data)
	s.startWriting()
}

// open lets what has been delivered out.
func (s *socket) open(conn *websocket.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn = conn
	if s.shutOff {
		s.cancel()
		return
	}
	s.startWriting()
	s.pinger = time.AfterFunc(pingEvery, s.ping)
}

func (s *socket) startWriting() {
	if s.conn == nil || s.writing || len(s.queue) == 0 {
		return
	}
	s.writing = true
	s.helpers.Go(s.write)
}

// write writes until nothing is left to write. The socket's context would be watched anew by
// each message, which costs as much as half of the system call: who is told along with ten
// thousand others waits for that. So a timer ends the socket, and with its connection the
// writing.
func (s *socket) write() {
	if s.late == nil {
		s.late = time.AfterFunc(writeWithin, s.cancel)
	}
	for {
		s.mu.Lock()
		if len(s.queue) == 0 || s.shutOff {
			s.late.Stop() // before another writer may begin
			s.writing, s.queue = false, nil
			s.mu.Unlock()
			return
		}
		m := s.queue[0]
		s.queue = s.queue[1:]
		s.bytes -= len(m.Data)
		s.mu.Unlock()
		s.late.Reset(writeWithin)
		err := s.conn.Write(context.Background(), websocket.MessageText, m.Data)
		if err == nil && m.Last {
			err = errors.New("that was the last")
			_ = s.conn.Close(websocket.StatusNormalClosure, "") // it is closed either way
		}
		if err != nil {
			s.shut()
		}
	}
}

// shut ends the socket at once.
func (s *socket) shut() {
	s.mu.Lock()
	s.shutOff = true
	if s.pinger != nil {
		s.pinger.Stop()
	}
	conn := s.conn
	s.mu.Unlock()
	s.cancel()
	if conn != nil {
		_ = conn.CloseNow() // closed already, at worst
	}
}

// ping asks whether the client is still there, and again after a while if it is.
func (s *socket) ping() {
	s.mu.Lock()
	over := s.shutOff
	if !over {
		s.helpers.Add(1)
	}
	s.mu.Unlock()
	if over {
		return
	}
	defer s.helpers.Done()
	ctx, cancel := context.WithTimeout(s.ctx, pongWithin)
	defer cancel()
	if err := s.conn.Ping(ctx); err != nil {
		s.shut()
		return
	}
	s.heard.Store(time.Now().UnixNano())
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.shutOff {
		s.pinger.Reset(pingEvery)
	}
}

// read takes the client's messages until the socket ends, and returns why.
func (s *socket) read(a *stage.Attendance) error {
	for {
		kind, data, err := s.conn.Read(s.ctx)
		if err != nil {
			return err
		}
		s.heard.Store(time.Now().UnixNano())
		if err := s.limiter.Wait(s.ctx); err != nil {
			return err
		}
		if kind == websocket.MessageText {
			s.handle(a, data)
		}
	}
}
