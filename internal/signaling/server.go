package signaling

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"rostrum/internal/authority"
	"rostrum/internal/inbound"
	"rostrum/internal/node"
	"rostrum/internal/proxy"
	"rostrum/internal/stage"
	"rostrum/internal/store"
	"rostrum/internal/wire"
)

// A Config has the options of a Server; the zero value is valid.
type Config struct {
	// ICEServers returns the STUN and TURN servers for a participant; nil if
	// there are none.
	ICEServers func(g authority.Grant) []wire.ICEServer
	// WHIPNeedsVideo refuses offers to publish without video that come by HTTP.
	WHIPNeedsVideo bool
	// Panics takes faults in writing to sockets. Default the default logger's.
	Panics *inbound.Panics
	// Metrics registers the server's metrics. Default none.
	Metrics prometheus.Registerer
	// Origins are the web pages that may call. Default all.
	Origins *inbound.Origins
	// Forward answers a request by the node that can; refuse answers if that can't be
	// reached. Default refuses.
	Forward func(w http.ResponseWriter, r *http.Request, to store.Node, refuse func(error))
	// Log is for the operator. Default slog.Default().
	Log *slog.Logger
}

// A Server answers the requests of participants.
type Server struct {
	registry  *stage.Registry
	authority *authority.Authority
	cfg       Config
	base      string // path of the WHIP endpoint in the public URL
	mux       *http.ServeMux
	metrics   metrics
	forged    inbound.Failures

	stop       context.CancelFunc // of background
	background sync.WaitGroup

	mu          sync.Mutex         // guards what follows
	sockets     map[*socket]func() // and how each is closed
	connections map[*connection]struct{}
	closed      bool
	open        sync.WaitGroup // sockets
}

// New returns a server for the live stages.
func New(r *stage.Registry, a *authority.Authority, cfg Config) *Server {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Origins == nil {
		cfg.Origins = &inbound.Origins{Any: true}
	}
	s := &Server{registry: r, authority: a, cfg: cfg, mux: http.NewServeMux(), metrics: newMetrics(cfg.Metrics), sockets: map[*socket]func(){}, connections: map[*connection]struct{}{}, base: "/whip"}
	if u, err := url.Parse(a.Endpoints().WHIP); err == nil {
		s.base = u.Path
	}
	paths := map[string]map[string]route{}
	for _, r := range routes {
		if paths[r.path] == nil {
			paths[r.path] = map[string]route{}
		}
		paths[r.path][r.method] = r
	}
	for path, methods := range paths {
		s.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { s.dispatch(w, r, methods) })
	}
	s.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, problem{status: http.StatusNotFound, code: "NOT_FOUND", title: "Not found", detail: "the server has nothing at this path"})
	})
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.background.Go(func() { s.watchRevocations(ctx) })
	return s
}

// ServeHTTP answers one request. CORS is open to all origins unless they are
// configured: a token authorizes each request, and browsers don't send it by
// themselves.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	allowed := s.cfg.Origins.Allow(h, r)
	h.Set("Access-Control-Expose-Headers", "Location, ETag, Link, Retry-After, Accept-Patch, Accept-Post, WWW-Authenticate")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if !allowed {
		writeProblem(w, problem{status: http.StatusForbidden, code: "ORIGIN_NOT_ALLOWED", title: "The page may not call this server", detail: "its origin is not among the server's cors_origins"})
		return
	}
	s.mux.ServeHTTP(w, r)
}

// dispatch selects the route for a request's method, authorizes the token and
// calls the handler.
func (s *Server) dispatch(w http.ResponseWriter, r *http.Request, methods map[string]route) {
	route, ok := methods[r.Method]
	if !ok {
		var allowed []string
		for m := range methods {
			allowed = append(allowed, m)
		}
		slices.Sort(allowed)
		allow := strings.Join(append(allowed, http.MethodOptions), ", ")
		w.Header().Set("Allow", allow)
		if r.Method == http.MethodOptions {
			if err := s.announceICEServers(w, r, methods); err != nil {
				s.refuse(w, r, err)
				return
			}
			preflight(w, allow, methods)
			return
		}
		writeProblem(w, problem{status: http.StatusMethodNotAllowed, code: "METHOD_NOT_ALLOWED", title: "Method not allowed", detail: "the methods for this path are " + allow})
		return
	}
	token := route.token(r)
	if route.connect != nil {
		if err := route.connect(s, w, r, token); err != nil {
			s.refuse(w, r, err)
		}
		return
	}
	g, err := route.authorize(s.authority, r.Context(), token)
	if err != nil {
		err = s.countRefusal(r, token, err)
	} else {
		err = s.serve(w, r, g, route)
	}
	if err != nil {
		s.refuse(w, r, err)
	}
}

// serve answers a request, or has the node answer it that is the home of its stage.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, g authority.Grant, route route) error {
	if s.cfg.Forward == nil || proxy.IsForwarded(r) {
		return route.serve(s, w, r, g)
	}
	var read bytes.Buffer // what the handler has read of the body, which it bounds
	body := r.Body
	r.Body = readCloser{io.TeeReader(body, &read), body}
	err := route.serve(s, w, r, g)
	away, ok := errors.AsType[*node.Elsewhere](err)
	if !ok {
		return err
	}
	r.Body = readCloser{io.MultiReader(&read, body), body}
	s.cfg.Forward(w, r, away.Node, func(error) { s.refuse(w, r, err) })
	return nil
}

type readCloser struct {
	io.Reader
	io.Closer
}

// announceICEServers adds the ICE servers to the answer to OPTIONS, if the
// request has a token and connections are made at its path: a client that can
// reach only those servers must know them before it makes an offer (RFC 9725
// §4.6). The preflight requests of browsers have no token. Refused tokens are counted, and get
// nothing; the error is for an address that sent too many.
func (s *Server) announceICEServers(w http.ResponseWriter, r *http.Request, methods map[string]route) error {
	route, ok := methods[http.MethodPost]
	if !ok || r.Header.Get("Authorization") == "" {
		return nil
	}
	token := route.token(r)
	g, err := route.authorize(s.authority, r.Context(), token)
	if err == nil {
		if s.cfg.ICEServers != nil {
			linkICEServers(w.Header(), s.cfg.ICEServers(g))
		}
		return nil
	}
	var limited problem
	if err = s.countRefusal(r, token, err); errors.As(err, &limited) {
		return limited
	}
	return nil
}

// refuse answers with the problem document for err.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() == nil { // otherwise the client is gone
		writeProblem(w, s.problemOf(err, r.Pattern))
	}
}

// add registers an open socket and how it is closed. It reports false once the server
// is closed.
func (s *Server) add(k *socket, end func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.sockets[k] = end
	s.open.Add(1)
	return true
}

func (s *Server) remove(k *socket) {
	s.mu.Lock()
	delete(s.sockets, k)
	s.mu.Unlock()
	s.open.Done()
}

// Close closes the sockets that are still open and waits for them. The live
// stages are closed before it and have sent their close notices.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	all := slices.Collect(maps.Values(s.sockets))
	s.mu.Unlock()
	for _, end := range all {
		end()
	}
	s.open.Wait()
	s.stop()
	s.background.Wait()
	return nil
}
