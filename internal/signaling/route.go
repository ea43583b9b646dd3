package signaling

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"rostrum/internal/authority"
	"rostrum/internal/stage"
)

// A Config is what a Door may do otherwise; its zero value is good.
type Config struct {
	// ICEServers are the STUN and TURN servers that a participant is told of;
	// nil when there is none.
	ICEServers func(g authority.Grant) []ICEServer
	// Log takes what an operator should know. Default slog.Default().
	Log *slog.Logger
}

// An ICEServer is a STUN or TURN server, with credentials if it wants them.
type ICEServer struct {
	URL, Username, Credential string
}

// A Door serves the participant's wire over HTTP.
type Door struct {
	registry  *stage.Registry
	authority *authority.Authority
	cfg       Config
	base      string // path of the WHIP endpoint, as clients see it
	mux       *http.ServeMux

	mu      sync.Mutex // guards what follows
	sockets map[*socket]struct{}
	closed  bool
	open    sync.WaitGroup // sockets
}

// New opens a door to the live stages.
func New(r *stage.Registry, a *authority.Authority, cfg Config) *Door {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	d := &Door{registry: r, authority: a, cfg: cfg, mux: http.NewServeMux(), sockets: map[*socket]struct{}{}, base: "/whip"}
	if u, err := url.Parse(a.Endpoints().WHIP); err == nil {
		d.base = u.Path
	}
	paths := map[string]map[string]route{}
	for _, r := range routes {
		if paths[r.path] == nil {
			paths[r.path] = map[string]route{}
		}
		paths[r.path][r.method] = r
	}
	for path, methods := range paths {
		d.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { d.dispatch(w, r, methods) })
	}
	d.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, problem{status: http.StatusNotFound, code: "NOT_FOUND", title: "Not found", detail: "there is nothing at this address"})
	})
	return d
}

// A route is one row of the door's table.
type route struct {
	method, path string
	token        func(r *http.Request) string
	judge        func(a *authority.Authority, ctx context.Context, raw string) (authority.Grant, error)
	serve        func(d *Door, w http.ResponseWriter, r *http.Request, g authority.Grant) error
}

var routes = []route{
	{"POST", "/whip", bearer, (*authority.Authority).Authorize, (*Door).publish},
	{"POST", "/whip/{$}", bearer, (*authority.Authority).Authorize, (*Door).publish},
	{"POST", "/whip/publish/{participantId}", bearer, (*authority.Authority).Authorize, (*Door).publish},
	{"POST", "/whip/subscribe/{participantId}", bearer, (*authority.Authority).Authorize, (*Door).subscribe},
	{"PATCH", "/whip/sessions/{id}", bearer, (*authority.Authority).AuthorizeHolder, (*Door).patch},
	{"DELETE", "/whip/sessions/{id}", bearer, (*authority.Authority).AuthorizeHolder, (*Door).end},
	{"POST", "/whip/sessions/{id}/layer", bearer, (*authority.Authority).AuthorizeHolder, (*Door).choose},
	{"GET", "/events/{stageId}", subprotocol, (*authority.Authority).Authorize, (*Door).attend},
}

// ServeHTTP answers one request. Any web page may ask: what counts is the token,
// which no browser sends by itself.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "Location, ETag, Link, Retry-After, Accept-Patch, Accept-Post, WWW-Authenticate")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	d.mux.ServeHTTP(w, r)
}

// dispatch picks the row of a request's method, judges its token and serves it.
func (d *Door) dispatch(w http.ResponseWriter, r *http.Request, methods map[string]route) {
	row, ok := methods[r.Method]
	if !ok {
		var allowed []string
		for m := range methods {
			allowed = append(allowed, m)
		}
		slices.Sort(allowed)
		allow := strings.Join(append(allowed, http.MethodOptions), ", ")
		w.Header().Set("Allow", allow)
		if r.Method == http.MethodOptions {
			d.introduce(w, r, methods)
			preflight(w, allow, methods)
			return
		}
		writeProblem(w, problem{status: http.StatusMethodNotAllowed, code: "METHOD_NOT_ALLOWED", title: "Method not allowed", detail: "this address takes " + allow})
		return
	}
	g, err := row.judge(d.authority, r.Context(), row.token(r))
	if err == nil {
		err = row.serve(d, w, r, g)
	}
	if err != nil {
		d.refuse(w, r, err)
	}
}

// introduce names the ICE servers to who shows a token where connections are
// made: a client that can reach only those must know them before it offers
// (RFC 9725 §4.6). Browsers ask by themselves without one.
func (d *Door) introduce(w http.ResponseWriter, r *http.Request, methods map[string]route) {
	row, ok := methods[http.MethodPost]
	if !ok || r.Header.Get("Authorization") == "" {
		return
	}
	if g, err := row.judge(d.authority, r.Context(), row.token(r)); err == nil {
		d.recommend(w.Header(), g)
	}
}

// preflight answers a browser that asks before it sends, and clients that ask
// what can be posted (RFC 9725 §4.2).
func preflight(w http.ResponseWriter, allow string, methods map[string]route) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", allow)
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match")
	h.Set("Access-Control-Max-Age", "86400")
	if _, ok := methods[http.MethodPost]; ok {
		h.Set("Accept-Post", sdpType)
	}
	w.WriteHeader(http.StatusNoContent)
}

// bearer is the token of an Authorization header; empty when there is none, or
// more than one.
func bearer(r *http.Request) string {
	all := r.Header.Values("Authorization")
	if len(all) != 1 {
		return ""
	}
	scheme, raw, _ := strings.Cut(all[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(raw)
}

// subprotocol is the token that a WebSocket client offers as its only
// sub-protocol: browsers can send no header there. Who asks without wanting to
// upgrade, to learn why a browser's socket failed, sends it as all else.
func subprotocol(r *http.Request) string {
	all := r.Header.Values("Sec-WebSocket-Protocol")
	if len(all) == 0 {
		return bearer(r)
	}
	if len(all) != 1 || strings.ContainsAny(all[0], ", ") {
		return ""
	}
	return all[0]
}

// Close ends what sockets are still open, and returns when they have. The live
// stages, closed before it, have told them why.
func (d *Door) Close() error {
	d.mu.Lock()
	d.closed = true
	all := make([]*socket, 0, len(d.sockets))
	for s := range d.sockets {
		all = append(all, s)
	}
	d.mu.Unlock()
	for _, s := range all {
		s.shut()
	}
	d.open.Wait()
	return nil
}
