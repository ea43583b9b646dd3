package channel

import (
	"net/http"
	"strings"
)

// playlist is the file that a viewer requests first; gohlslib names it so.
const playlist = "index.m3u8"

// viewerParameter is the query parameter with a viewer's id.
const viewerParameter = "viewer"

// ServeHTTP serves GET /hls/{channelId}/index.m3u8 and the files that it
// names. Any web page may play them.
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
		http.Error(w, "use GET to watch a channel", http.StatusMethodNotAllowed)
		return
	}
	id, file, _ := strings.Cut(strings.TrimPrefix(q.URL.Path, PlaybackPath), "/")
	r.mu.Lock()
	s := r.byID[id]
	r.mu.Unlock()
	if s == nil || !s.serveFile(w, q, file) {
		h.Set("Cache-Control", "no-store")
		http.Error(w, "the channel is offline, or has no such file", http.StatusNotFound)
	}
}

// A responseTracker reports whether the handler answered: gohlslib answers
// nothing for a file that does not exist.
type responseTracker struct {
	http.ResponseWriter
	wrote bool
}

func (t *responseTracker) WriteHeader(status int) {
	t.wrote = true
	t.ResponseWriter.WriteHeader(status)
}

func (t *responseTracker) Write(b []byte) (int, error) {
	t.wrote = true
	return t.ResponseWriter.Write(b)
}
