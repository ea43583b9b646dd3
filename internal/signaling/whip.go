package signaling

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"rostrum/internal/authority"
	"rostrum/internal/stage"
)

const (
	sdpType      = "application/sdp"
	fragmentType = "application/trickle-ice-sdpfrag"
	jsonType     = "application/json"

	maxOffer        = 64 << 10 // bytes, of offers and fragments
	maxLayerRequest = 4 << 10  // bytes
)

// publish answers an offer to send media.
func publish(s *Server, w http.ResponseWriter, r *http.Request, g authority.Grant) error {
	if id := r.PathValue("participantId"); id != "" && id != g.ParticipantID {
		return &authority.Refusal{Code: authority.TokenNotAllowed, Kind: authority.Forbidden, Detail: "the participant id in the path is not the token's"}
	}
	offer, err := readBody(w, r, sdpType, maxOffer)
	if err != nil {
		return err
	}
	c, answer, err := s.registry.Publish(g, offer, stage.ParseUserAgent(r.UserAgent()))
	if err != nil {
		return err
	}
	writeCreated(s, w, c, answer, g)
	return nil
}

// subscribe answers an offer to receive a participant's media.
func subscribe(s *Server, w http.ResponseWriter, r *http.Request, g authority.Grant) error {
	offer, err := readBody(w, r, sdpType, maxOffer)
	if err != nil {
		return err
	}
	c, answer, err := s.registry.Subscribe(g, r.PathValue("participantId"), offer, stage.ParseUserAgent(r.UserAgent()))
	if err != nil {
		return err
	}
	writeCreated(s, w, c, answer, g)
	return nil
}

// writeCreated answers 201 with the SDP answer and the connection's resource.
func writeCreated(s *Server, w http.ResponseWriter, c *stage.Connection, answer string, g authority.Grant) {
	h := w.Header()
	h.Set("Content-Type", sdpType)
	h.Set("Location", strings.TrimSuffix(s.base, "/")+"/sessions/"+c.ID())
	h.Set("ETag", c.ETag())
	h.Set("Accept-Patch", fragmentType)
	s.linkICEServers(h, g)
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, answer) // if the client is gone the connection times out
}

// An ICEServer is a STUN or TURN server, with credentials if it needs them.
type ICEServer struct {
	URL, Username, Credential string
}

// link is the value of a Link header (RFC 9725 §4.6).
func (s ICEServer) link() string {
	l := fmt.Sprintf(`<%s>; rel="ice-server"`, s.URL)
	if s.Username != "" {
		l += fmt.Sprintf(`; username=%q; credential=%q; credential-type="password"`, s.Username, s.Credential)
	}
	return l
}

// patchConnection adds candidates or restarts ICE (RFC 9725 §4.3).
func patchConnection(s *Server, w http.ResponseWriter, r *http.Request, g authority.Grant) error {
	c, err := s.registry.Connection(g, r.PathValue("id"))
	if err != nil {
		return err
	}
	fragment, err := readBody(w, r, fragmentType, maxOffer)
	if err != nil {
		return err
	}
	answer, err := c.Patch(fragment, r.Header.Get("If-Match"))
	if err != nil {
		return err
	}
	w.Header().Set("ETag", c.ETag())
	if answer == "" {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	w.Header().Set("Content-Type", fragmentType)
	_, _ = io.WriteString(w, answer)
	return nil
}

// endConnection ends a connection. The store has that when the request is answered.
func endConnection(s *Server, w http.ResponseWriter, r *http.Request, g authority.Grant) error {
	c, err := s.registry.Connection(g, r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := c.Close(); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// selectLayer changes what a subscription carries, and answers with what it
// carries now.
func selectLayer(s *Server, w http.ResponseWriter, r *http.Request, g authority.Grant) error {
	c, err := s.registry.Connection(g, r.PathValue("id"))
	if err != nil {
		return err
	}
	body, err := readBody(w, r, jsonType, maxLayerRequest)
	if err != nil {
		return err
	}
	var request struct {
		Label *string
		Video *bool
		Audio *bool
	}
	if err := json.Unmarshal([]byte(body), &request); err != nil {
		return &authority.Refusal{Code: authority.InvalidInput, Kind: authority.Malformed, Detail: `the body must be a JSON object with "label", "video" or "audio"`}
	}
	flow, err := c.SetPreference(stage.Preference(request))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", jsonType)
	return json.NewEncoder(w).Encode(flow)
}

// readBody reads a body of the wanted type with at most max bytes.
func readBody(w http.ResponseWriter, r *http.Request, want string, max int64) (string, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != want {
		return "", problem{status: http.StatusUnsupportedMediaType, code: string(authority.InvalidInput), title: "Unsupported media type", detail: "the body must be " + want}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, max))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return "", problem{status: http.StatusRequestEntityTooLarge, code: string(authority.InvalidInput), title: "The body is too large",
			detail: fmt.Sprintf("at most %d bytes are allowed", max)}
	}
	if err != nil {
		return "", problem{status: http.StatusBadRequest, code: string(authority.InvalidInput), title: "The body is incomplete", detail: "it ended early"}
	}
	return string(body), nil
}
