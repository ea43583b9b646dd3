package console

import (
	"net/http"
	"strconv"

	"rostrum/internal/control"
	"rostrum/ivsrealtime"
)

// showLog answers with the lines of the log that came after a number.
func (s *Server) showLog(w http.ResponseWriter, r *http.Request, _ control.Caller) error {
	after, err := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64)
	if err != nil {
		return ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "after: the number of a line is missing")
	}
	lines, last := s.config.LogRing.After(after)
	answer(w, map[string]any{"lines": lines, "last": last})
	return nil
}

// showSettings answers with the settings in force.
func (s *Server) showSettings(w http.ResponseWriter, _ *http.Request, _ control.Caller) error {
	answer(w, map[string]any{"settings": s.config.Settings()})
	return nil
}

// examine answers with the findings of rostrum doctor. One request at a time checks.
func (s *Server) examine(w http.ResponseWriter, r *http.Request, _ control.Caller) error {
	select {
	case s.examining <- struct{}{}:
		defer func() { <-s.examining }()
	case <-r.Context().Done():
		return nil
	}
	answer(w, map[string]any{"findings": s.config.Examine(r.Context())})
	return nil
}
