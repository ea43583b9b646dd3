package api

import (
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"rostrum/internal/control"
	"rostrum/internal/inbound"
	"rostrum/internal/sigv4"
	"rostrum/ivsrealtime"
)

// signingName is what requests to this service are signed for.
const signingName = "ivs"

// A Door serves the API over HTTP.
type Door struct {
	plane      *control.Plane
	verifier   *sigv4.Verifier
	anyone     bool
	log        *slog.Logger
	metrics    metrics
	operations map[string]operation // "POST /CreateStage"
	stopping   <-chan struct{}
	streams    turnout
	bodies     bodyBudget
	origins    inbound.Origins
}

// Config is what a Door may do otherwise; its zero value is good.
type Config struct {
	// Anyone takes any credentials for the first operator's. For loopback alone.
	Anyone bool
	// PublicURL is where clients reach the API. What is signed for its host is
	// accepted whatever Host a proxy passes on.
	PublicURL string
	// Origins are the web pages that may call the API. Default all.
	Origins *inbound.Origins
	// Log takes one line a request. Default slog.Default().
	Log *slog.Logger
	// Metrics takes the door's metrics. Default none.
	Metrics prometheus.Registerer
	// Stopping is closed when the server is about to stop: what streams then
	// ends. Default never.
	Stopping <-chan struct{}
}

// New opens the door to a control plane.
func New(plane *control.Plane, cfg Config) *Door {
	d := &Door{plane: plane, anyone: cfg.Anyone, log: cfg.Log, operations: map[string]operation{}, stopping: cfg.Stopping}
	if d.log == nil {
		d.log = slog.Default()
	}
	if d.origins.Any = true; cfg.Origins != nil {
		d.origins = *cfg.Origins
	}
	d.metrics = newMetrics(cfg.Metrics)
	var host string
	if public, err := url.Parse(cfg.PublicURL); err == nil {
		host = public.Host
	}
	d.verifier = sigv4.NewVerifier(signingName, plane.Key, sigv4.Config{PublicHost: host})
	d.table()
	d.eventLogTable()
	return d
}

// ServeHTTP answers one request: always with a request id, and always with a
// modelled or common error of the API when it can't do what it was asked.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	id := uuid.NewString()
	w.Header().Set("x-amzn-RequestId", id)
	setTransportHeaders(w.Header())
	log := d.log.With("request", id)
	if !d.origins.Allow(w.Header(), r) {
		d.refuse(w, log, ivsrealtime.Errorf(ivsrealtime.AccessDenied, "Pages of the origin %q may not call this server: its cors_origins are those that may", shorten(r.Header.Get("Origin"))))
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
			log.Error("panic", "operation", name, "panic", p, "stack", string(debug.Stack()))
			code = d.refuse(w, log, ivsrealtime.Errorf(ivsrealtime.InternalServerError, "something went wrong on the server; its log tells more under this request's id"))
		}
		took := time.Since(start)
		d.metrics.observe(name, code, took)
		log.Info("request", "operation", name, "code", string(code), "took", took, "from", r.RemoteAddr)
	}()
	out, err := d.do(r, id, &name)
	if stream, ok := out.(*eventStream); ok {
		code = codeOf(log, stream.serve(w, r))
		return
	}
	code = d.answer(w, log, out, err)
}

// do takes a request through its stations.
func (d *Door) do(r *http.Request, id string, name *string) (any, error) {
	op, err := d.route(r)
	if err != nil {
		return nil, err
	}
	*name = op.spec.Name
	if !d.anyone {
		if err := d.verifier.Screen(r); err != nil { // before its body is read
			return nil, refusal(err)
		}
	}
	body, err := d.bodies.read(r, op.maxBody)
	if err != nil {
		return nil, err
	}
	defer body.free()
	caller, err := d.caller(r, body.bytes, id)
	if err != nil {
		return nil, err
	}
	if err := d.plane.LimitRate(caller, op.spec.Name); err != nil {
		return nil, err
	}
	return op.run(r.Context(), caller, r, body.bytes)
}

// preflight answers a browser that asks before it sends (api model, cors).
func preflight(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "GET, POST, DELETE, OPTIONS")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, X-Amz-Date, X-Amz-Security-Token, X-Api-Key, X-Amz-Content-Sha256, X-Amz-User-Agent, amz-sdk-invocation-id, amz-sdk-request")
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
}
