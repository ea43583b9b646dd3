// Package console serves what the console's pages need beside the API: signing in with an
// access key or with a link, the session that follows, and live figures of this node.
//
// A session stands for the access key that it was opened with. Its cookie takes the place
// of a signature in requests of the console's pages to the API, where the policies of the
// key apply as to any other request. Sessions are kept in memory: they end with the
// process, with the key, when they are unused for [idleTime], and after [maxAge].
package console

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"rostrum/internal/control"
	"rostrum/internal/inbound"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// Path is the path of the console. Its pages are served by package web.
const Path = "/console/"

// Config has the options of a Server.
type Config struct {
	// PublicURL is where browsers reach the console. Default the host of each request.
	PublicURL string
	// Region is that of sessions whose sign-in names none.
	Region string
	// Account is the account whose unrestricted keys may see the figures of this node.
	Account string
	// RTMPS says that encoders reach channels by RTMPS, not by plain RTMP.
	RTMPS bool
	// Recordings are where recordings are found.
	Recordings Recordings
	// Store has the access keys and the targets.
	Store *store.Store
	// LogRing has the newest lines of the log.
	LogRing *LogRing
	// Settings returns the settings in force, with secrets hidden, and Examine the findings
	// of rostrum doctor; both as JSON has them.
	Settings func() any
	Examine  func(context.Context) any
	// Figures returns the current figures of this node.
	Figures func() Figures
	// Stopping is closed when the server is about to stop: live streams then end.
	Stopping <-chan struct{}
	// Log is the log of sign-ins. Default slog.Default().
	Log *slog.Logger
}

// A Server signs operators in, and authenticates the requests of their pages.
type Server struct {
	plane    *control.Plane
	config   Config
	public   *url.URL
	log      *slog.Logger
	links    links
	sessions sessions
	failures inbound.Failures
	figures  figuresCache

	examining chan struct{} // full while the machine is checked

	mux *http.ServeMux

	verifying    sync.Mutex    // held while a recording is verified
	opening      chan struct{} // has one for each recording whose files are in memory
	stopWatching context.CancelFunc
	watching     sync.WaitGroup
}

// New returns a server whose sessions stand for access keys of a control plane.
func New(plane *control.Plane, c Config) *Server {
	s := &Server{plane: plane, config: c, log: c.Log, mux: http.NewServeMux(), examining: make(chan struct{}, 1), opening: make(chan struct{}, maxOpened)}
	if s.log == nil {
		s.log = slog.Default()
	}
	if s.public, _ = url.Parse(c.PublicURL); s.public == nil {
		s.public = &url.URL{}
	}
	s.figures.read = c.Figures
	for pattern, handle := range s.handlers() {
		s.mux.HandleFunc(pattern, handle)
	}
	var watched context.Context
	watched, s.stopWatching = context.WithCancel(context.Background())
	s.watching.Go(func() { s.watchKeys(watched) })
	return s
}

// handlers are the console's own requests, by their patterns. They are below the path of its
// pages.
func (s *Server) handlers() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"POST " + Path + "sign-in":     s.signIn,
		"POST " + Path + "sign-out":    s.signOut,
		"GET " + Path + "session":      s.show,
		"GET " + Path + "live":         s.live,
		"POST " + Path + "permissions": s.permissions,

		"GET " + Path + "data/recordings":        s.listRecordings,
		"GET " + Path + "data/recording":         s.showRecording,
		"POST " + Path + "data/recording/verify": s.verifyRecording,
		"POST " + Path + "data/layout":           s.drawLayout,
		"GET " + Path + "data/keys":              s.forAdministrators(s.listKeys),
		"POST " + Path + "data/keys":             s.forAdministrators(s.createKey),
		"PUT " + Path + "data/keys/{id}":         s.forAdministrators(s.updateKey),
		"DELETE " + Path + "data/keys/{id}":      s.forAdministrators(s.deleteKey),
		"POST " + Path + "data/keys/{id}/revoke": s.forAdministrators(s.revokeKey),
		"POST " + Path + "data/keys/{id}/may":    s.forAdministrators(s.explainKey),
		"GET " + Path + "data/actions":           s.forAdministrators(s.describeActions),

		"GET " + Path + "data/targets":                   s.forOperators(s.listTargets),
		"POST " + Path + "data/targets":                  s.forOperators(s.addTarget),
		"DELETE " + Path + "data/targets/{name}":         s.forOperators(s.removeTarget),
		"POST " + Path + "data/targets/{name}/test":      s.forOperators(s.testTarget),
		"POST " + Path + "data/targets/{name}/send":      s.forOperators(s.sendEvent),
		"GET " + Path + "data/targets/{name}/dead":       s.forOperators(s.listDead),
		"POST " + Path + "data/targets/{name}/redeliver": s.forOperators(s.redeliver),

		"GET " + Path + "data/log":      s.forOperators(s.showLog),
		"GET " + Path + "data/settings": s.forOperators(s.showSettings),
		"POST " + Path + "data/doctor":  s.forOperators(s.examine),
	}
}

// Patterns are the requests that the server answers, as patterns of http.ServeMux.
func (s *Server) Patterns() []string { return slices.Sorted(maps.Keys(s.handlers())) }

// Close ends all sessions.
func (s *Server) Close() error {
	s.stopWatching()
	s.watching.Wait()
	s.sessions.close()
	return nil
}

// ServeHTTP answers the console's own requests.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if err := s.checkPage(r); err != nil {
		refuse(w, err)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// A view is what a page is told of its session.
type view struct {
	AccessKeyID string    `json:"accessKeyId"`
	UserName    string    `json:"userName"`
	Account     string    `json:"account"`
	Region      string    `json:"region"`
	Endpoint    string    `json:"endpoint"`   // of the API
	Restricted  bool      `json:"restricted"` // policies say what the key may do
	Node        bool      `json:"node"`       // the session may see the figures of this node
	RTMPS       bool      `json:"rtmps"`      // encoders of channels use it
	Expires     time.Time `json:"expires"`
}

// show tells a page whose session it has.
func (s *Server) show(w http.ResponseWriter, r *http.Request) {
	session, caller, err := s.caller(r)
	if err != nil {
		refuse(w, err)
		return
	}
	answer(w, s.describe(r, session, caller))
}

func (s *Server) describe(r *http.Request, session *session, c control.Caller) view {
	endpoint := s.config.PublicURL
	if endpoint == "" {
		endpoint = "http://" + r.Host
	}
	return view{
		AccessKeyID: c.AccessKeyID, UserName: c.UserName, Account: c.Account, Region: c.Region, Endpoint: endpoint,
		Restricted: c.Policies != nil, Node: s.seesNode(c), RTMPS: s.config.RTMPS, Expires: session.created.Add(maxAge).UTC(),
	}
}

// seesNode reports whether a caller may see the figures of this node, which are those of
// all accounts together.
func (s *Server) seesNode(c control.Caller) bool {
	return c.Policies == nil && c.Account == s.config.Account
}

// keyInterval is the time between two looks at the access keys of the open sessions: as long
// as a control plane uses a key before it reads it again.
const keyInterval = time.Second

// watchKeys ends the sessions, and with them the streams, of access keys that are revoked,
// expire or get another secret, also where no request shows it.
func (s *Server) watchKeys(ctx context.Context) {
	tick := time.NewTicker(keyInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		invalid := map[credential]bool{}
		for c := range s.sessions.credentials() {
			key, err := s.validKey(ctx, c.accessKeyID)
			if err == nil && (key == nil || hashOf(key.Secret) != c.secret) { // the store may fail for a while
				invalid[c] = true
			}
		}
		if len(invalid) > 0 {
			s.sessions.endIf(func(c credential) bool { return invalid[c] })
		}
	}
}

// signOut ends the session of the page.
func (s *Server) signOut(w http.ResponseWriter, r *http.Request) {
	if cookie, err := r.Cookie(s.cookieName(r)); err == nil {
		s.sessions.end(cookie.Value)
	}
	http.SetCookie(w, s.cookie(r, "", -1))
	w.WriteHeader(http.StatusNoContent)
}

// address is where a request comes from; the zero Addr if that is unknown.
func address(r *http.Request) netip.Addr {
	from, _ := netip.ParseAddrPort(r.RemoteAddr)
	return from.Addr()
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // an error means that the browser is gone
}

// refuse writes an error as the API does.
func refuse(w http.ResponseWriter, err error) {
	var e *ivsrealtime.Error
	if !errors.As(err, &e) {
		slog.Error("console", "error", err)
		e = ivsrealtime.Errorf(ivsrealtime.InternalServerError, "the server failed; the reason is in its log")
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("x-amzn-ErrorType", string(e.Code))
	if e.Code == ivsrealtime.Throttling {
		h.Set("Retry-After", strconv.Itoa(int(retryAfter/time.Second)))
	}
	w.WriteHeader(e.Code.Status())
	_ = json.NewEncoder(w).Encode(struct {
		Message string `json:"message"`
	}{e.Message})
}
