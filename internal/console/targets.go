package console

import (
	"errors"
	"net/http"
	"time"

	"rostrum/internal/control"
	"rostrum/internal/event"
	"rostrum/internal/target"
	"rostrum/ivsrealtime"
)

// maxDead bounds the deliveries that were given up and are listed.
const maxDead = 100

// targets are those of the caller's account.
func (s *Server) targets(c control.Caller) *target.Manager {
	return &target.Manager{Store: s.config.Store, Account: c.Account}
}

func (s *Server) listTargets(w http.ResponseWriter, r *http.Request, c control.Caller) error {
	all, err := s.targets(c).List(r.Context())
	if err == nil {
		answer(w, map[string]any{"targets": all})
	}
	return err
}

// addTarget adds a target, which gets events from now on. The answer has the secret of a
// webhook, which is told only here.
func (s *Server) addTarget(w http.ResponseWriter, r *http.Request, c control.Caller) error {
	var t event.Target
	if err := readJSON(w, r, &t); err != nil {
		return err
	}
	t.Account, t.Configured = c.Account, false
	if t.Bus != nil && t.Bus.Region == "" {
		t.Bus.Region = c.Region
	}
	if err := t.Check(); err != nil {
		return ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "%v", err)
	}
	added, err := s.targets(c).Add(r.Context(), t, false)
	if err != nil {
		return err
	}
	s.log.Info("target of events added in the console", "target", t.Name, "by", c.AccessKeyID)
	answer(w, added)
	return nil
}

func (s *Server) removeTarget(w http.ResponseWriter, r *http.Request, c control.Caller) error {
	name := r.PathValue("name")
	if err := s.targets(c).Remove(r.Context(), name); err != nil {
		return err
	}
	s.log.Info("target of events removed in the console", "target", name, "by", c.AccessKeyID)
	answer(w, struct{}{})
	return nil
}

// testTarget delivers an event of Rostrum's own.
func (s *Server) testTarget(w http.ResponseWriter, r *http.Request, c control.Caller) error {
	_, took, err := s.targets(c).Test(r.Context(), r.PathValue("name"))
	return answerDelivery(w, took, err)
}

// sendEvent delivers an event of the log to a target, whether or not it had it before.
func (s *Server) sendEvent(w http.ResponseWriter, r *http.Request, c control.Caller) error {
	var in struct {
		Cursor int64 `json:"cursor"`
	}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	took, err := s.targets(c).Send(r.Context(), r.PathValue("name"), in.Cursor)
	return answerDelivery(w, took, err)
}

func answerDelivery(w http.ResponseWriter, took time.Duration, err error) error {
	var known *ivsrealtime.Error
	if err != nil && !errors.As(err, &known) { // the target's answer is what the operator looks for
		return ivsrealtime.Errorf(ivsrealtime.Conflict, "%v", err)
	}
	if err == nil {
		answer(w, map[string]int64{"tookMs": took.Milliseconds()})
	}
	return err
}

// listDead lists the deliveries to a target that were given up.
func (s *Server) listDead(w http.ResponseWriter, r *http.Request, c control.Caller) error {
	all, err := s.targets(c).Dead(r.Context(), r.PathValue("name"), maxDead)
	if err == nil {
		answer(w, map[string]any{"dead": all})
	}
	return err
}

// redeliver has deliveries tried again that were given up: the one of a cursor, or all.
func (s *Server) redeliver(w http.ResponseWriter, r *http.Request, c control.Caller) error {
	var in struct {
		Cursor int64 `json:"cursor"` // 0: all
	}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	n, err := s.targets(c).Redeliver(r.Context(), r.PathValue("name"), in.Cursor)
	if err == nil {
		answer(w, map[string]int64{"deliveries": n})
	}
	return err
}
