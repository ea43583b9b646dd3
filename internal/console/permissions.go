package console

import (
	"encoding/json"
	"net/http"

	"rostrum/internal/control"
	"rostrum/ivsrealtime"
)

const (
	maxQuestions = 100
	maxBody      = 64 << 10 // bytes, of requests with documents
)

// permissions answers a page whether its user may do actions, so that it offers nothing that
// would be refused.
func (s *Server) permissions(w http.ResponseWriter, r *http.Request) {
	_, caller, err := s.caller(r)
	if err != nil {
		refuse(w, err)
		return
	}
	var in struct {
		Questions []struct {
			Action   string `json:"action"`   // "DeleteStage"
			Resource string `json:"resource"` // an ARN, …:stage/* for what is to be created, or "*"
		} `json:"questions"`
	}
	if err := readJSON(w, r, &in); err != nil {
		refuse(w, err)
		return
	}
	if len(in.Questions) > maxQuestions {
		refuse(w, ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "questions: at most %d are answered at once", maxQuestions))
		return
	}
	answers := make([]control.Permission, len(in.Questions))
	for i, q := range in.Questions {
		if answers[i], err = s.plane.May(r.Context(), caller, q.Action, q.Resource); err != nil {
			refuse(w, err)
			return
		}
	}
	answer(w, map[string]any{"answers": answers})
}

// readJSON reads the body of a request, which has one object without unknown members.
func readJSON(w http.ResponseWriter, r *http.Request, in any) error {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(in); err != nil {
		return ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "the body is not valid: %v", err)
	}
	return nil
}
