package signaling

import (
	"context"
	"net/http"
	"strings"

	"rostrum/internal/authority"
)

// A route is one row of the table: where the token is, how it is authorized,
// and what answers.
type route struct {
	method, path string
	token        func(r *http.Request) string
	authorize    func(a *authority.Authority, ctx context.Context, token string) (authority.Grant, error)
	serve        func(s *Server, w http.ResponseWriter, r *http.Request, g authority.Grant) error

	// connect answers in place of authorize and serve: the token is a connection token.
	connect func(s *Server, w http.ResponseWriter, r *http.Request, token string) error
}

var routes = []route{
	{method: "POST", path: "/whip", token: bearer, authorize: (*authority.Authority).Authorize, serve: publish},
	{method: "POST", path: "/whip/{$}", token: bearer, authorize: (*authority.Authority).Authorize, serve: publish},
	{method: "POST", path: "/whip/publish/{participantId}", token: bearer, authorize: (*authority.Authority).Authorize, serve: publish},
	{method: "POST", path: "/whip/subscribe/{participantId}", token: bearer, authorize: (*authority.Authority).Authorize, serve: subscribe},
	{method: "PATCH", path: "/whip/sessions/{id}", token: bearer, authorize: (*authority.Authority).AuthorizeHolder, serve: patchConnection},
	{method: "DELETE", path: "/whip/sessions/{id}", token: bearer, authorize: (*authority.Authority).AuthorizeHolder, serve: endConnection},
	{method: "POST", path: "/whip/sessions/{id}/layer", token: bearer, authorize: (*authority.Authority).AuthorizeHolder, serve: setLayer},
	{method: "GET", path: "/events/{stageId}", token: subprotocol, authorize: (*authority.Authority).Authorize, serve: serveEvents},
	{method: "GET", path: "/events", token: subprotocol, connect: serveConnection},
	{method: "GET", path: "/events/{$}", token: subprotocol, connect: serveConnection},
}

// preflight answers OPTIONS, for CORS and for clients that ask what they may
// post (RFC 9725 §4.2).
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

// bearer returns the token of the Authorization header; empty if there is none,
// or more than one.
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

// subprotocol returns the token that a WebSocket client offers as its only
// sub-protocol, as browsers can't set headers there. A request without one may
// have the token in Authorization: that is how a page asks why its socket failed.
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
