package realtime

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"rostrum/internal/wire"
)

// An Endpoint is where an offer is posted.
type Endpoint struct {
	URL    string       // of WHIP or WHEP
	Bearer string       // the Authorization header's token; empty sends none
	Client *http.Client // nil is one with a timeout of 15 s

	publisher string // who is received; empty with place 0 publishes
	place     int    // of who is received, among the publishers of the stage, from 1; for messages only
	socket    requester
}

// A requester makes requests by messages of an events socket, while it is connected; nil
// makes all over HTTP. The error is errNoReply where HTTP may still succeed.
type requester func(context.Context, wire.Request) (wire.Reply, error)

const (
	sdpType      = "application/sdp"
	sdpfragType  = "application/trickle-ice-sdpfrag"
	maxAnswer    = 1 << 20
	maxRedirects = 5
)

func (e Endpoint) client() *http.Client {
	c := http.Client{Timeout: 15 * time.Second}
	if e.Client != nil {
		c = *e.Client
	}
	// Redirects are followed in post: the standard client would turn a POST into a GET
	// (301, 302, 303) and drop the token for another host.
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &c
}

// A resource is the session that a server created for an offer.
type resource struct {
	socket     requester // of the endpoint; may be nil
	connection string    // in messages of the socket; empty if it is not known there
	publisher  string    // who is at the place that was asked for; empty if an id was
	url        *url.URL
	bearer     string
	client     *http.Client
	etag       string // RFC 9725 §4.3.1: names the ICE session
	iceServers []ICEServer
}

// An ICEServer is a STUN or TURN server that the endpoint recommends (RFC 9725 §4.6).
type ICEServer struct {
	URL        string // stun: or turn: or turns:, with host and port
	Username   string // empty for STUN
	Credential string // of the user, for an hour or so
}

// post posts an offer and returns the answer. A status other than 201 is a *Problem.
func (e Endpoint) post(ctx context.Context, sdp string) (answer string, r *resource, err error) {
	at, err := url.Parse(e.URL)
	if err != nil {
		return "", nil, fmt.Errorf("endpoint: %w", err)
	}
	client := e.client()
	if e.socket != nil {
		answer, r, err := e.offer(ctx, at, client, sdp)
		if e.place > 0 || !errors.Is(err, errNoReply) {
			return answer, r, err
		}
	}
	for range maxRedirects + 1 {
		resp, err := send(ctx, client, http.MethodPost, at, e.Bearer, http.Header{"Content-Type": {sdpType}}, []byte(sdp))
		if err != nil {
			return "", nil, err
		}
		next, err := redirectTarget(at, resp)
		if err != nil {
			return "", nil, err
		}
		if next != nil {
			at = next
			continue
		}
		return e.accept(at, client, resp)
	}
	return "", nil, fmt.Errorf("%s: more than %d redirects", e.URL, maxRedirects)
}

// offer makes the offer by a message of the events socket.
func (e Endpoint) offer(ctx context.Context, at *url.URL, client *http.Client, sdp string) (string, *resource, error) {
	var request wire.Request = wire.Publish{Offer: sdp}
	if e.publisher != "" || e.place > 0 {
		request = wire.Subscribe{ParticipantID: e.publisher, Place: e.place, Offer: sdp}
	}
	reply, err := e.socket(ctx, request)
	if err != nil {
		return "", nil, err
	}
	r := &resource{socket: e.socket, connection: reply.Connection, publisher: reply.ParticipantID, bearer: e.Bearer, client: client, etag: reply.ETag}
	for _, s := range reply.ICEServers {
		r.iceServers = append(r.iceServers, ICEServer(s))
	}
	if r.url, err = at.Parse(reply.Location); err != nil {
		return "", nil, fmt.Errorf("location of the session: %w", err)
	}
	return reply.Answer, r, nil
}

// accept reads and closes the response to an offer that was posted to a URL.
func (e Endpoint) accept(at *url.URL, client *http.Client, resp *http.Response) (string, *resource, error) {
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		return "", nil, readProblem(resp)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return "", nil, fmt.Errorf("read answer of %s: %w", at, err)
	}
	r := &resource{socket: e.socket, bearer: e.Bearer, client: client, etag: resp.Header.Get("ETag"), iceServers: parseLinks(resp.Header.Values("Link"))}
	if loc := resp.Header.Get("Location"); loc != "" {
		if r.url, err = at.Parse(loc); err != nil {
			return "", nil, fmt.Errorf("location of the session: %w", err)
		}
	}
	return string(body), r, nil
}

// redirectTarget returns where a response redirects to, or nil. It closes the response in
// the first case.
func redirectTarget(from *url.URL, resp *http.Response) (*url.URL, error) {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil, nil
	}
	defer resp.Body.Close()
	to, err := from.Parse(resp.Header.Get("Location"))
	if err != nil || resp.Header.Get("Location") == "" {
		return nil, fmt.Errorf("%s redirects to the invalid URL %q", from, resp.Header.Get("Location"))
	}
	if from.Scheme == "https" && to.Scheme != "https" {
		return nil, fmt.Errorf("%s redirects to %s: the token would be sent unencrypted", from, to)
	}
	return to, nil
}

func send(ctx context.Context, client *http.Client, method string, at *url.URL, bearer string, header http.Header, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, at.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for k, v := range header {
		req.Header[k] = v
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	req.Header.Set("User-Agent", "rostrum-realtime")
	return client.Do(req)
}

// servers requests the STUN and TURN servers that the endpoint recommends (RFC 9725 §4.6).
func (e Endpoint) servers(ctx context.Context) ([]ICEServer, error) {
	at, err := url.Parse(e.URL)
	if err != nil {
		return nil, fmt.Errorf("endpoint: %w", err)
	}
	resp, err := send(ctx, e.client(), http.MethodOptions, at, e.Bearer, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("request TURN servers: %w", err)
	}
	defer resp.Body.Close()
	return parseLinks(resp.Header.Values("Link")), nil
}

// end deletes the session. One that is gone, or a server that cannot delete sessions, is no
// error. It returns whether the server answered, and the error code of its answer.
func (r *resource) end(ctx context.Context) (reachable bool, code Code, err error) {
	if r.url == nil {
		return true, "", nil
	}
	if _, err := r.message(ctx, wire.End{Connection: r.connection}); !errors.Is(err, errNoReply) {
		return endResult(err)
	}
	resp, err := send(ctx, r.client, http.MethodDelete, r.url, r.bearer, nil, nil)
	if err != nil {
		return false, "", fmt.Errorf("end the session: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 == 2 {
		return true, "", nil
	}
	return endResult(readProblem(resp))
}

// endResult is what end returns after a refusal, or none.
func endResult(err error) (reachable bool, code Code, _ error) {
	if err == nil {
		return true, "", nil
	}
	problem, ok := errors.AsType[*Problem](err)
	if !ok {
		return false, "", fmt.Errorf("end the session: %w", err)
	}
	switch problem.Status {
	case http.StatusNotFound, http.StatusGone, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return true, problem.Code, nil
	}
	return problem.Status < 500, problem.Code, fmt.Errorf("end the session: %w", problem)
}

// message makes a request by a message of the events socket. The error is errNoReply if the
// session or the socket is not for that.
func (r *resource) message(ctx context.Context, request wire.Request) (wire.Reply, error) {
	if r.socket == nil || r.connection == "" {
		return wire.Reply{}, errNoReply
	}
	return r.socket(ctx, request)
}

// patch sends an SDP fragment (RFC 8840 §9) and returns the server's, which is
// empty unless ICE was restarted. It never is a message: where the path of media broke, the
// connection of the events socket is as dead, while a new request finds its way.
func (r *resource) patch(ctx context.Context, fragment, ifMatch string) (string, error) {
	if r.url == nil {
		return "", errors.New("the server returned no session to change")
	}
	header := http.Header{"Content-Type": {sdpfragType}}
	if ifMatch != "" {
		header.Set("If-Match", ifMatch)
	}
	resp, err := send(ctx, r.client, http.MethodPatch, r.url, r.bearer, header, []byte(fragment))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return "", readProblem(resp)
	}
	if etag := resp.Header.Get("ETag"); etag != "" {
		r.etag = etag
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return string(body), err
}

// selectLayer changes what a subscription carries, and returns what it carries now.
func (r *resource) selectLayer(ctx context.Context, request wire.SelectLayer) (now Flow, err error) {
	if r.url == nil {
		return now, errors.New("the server returned no session")
	}
	request.Connection = r.connection
	reply, err := r.message(ctx, request)
	if err == nil && reply.Layer != nil {
		return flowOf(*reply.Layer), nil
	}
	if err == nil || !errors.Is(err, errNoReply) {
		return now, err
	}
	body, err := json.Marshal(struct {
		Label *string `json:"label,omitempty"`
		Video *bool   `json:"video,omitempty"`
		Audio *bool   `json:"audio,omitempty"`
	}{request.Label, request.Video, request.Audio})
	if err != nil {
		return now, err
	}
	resp, err := send(ctx, r.client, http.MethodPost, r.url.JoinPath("layer"), r.bearer, http.Header{"Content-Type": {"application/json"}}, body)
	if err != nil {
		return now, err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return now, readProblem(resp)
	}
	if resp.StatusCode == http.StatusNoContent {
		return now, nil
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&now); err != nil && err != io.EOF {
		return now, fmt.Errorf("read answer: %w", err)
	}
	return now, nil
}

// parseLinks finds the ICE servers among Link headers (RFC 8288; RFC 9725 §4.6).
func parseLinks(headers []string) []ICEServer {
	var servers []ICEServer
	for _, h := range headers {
		for h != "" {
			var target string
			var ok bool
			if _, h, ok = strings.Cut(h, "<"); !ok {
				break
			}
			if target, h, ok = strings.Cut(h, ">"); !ok {
				break
			}
			var params map[string]string
			params, h = linkParams(h)
			if params["rel"] == "ice-server" && target != "" {
				servers = append(servers, ICEServer{URL: target, Username: params["username"], Credential: params["credential"]})
			}
		}
	}
	return servers
}

// linkParams reads the parameters of one link, up to the comma before the next.
func linkParams(h string) (params map[string]string, rest string) {
	params = map[string]string{}
	for {
		h = strings.TrimLeft(h, " \t;")
		if h == "" || h[0] == ',' {
			return params, strings.TrimPrefix(h, ",")
		}
		end := strings.IndexAny(h, "=;,")
		if end < 0 {
			return params, ""
		}
		name := strings.ToLower(strings.TrimSpace(h[:end]))
		if h[end] != '=' {
			h = h[end:]
			continue
		}
		var value string
		value, h = linkValue(strings.TrimLeft(h[end+1:], " \t"))
		params[name] = value
	}
}

// linkValue reads a token or a quoted string (RFC 9110 §5.6).
func linkValue(h string) (value, rest string) {
	if !strings.HasPrefix(h, `"`) {
		end := strings.IndexAny(h, ";,")
		if end < 0 {
			end = len(h)
		}
		return strings.TrimSpace(h[:end]), h[end:]
	}
	var b strings.Builder
	for i := 1; i < len(h); i++ {
		switch {
		case h[i] == '"':
			return b.String(), h[i+1:]
		case h[i] == '\\' && i+1 < len(h):
			i++
		}
		b.WriteByte(h[i])
	}
	return b.String(), ""
}

// A Session is the session that a server created for an offer of Offer.
type Session struct{ resource *resource }

// Offer posts an SDP offer and returns the answer: only the signalling, for a caller with
// its own media connections. A refusal of the server is a *Problem. The caller ends the
// Session.
func (e Endpoint) Offer(ctx context.Context, sdp string) (answer string, s *Session, err error) {
	answer, r, err := e.post(ctx, sdp)
	return answer, &Session{r}, err
}

// SelectLayer asks the server for a layer by its label, or for "auto".
func (s *Session) SelectLayer(ctx context.Context, label string) (now Flow, err error) {
	return s.resource.selectLayer(ctx, wire.SelectLayer{Label: &label})
}

// End deletes the session. One that is gone is no error.
func (s *Session) End(ctx context.Context) error {
	_, _, err := s.resource.end(ctx)
	return err
}
