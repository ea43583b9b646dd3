package signaling

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"

	"rostrum/internal/authority"
	"rostrum/internal/stage"
	"rostrum/internal/wire"
)

// This file has the requests of participants by HTTP. What they do is in exchange.go.

const (
	sdpType      = "application/sdp"
	fragmentType = "application/trickle-ice-sdpfrag"
	jsonType     = "application/json"
)

// A bearerCaller is a participant that makes an HTTP request.
type bearerCaller struct {
	server *Server
	grant  authority.Grant
	client stage.Client
}

func (s *Server) bearerCaller(r *http.Request, g authority.Grant) bearerCaller {
	client := stage.ParseUserAgent(r.UserAgent())
	client.NeedsVideo = s.cfg.WHIPNeedsVideo
	return bearerCaller{s, g, client}
}

func (b bearerCaller) Grant() authority.Grant { return b.grant }

func (b bearerCaller) Publish(offer string) (*stage.Connection, string, error) {
	return b.server.registry.Publish(b.grant, offer, b.client)
}

func (b bearerCaller) Subscribe(to stage.PublisherRef, offer string) (*stage.Connection, string, error) {
	return b.server.registry.Subscribe(b.grant, to, offer, b.client)
}

func (b bearerCaller) Connection(id string) (*stage.Connection, error) {
	return b.server.registry.Connection(b.grant, id)
}

// publish answers an offer to send media.
func publish(s *Server, w http.ResponseWriter, r *http.Request, g authority.Grant) error {
	if id := r.PathValue("participantId"); id != "" && id != g.ParticipantID {
		return &authority.Refusal{Code: authority.TokenNotAllowed, Kind: authority.Forbidden, Detail: "the participant id in the path is not the token's"}
	}
	offer, err := readBody(w, r, sdpType, maxOffer)
	if err != nil {
		return err
	}
	return writeCreated(s, w, s.bearerCaller(r, g), wire.Publish{Offer: offer})
}

// subscribe answers an offer to receive a participant's media.
func subscribe(s *Server, w http.ResponseWriter, r *http.Request, g authority.Grant) error {
	offer, err := readBody(w, r, sdpType, maxOffer)
	if err != nil {
		return err
	}
	return writeCreated(s, w, s.bearerCaller(r, g), wire.Subscribe{ParticipantID: r.PathValue("participantId"), Offer: offer})
}

// writeCreated answers 201 with the SDP answer and the connection's resource.
func writeCreated(s *Server, w http.ResponseWriter, who caller, request wire.Request) error {
	reply, err := s.exchange(who, request)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", sdpType)
	h.Set("Location", reply.Location)
	h.Set("ETag", reply.ETag)
	h.Set("Accept-Patch", fragmentType)
	linkICEServers(h, reply.ICEServers)
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, reply.Answer) // if the client is gone the connection times out
	return nil
}

// linkICEServers adds a Link header for each server (RFC 9725 §4.6).
func linkICEServers(h http.Header, servers []wire.ICEServer) {
	for _, s := range servers {
		l := fmt.Sprintf(`<%s>; rel="ice-server"`, s.URL)
		if s.Username != "" {
			l += fmt.Sprintf(`; username=%q; credential=%q; credential-type="password"`, s.Username, s.Credential)
		}
		h.Add("Link", l)
	}
}

// patchConnection answers PATCH. A request about a connection that is gone is refused
// before its body is read.
func patchConnection(s *Server, w http.ResponseWriter, r *http.Request, g authority.Grant) error {
	who := s.bearerCaller(r, g)
	if _, err := who.Connection(r.PathValue("id")); err != nil {
		return err
	}
	fragment, err := readBody(w, r, fragmentType, maxOffer)
	if err != nil {
		return err
	}
	reply, err := s.exchange(who, wire.Patch{Connection: r.PathValue("id"), Fragment: fragment, IfMatch: r.Header.Get("If-Match")})
	if err != nil {
		return err
	}
	w.Header().Set("ETag", reply.ETag)
	if reply.Fragment == "" {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	w.Header().Set("Content-Type", fragmentType)
	_, _ = io.WriteString(w, reply.Fragment)
	return nil
}

// endConnection answers DELETE.
func endConnection(s *Server, w http.ResponseWriter, r *http.Request, g authority.Grant) error {
	if _, err := s.exchange(s.bearerCaller(r, g), wire.End{Connection: r.PathValue("id")}); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// setLayer answers POST to a connection's layer.
func setLayer(s *Server, w http.ResponseWriter, r *http.Request, g authority.Grant) error {
	who := s.bearerCaller(r, g)
	if _, err := who.Connection(r.PathValue("id")); err != nil {
		return err
	}
	body, err := readBody(w, r, jsonType, maxLayerRequest)
	if err != nil {
		return err
	}
	var request wire.SelectLayer
	if err := json.Unmarshal([]byte(body), &request); err != nil {
		return &authority.Refusal{Code: authority.InvalidInput, Kind: authority.Malformed, Detail: `the body must be a JSON object with "label", "video" or "audio"`}
	}
	request.Connection = r.PathValue("id")
	reply, err := s.exchange(who, request)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", jsonType)
	return json.NewEncoder(w).Encode(reply.Layer)
}

// readBody reads a body of the wanted type with at most max bytes.
func readBody(w http.ResponseWriter, r *http.Request, want string, max int) (string, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != want {
		return "", problem{status: http.StatusUnsupportedMediaType, code: string(authority.InvalidInput), title: "Unsupported media type", detail: "the body must be " + want}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(max)))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return "", tooLarge(max)
	}
	if err != nil {
		return "", problem{status: http.StatusBadRequest, code: string(authority.InvalidInput), title: "The body is incomplete", detail: "it ended early"}
	}
	return string(body), nil
}
