package console

import (
	"net/http"
	"net/url"
	"strings"

	"rostrum/ivsrealtime"
)

// PageHeader is a header that the console's pages send with each request. A page of another
// origin can't: the browser would have to ask this server first, which does not allow it.
const PageHeader = "X-Rostrum-Console"

// checkPage checks that a request is of a page of this server: that it has the header, and
// that what the browser says of its origin agrees (Fetch Standard, Fetch Metadata).
func (s *Server) checkPage(r *http.Request) error {
	refused := func(why string) error {
		return ivsrealtime.Errorf(ivsrealtime.AccessDenied, "The console answers its own pages only: %s", why)
	}
	if r.Header.Get(PageHeader) == "" {
		return refused("the header " + PageHeader + " is missing")
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" {
		return refused("the page is of another site")
	}
	if origin := r.Header.Get("Origin"); origin != "" && !s.isOwn(origin, r.Host) {
		return refused("the page is of another origin")
	}
	return nil
}

// isOwn reports whether an origin is this server's. A proxy may have changed the Host
// header, by which it is recognised otherwise.
func (s *Server) isOwn(origin, host string) bool {
	page, err := url.Parse(origin)
	if err != nil || page.Host == "" {
		return false
	}
	return page.Host == host || s.public.Host != "" && page.Host == s.public.Host && page.Scheme == s.public.Scheme
}

// secure reports whether the browser reaches the console over HTTPS.
func (s *Server) secure(r *http.Request) bool { return r.TLS != nil || s.public.Scheme == "https" }

// cookieName is the name of the session's cookie. Cookies of one host are shared by all its
// ports, so that the name has the port.
func (s *Server) cookieName(r *http.Request) string {
	name := "rostrum-console"
	if _, port, ok := strings.Cut(r.Host[strings.LastIndexByte(r.Host, ']')+1:], ":"); ok {
		name += "-" + port
	}
	if s.secure(r) {
		return "__Host-" + name
	}
	return name
}

// cookie returns the session's cookie; a negative age deletes it.
func (s *Server) cookie(r *http.Request, value string, age int) *http.Cookie {
	return &http.Cookie{
		Name: s.cookieName(r), Value: value, Path: "/", MaxAge: age,
		HttpOnly: true, Secure: s.secure(r), SameSite: http.SameSiteStrictMode,
	}
}
