package peer

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
)

// An Endpoint is where an offer is posted.
type Endpoint struct {
	URL    string
	Bearer string       // the Authorization header's token; empty sends none
	Client *http.Client // nil is one with a timeout of 15 s
}

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
	url        *url.URL
	bearer     string
	client     *http.Client
	etag       string // RFC 9725 §4.3.1: names the ICE session
	iceServers []ICEServer
}

// An ICEServer is a STUN or TURN server that the endpoint recommends (RFC 9725 §4.6).
type ICEServer struct {
	URL, Username, Credential string
}

// post posts an offer and returns the answer. A status other than 201 is a *Problem.
func (e Endpoint) post(ctx context.Context, sdp string) (answer string, r *resource, err error) {
	at, err := url.Parse(e.URL)
	if err != nil {
		return "", nil, fmt.Errorf("endpoint: %w", err)
	}
	client := e.client()
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
	r := &resource{bearer: e.Bearer, client: client, etag: resp.Header.Get("ETag"), iceServers: parseLinks(resp.Header.Values("Link"))}
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
	req.Header.Set("User-Agent", "rostrum-peer")
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
func (r *resource) end(ctx context.Context) (reachable bool, code string, err error) {
	if r.url == nil {
		return true, "", nil
	}
	resp, err := send(ctx, r.client, http.MethodDelete, r.url, r.bearer, nil, nil)
	if err != nil {
		return false, "", fmt.Errorf("end the session: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 == 2 {
		return true, "", nil
	}
	problem := readProblem(resp)
	switch resp.StatusCode {
	case http.StatusNotFound, http.StatusGone, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return true, problem.Code, nil
	}
	return resp.StatusCode < 500, problem.Code, fmt.Errorf("end the session: %w", problem)
}

// patch sends an SDP fragment (RFC 8840 §9) and returns the server's, which is
// empty unless ICE was restarted.
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

// request posts JSON to a path below the session and decodes the JSON of the response.
func (r *resource) request(ctx context.Context, path string, in, out any) error {
	if r.url == nil {
		return errors.New("the server returned no session")
	}
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	resp, err := send(ctx, r.client, http.MethodPost, r.url.JoinPath(path), r.bearer, http.Header{"Content-Type": {"application/json"}}, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return readProblem(resp)
	}
	if resp.StatusCode == http.StatusNoContent {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(out); err != nil && err != io.EOF {
		return fmt.Errorf("read answer: %w", err)
	}
	return nil
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

// ChooseLayer asks the server for a layer by its label, or for "auto".
func (s *Session) ChooseLayer(ctx context.Context, label string) (now Layer, err error) {
	err = s.resource.request(ctx, "layer", map[string]string{"label": label}, &now)
	return now, err
}

// End deletes the session. One that is gone is no error.
func (s *Session) End(ctx context.Context) error {
	_, _, err := s.resource.end(ctx)
	return err
}
