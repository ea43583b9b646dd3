package channel

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"rostrum/internal/arn"
)

// playlist is the first thing a viewer asks for; the library's name for it.
const playlist = "index.m3u8"

// viewer is the member of the query by which a viewer's requests are known.
const viewer = "viewer"

// ServeHTTP shows a channel: GET /hls/{channelId}/index.m3u8 and what it names.
// Any page may play it.
func (r *Registry) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("X-Content-Type-Options", "nosniff")
	switch q.Method {
	case http.MethodOptions:
		h.Set("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
		h.Set("Access-Control-Allow-Headers", "Range")
		w.WriteHeader(http.StatusNoContent)
		return
	case http.MethodGet, http.MethodHead:
	default:
		h.Set("Allow", "GET, HEAD, OPTIONS")
		http.Error(w, "channels are watched with GET", http.StatusMethodNotAllowed)
		return
	}
	id, file, _ := strings.Cut(strings.TrimPrefix(q.URL.Path, PlaybackPath), "/")
	r.mu.Lock()
	s := r.byID[id]
	r.mu.Unlock()
	if s == nil || !s.show(w, q, file) {
		h.Set("Cache-Control", "no-store")
		http.Error(w, "the channel is offline, or has no such file", http.StatusNotFound)
	}
}

// show answers from what the session has; false when it has no such file.
func (s *Session) show(w http.ResponseWriter, q *http.Request, file string) bool {
	s.mu.Lock()
	m := s.muxer
	s.mu.Unlock()
	if m == nil || file == "" || strings.Contains(file, "/") {
		return false
	}
	who := q.URL.Query().Get(viewer)
	if who == "" && file == playlist { // whoever comes is given a name, which the playlists hand on
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, q, playlist+"?"+viewer+"="+arn.NewID(), http.StatusFound)
		return true
	}
	if len(who) == len(arn.NewID()) {
		s.viewers.seen(who, time.Now())
	}
	noted := &noting{ResponseWriter: w}
	m.Handle(noted, q)
	return noted.wrote
}

// noting knows whether anything was answered: the library says nothing of a file
// that isn't there.
type noting struct {
	http.ResponseWriter
	wrote bool
}

func (n *noting) WriteHeader(status int) {
	n.wrote = true
	n.ResponseWriter.WriteHeader(status)
}

func (n *noting) Write(b []byte) (int, error) {
	n.wrote = true
	return n.ResponseWriter.Write(b)
}

const (
	attention = 10 * time.Second // a viewer who asks for nothing that long is gone
	most      = 20_000           // viewers counted of a channel
)

// An audience counts who watches.
type audience struct {
	mu   sync.Mutex // guards what follows
	last map[string]time.Time
}

func (a *audience) seen(who string, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.last == nil {
		a.last = map[string]time.Time{}
	}
	if _, known := a.last[who]; known || len(a.last) < most {
		a.last[who] = now
	}
}

func (a *audience) count(now time.Time) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	for who, at := range a.last {
		if now.Sub(at) > attention {
			delete(a.last, who)
		}
	}
	return len(a.last)
}
