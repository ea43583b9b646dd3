package channel

import (
	"net/http"
	"strings"
	"time"

	"rostrum/internal/arn"
)

// serveFile answers a viewer's request; false when there is no such file.
func (s *Session) serveFile(w http.ResponseWriter, q *http.Request, file string) bool {
	s.mu.Lock()
	m := s.muxer
	s.mu.Unlock()
	if m == nil || file == "" || strings.Contains(file, "/") {
		return false
	}
	who := q.URL.Query().Get(viewerParameter)
	if who == "" && file == playlist { // a new viewer gets an id, which the playlists repeat
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, q, playlist+"?"+viewerParameter+"="+arn.NewID(), http.StatusFound)
		return true
	}
	if len(who) == len(arn.NewID()) {
		s.viewers.seen(who, time.Now())
	}
	tracker := &responseTracker{ResponseWriter: w}
	m.Handle(tracker, q)
	return tracker.wrote
}
