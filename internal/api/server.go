package api

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"rostrum/internal/control"
	"rostrum/internal/inbound"
	"rostrum/internal/sigv4"
	"rostrum/ivsrealtime"
)

// signingName is the service in the scope of signatures.
const signingName = "ivs"

// A Server serves the API over HTTP.
type Server struct {
	plane      *control.Plane
	verifier   *sigv4.Verifier
	anyone     bool
	session    SessionAuthenticator
	log        *slog.Logger
	metrics    metrics
	operations map[string]operation // "POST /CreateStage"
	stopping   <-chan struct{}
	streams    streamCount
	bodies     bodyBudget
	origins    inbound.Origins
	panics     *inbound.Panics
}

// Config has the options of a Server; the zero value is valid.
type Config struct {
	// Anyone accepts any credentials as the first operator's. For loopback only.
	Anyone bool
	// Session authenticates the requests of pages whose user is signed in. Default none.
	Session SessionAuthenticator
	// PublicURL is where clients reach the API. What is signed for its host is
	// accepted whatever Host a proxy passes on.
	PublicURL string
	// Panics takes faults in answering. Default the default logger's.
	Panics *inbound.Panics
	// Origins are the web pages that may call the API. Default all.
	Origins *inbound.Origins
	// Log gets one line per request. Default slog.Default().
	Log *slog.Logger
	// Metrics registers the server's metrics. Default none.
	Metrics prometheus.Registerer
	// Stopping is closed when the server is about to stop: event streams then
	// end. Default never.
	Stopping <-chan struct{}
}

// A SessionAuthenticator returns who sent a request of a page whose user is signed in, and
// a context that ends with the session. A request that is of no such page has neither, and
// must be signed.
type SessionAuthenticator func(r *http.Request) (*sigv4.Identity, context.Context, error)

// New returns a server for a control plane.
func New(plane *control.Plane, cfg Config) *Server {
	s := &Server{plane: plane, anyone: cfg.Anyone, session: cfg.Session, panics: cfg.Panics, log: cfg.Log, operations: map[string]operation{}, stopping: cfg.Stopping}
	if s.log == nil {
		s.log = slog.Default()
	}
	if s.origins.Any = true; cfg.Origins != nil {
		s.origins = *cfg.Origins
	}
	s.metrics = newMetrics(cfg.Metrics)
	var host string
	if public, err := url.Parse(cfg.PublicURL); err == nil {
		host = public.Host
	}
	s.verifier = sigv4.NewVerifier(signingName, plane.Key, sigv4.Config{PublicHost: host})
	s.table()
	s.eventLogTable()
	s.qualityTable()
	return s
}

// ServeHTTP answers one request, with a request id, and on failure with a modelled
// or common error of the API.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	id := uuid.NewString()
	w.Header().Set("x-amzn-RequestId", id)
	setTransportHeaders(w.Header())
	log := s.log.With("request", id)
	if !s.origins.Allow(w.Header(), r) {
		s.refuse(w, log, ivsrealtime.Errorf(ivsrealtime.AccessDenied, "Pages of the origin %q may not call this server: its cors_origins are those that may", shorten(r.Header.Get("Origin"))))
		return
	}
	if r.Method == http.MethodOptions {
		preflight(w)
		return
	}
	name := "unknown"
	var code ivsrealtime.Code
	defer func() {
		if p := recover(); p != nil { // one bad request must not end the others
			s.panics.Record("api", p, "request", id, "operation", name)
			code = s.refuse(w, log, ivsrealtime.Errorf(ivsrealtime.InternalServerError, "the server failed; the reason is in its log under the id of this request"))
		}
		took := time.Since(start)
		s.metrics.observe(name, code, took)
		log.Info("request", "operation", name, "code", string(code), "took", took, "from", r.RemoteAddr)
	}()
	out, err := s.do(w, r, id, &name)
	if stream, ok := out.(*eventStream); ok {
		code = codeOf(log, stream.serve(w, r))
		return
	}
	code = s.answer(w, log, out, err)
}

// do routes, authenticates, rate limits and executes a request.
func (s *Server) do(w http.ResponseWriter, r *http.Request, id string, name *string) (any, error) {
	op, err := s.route(r)
	if err != nil {
		return nil, err
	}
	*name = op.spec.Name
	user, live, err := s.authenticateSession(r)
	if err != nil {
		return nil, err
	}
	if user == nil && !s.anyone {
		if err := s.verifier.Screen(r); err != nil { // before its body is read
			return nil, refusal(err)
		}
	}
	body, err := s.readBody(w, r, op.maxBody)
	if err != nil {
		return nil, err
	}
	defer body.free()
	caller, err := s.caller(r, user, body.bytes, id)
	if err != nil {
		return nil, err
	}
	if err := s.limitRate(r.Context(), caller, op.spec.Name, body.taken); err != nil {
		return nil, err
	}
	out, err := op.run(r.Context(), caller, r, body.bytes)
	if stream, ok := out.(*eventStream); ok {
		stream.session = live
	}
	return out, err
}

// limitRate counts a request, and lets it wait for its turn.
func (s *Server) limitRate(ctx context.Context, caller control.Caller, operation string, bytes int) error {
	wait, err := s.plane.LimitRate(ctx, caller, operation, bytes)
	if ctx.Err() != nil {
		wait.End()
		return aborted(ctx.Err())
	}
	if err != nil || wait.Duration <= 0 {
		return err
	}
	defer wait.End()
	turn := time.NewTimer(wait.Duration)
	defer turn.Stop()
	select {
	case <-turn.C:
		return nil
	case <-ctx.Done():
		return aborted(ctx.Err())
	case <-s.stopping:
		return ivsrealtime.Errorf(ivsrealtime.ServiceUnavailable, "the server stops: try again")
	}
}

// bodyTimeout bounds how long a body may take to arrive, since it takes a part of the memory
// that all bodies share.
const bodyTimeout = 5 * time.Second

func (s *Server) readBody(w http.ResponseWriter, r *http.Request, limit int) (*body, error) {
	if r.ContentLength != 0 {
		control := http.NewResponseController(w)
		if control.SetReadDeadline(time.Now().Add(bodyTimeout)) == nil {
			defer func() { _ = control.SetReadDeadline(time.Time{}) }()
		}
	}
	return s.bodies.read(r, limit)
}

// preflight answers the preflight requests of CORS.
func preflight(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "GET, POST, DELETE, OPTIONS")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, X-Amz-Date, X-Amz-Security-Token, X-Api-Key, X-Amz-Content-Sha256, X-Amz-User-Agent, amz-sdk-invocation-id, amz-sdk-request")
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
}
