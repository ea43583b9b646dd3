package inbound

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Origins are those of the web pages that may call this server (Fetch Standard, CORS
// protocol). Requests of programs, which have no origin, are not concerned. Pages of
// the server itself may always call it.
type Origins struct {
	Any      bool
	Loopback bool     // pages of this machine
	List     []string // scheme://host, with a port that is not the scheme's own
}

// Allow says in the answer's header which page may read it, and reports whether the
// page that sent the request, if one did, may call the server at all.
func (o Origins) Allow(h http.Header, r *http.Request) bool {
	if o.Any {
		h.Set("Access-Control-Allow-Origin", "*")
		return true
	}
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" { // browsers leave it out of some requests that a page can make, too
		return r.Header.Get("Sec-Fetch-Site") != "cross-site" && r.Header.Get("Sec-Fetch-Site") != "same-site"
	}
	if !o.contain(origin, r.Host) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	return true
}

func (o Origins) contain(origin, host string) bool {
	if slices.Contains(o.List, origin) {
		return true
	}
	page, err := url.Parse(origin)
	if err != nil || page.Host == "" {
		return false // null, of a page without an origin of its own
	}
	return page.Host == host || o.Loopback && isLoopback(page.Hostname())
}

// RequireHost refuses requests for other names than those of this machine and those
// given. A page whose name was made to lead here (DNS rebinding) has another one.
func RequireHost(next http.Handler, names ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		host = strings.Trim(host, "[]")
		known := func(name string) bool { return strings.EqualFold(name, host) }
		if !isLoopback(host) && !slices.ContainsFunc(names, known) {
			http.Error(w, "This server asks for no credentials, and is reached as localhost or by its public URL alone.", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
