package console

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"time"

	"rostrum/internal/control"
	"rostrum/internal/sigv4"
	"rostrum/ivsrealtime"
)

const (
	maxSignIn  = 4 << 10 // bytes
	retryAfter = 6 * time.Second
)

// A signIn is what a page sends to sign in: an access key, or the code of a link.
type signIn struct {
	AccessKeyID     string `json:"accessKeyId"`
	SecretAccessKey string `json:"secretAccessKey"`
	SessionToken    string `json:"sessionToken"` // of a temporary key
	Link            string `json:"link"`
	Region          string `json:"region"` // optional
}

// signIn opens a session. What fails too often from one network is answered as throttled. Right
// credentials are not refused: behind a proxy all operators come from one network.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request) {
	from := address(r)
	in, err := readSignIn(w, r)
	if err != nil {
		refuse(w, err)
		return
	}
	id, secret, err := s.verify(r.Context(), in)
	if err != nil {
		refuse(w, err)
		return
	}
	if id == "" {
		refuse(w, s.countFailure(from, in))
		return
	}
	region := in.Region
	if region == "" {
		region = s.config.Region
	}
	caller, err := s.identify(r, sigv4.Identity{AccessKeyID: id, Region: region, SignedAt: time.Now()})
	if err != nil {
		refuse(w, err)
		return
	}
	if old, err := r.Cookie(s.cookieName(r)); err == nil {
		s.sessions.end(old.Value)
	}
	cookie, opened := s.sessions.open(id, caller.Account, secret, region)
	http.SetCookie(w, s.cookie(r, cookie, int(maxAge/time.Second)))
	s.log.Info("signed in to the console", "accessKey", id, "by_link", in.Link != "", "from", from)
	answer(w, s.describe(r, opened, caller))
}

// countFailure returns the answer to wrong credentials.
func (s *Server) countFailure(from netip.Addr, in signIn) error {
	tooMany, report := s.failures.Add(from)
	if report {
		s.log.Warn("many attempts to sign in to the console fail", "from", from)
	}
	if tooMany {
		return ivsrealtime.Errorf(ivsrealtime.Throttling, "Too many attempts failed: wait for a few seconds, then try again")
	}
	return wrongCredentials(in)
}

func wrongCredentials(in signIn) error {
	if in.Link != "" {
		return ivsrealtime.Errorf(ivsrealtime.UnrecognizedClient, "The link was used already, or is too old. Sign in with an access key, or with the link that the server prints when it starts again.")
	}
	return ivsrealtime.Errorf(ivsrealtime.UnrecognizedClient, "There is no such access key, or its secret is another.")
}

func readSignIn(w http.ResponseWriter, r *http.Request) (in signIn, err error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return in, ivsrealtime.Errorf(ivsrealtime.MalformedRequest, "the Content-Type must be application/json")
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxSignIn))
	if err := d.Decode(&in); err != nil {
		return in, ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "the body is not a JSON object with an access key or a link")
	}
	return in, nil
}

// verify returns the access key that a sign-in proves, with the hash of its secret; without
// an id if it proves none. An unknown key takes as long as a wrong secret.
func (s *Server) verify(ctx context.Context, in signIn) (id string, secret hash, err error) {
	id = in.AccessKeyID
	var ok bool
	if in.Link != "" {
		if id, ok = s.links.redeem(in.Link); !ok {
			return "", hash{}, nil
		}
	}
	key, err := s.validKey(ctx, id)
	if err != nil {
		return "", hash{}, err
	}
	known := key != nil
	if !known {
		key = &sigv4.Key{}
	}
	secret = hashOf(key.Secret)
	if in.Link == "" {
		given, token := hashOf(in.SecretAccessKey), hashOf(in.SessionToken)
		expected := hashOf(key.SessionToken)
		ok = subtle.ConstantTimeCompare(given[:], secret[:])&subtle.ConstantTimeCompare(token[:], expected[:]) == 1
	}
	if !known || !ok {
		return "", hash{}, nil
	}
	return id, secret, nil
}

// validKey looks up an access key; nil if there is none, or none that is valid now.
func (s *Server) validKey(ctx context.Context, id string) (*sigv4.Key, error) {
	key, known, err := s.plane.Key(ctx, id)
	if err != nil || !known || !key.Expires.IsZero() && !time.Now().Before(key.Expires) {
		return nil, err
	}
	return &key, nil
}

// Authenticate returns who sent a request of a console page, and a context that ends with
// the session. A request that is of no such page has neither, nor an error.
func (s *Server) Authenticate(r *http.Request) (*sigv4.Identity, context.Context, error) {
	if r.Header.Get(PageHeader) == "" {
		return nil, nil, nil
	}
	if err := s.checkPage(r); err != nil {
		return nil, nil, err
	}
	session, err := s.session(r)
	if err != nil {
		return nil, nil, err
	}
	return &sigv4.Identity{AccessKeyID: session.accessKeyID, Region: session.region, SignedAt: time.Now()}, session.live, nil
}

// session returns the session of a request, if its access key is still valid and the same.
func (s *Server) session(r *http.Request) (*session, error) {
	cookie, err := r.Cookie(s.cookieName(r))
	if err != nil {
		return nil, ivsrealtime.Errorf(ivsrealtime.MissingAuthentication, "Sign in first.")
	}
	found := s.sessions.use(cookie.Value)
	if found == nil {
		return nil, ended()
	}
	key, err := s.validKey(r.Context(), found.accessKeyID)
	if err != nil {
		return nil, err
	}
	if key == nil || hashOf(key.Secret) != found.secret {
		s.sessions.end(cookie.Value)
		return nil, ended()
	}
	return found, nil
}

func ended() error {
	return ivsrealtime.Errorf(ivsrealtime.ExpiredToken, "The session has ended: sign in again.")
}

// caller returns the session of a request, and who it stands for.
func (s *Server) caller(r *http.Request) (*session, control.Caller, error) {
	session, err := s.session(r)
	if err != nil {
		return nil, control.Caller{}, err
	}
	caller, err := s.identify(r, sigv4.Identity{AccessKeyID: session.accessKeyID, Region: session.region, SignedAt: time.Now()})
	return session, caller, err
}

// identify returns who an identity is, at the address of a request.
func (s *Server) identify(r *http.Request, id sigv4.Identity) (control.Caller, error) {
	c, err := s.plane.Caller(r.Context(), id, false)
	c.Secure = s.secure(r)
	c.Address, _, _ = net.SplitHostPort(r.RemoteAddr)
	return c, err
}
