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

	maxOffer = 64 << 10 // bytes, of offers and fragments
	maxWish  = 4 << 10  // bytes, of JSON bodies
)

// publish answers an offer to send.
func (d *Door) publish(w http.ResponseWriter, r *http.Request, g authority.Grant) error {
	if id := r.PathValue("participantId"); id != "" && id != g.ParticipantID {
		return &authority.Refusal{Code: authority.TokenNotAllowed, Kind: authority.Forbidden, Detail: "the participant id in the address is not the token's"}
	}
	offer, err := readBody(w, r, sdpType, maxOffer)
	if err != nil {
		return err
	}
	c, answer, err := d.registry.Publish(g, offer, stage.ParseUserAgent(r.UserAgent()))
	if err != nil {
		return err
	}
	d.created(w, c, answer, g)
	return nil
}

// subscribe answers an offer to receive what a participant publishes.
func (d *Door) subscribe(w http.ResponseWriter, r *http.Request, g authority.Grant) error {
	offer, err := readBody(w, r, sdpType, maxOffer)
	if err != nil {
		return err
	}
	c, answer, err := d.registry.Subscribe(g, r.PathValue("participantId"), offer, stage.ParseUserAgent(r.UserAgent()))
	if err != nil {
		return err
	}
	d.created(w, c, answer, g)
	return nil
}

// created answers 201 with the SDP answer and the connection's resource.
func (d *Door) created(w http.ResponseWriter, c *stage.Connection, answer string, g authority.Grant) {
	h := w.Header()
	h.Set("Content-Type", sdpType)
	h.Set("Location", strings.TrimSuffix(d.base, "/")+"/sessions/"+c.ID())
	h.Set("ETag", c.ETag())
	h.Set("Accept-Patch", fragmentType)
	d.recommend(h, g)
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, answer) // a client that is gone never connects, which ends the connection
}

// recommend names the ICE servers that are there for a participant.
func (d *Door) recommend(h http.Header, g authority.Grant) {
	if d.cfg.ICEServers == nil {
		return
	}
	for _, s := range d.cfg.ICEServers(g) {
		h.Add("Link", s.link())
	}
}

// link writes the server as RFC 9725 §4.6 says.
func (s ICEServer) link() string {
	l := fmt.Sprintf(`<%s>; rel="ice-server"`, s.URL)
	if s.Username != "" {
		l += fmt.Sprintf(`; username=%q; credential=%q; credential-type="password"`, s.Username, s.Credential)
	}
	return l
}

// patch adds candidates or restarts ICE (RFC 9725 §4.3).
func (d *Door) patch(w http.ResponseWriter, r *http.Request, g authority.Grant) error {
	c, err := d.registry.Connection(g, r.PathValue("id"))
	if err != nil {
		return err
	}
	match := r.Header.Get("If-Match")
	if match == "" {
		return problem{status: http.StatusPreconditionRequired, code: string(authority.PreconditionFailed), title: "A condition is required",
			detail: "send If-Match with the ETag of the ICE session, or * to restart ICE"}
	}
	fragment, err := readBody(w, r, fragmentType, maxOffer)
	if err != nil {
		return err
	}
	answer, err := c.Patch(fragment, match)
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

// end ends a connection; that is kept when it is answered.
func (d *Door) end(w http.ResponseWriter, r *http.Request, g authority.Grant) error {
	c, err := d.registry.Connection(g, r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := c.Close(); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// choose changes what a receiving connection carries, and answers with what
// flows now.
func (d *Door) choose(w http.ResponseWriter, r *http.Request, g authority.Grant) error {
	c, err := d.registry.Connection(g, r.PathValue("id"))
	if err != nil {
		return err
	}
	body, err := readBody(w, r, jsonType, maxWish)
	if err != nil {
		return err
	}
	var wish struct {
		Label *string
		Video *bool
		Audio *bool
	}
	if err := json.Unmarshal([]byte(body), &wish); err != nil {
		return &authority.Refusal{Code: authority.InvalidInput, Kind: authority.Malformed, Detail: `the body must be a JSON object with "label", "video" or "audio"`}
	}
	flow, err := c.Choose(stage.Wish(wish))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", jsonType)
	return json.NewEncoder(w).Encode(flow)
}

// readBody reads a bounded body of a type.
func readBody(w http.ResponseWriter, r *http.Request, want string, most int64) (string, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != want {
		return "", problem{status: http.StatusUnsupportedMediaType, code: string(authority.InvalidInput), title: "Unsupported media type", detail: "this address takes " + want}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return "", problem{status: http.StatusRequestEntityTooLarge, code: string(authority.InvalidInput), title: "The body is too large",
			detail: fmt.Sprintf("at most %d bytes are read", most)}
	}
	if err != nil {
		return "", problem{status: http.StatusBadRequest, code: string(authority.InvalidInput), title: "The body can't be read", detail: "it ended early"}
	}
	return string(body), nil
}
