package certificate

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/acme"
)

// orderTimeout bounds one order.
const orderTimeout = 2 * time.Minute

// order obtains a certificate for one name.
func (m *Manager) order(ctx context.Context, name string) (*pair, error) {
	ctx, cancel := context.WithTimeout(ctx, orderTimeout)
	defer cancel()
	client, err := m.accountClient(ctx)
	if err != nil {
		return nil, fmt.Errorf("register with the authority: %w", err)
	}
	order, err := client.AuthorizeOrder(ctx, acme.DomainIDs(name))
	if err != nil {
		return nil, fmt.Errorf("order: %w", err)
	}
	for _, address := range order.AuthzURLs {
		if err := m.authorize(ctx, client, name, address); err != nil {
			return nil, err
		}
	}
	if order, err = client.WaitOrder(ctx, order.URI); err != nil {
		return nil, fmt.Errorf("wait for the order: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{name}}, key)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	chain, _, err := client.CreateCertFromOrder(ctx, order, request, true)
	if err != nil {
		return nil, fmt.Errorf("issue the certificate: %w", err)
	}
	return checkIssued(chain, key, name, time.Now())
}

// checkIssued checks a certificate before it is used.
func checkIssued(chain [][]byte, key *ecdsa.PrivateKey, name string, now time.Time) (*pair, error) {
	p, err := encodePair(chain, key)
	if err != nil {
		return nil, err
	}
	cert, err := p.decode()
	if err == nil {
		err = cert.Leaf.VerifyHostname(name)
	}
	if err == nil && now.After(cert.Leaf.NotAfter) {
		err = errors.New("it has expired")
	}
	if err != nil {
		return nil, fmt.Errorf("check the issued certificate: %w", err)
	}
	return p, nil
}

// authorize completes one authorization of an order by tls-alpn-01.
func (m *Manager) authorize(ctx context.Context, client *acme.Client, name, address string) error {
	authorization, err := client.GetAuthorization(ctx, address)
	if err != nil {
		return fmt.Errorf("read the authorization: %w", err)
	}
	if authorization.Status == acme.StatusValid {
		return nil // verified not long ago
	}
	i := slices.IndexFunc(authorization.Challenges, func(c *acme.Challenge) bool { return c.Type == "tls-alpn-01" })
	if i < 0 {
		return errors.New("the authority does not offer the challenge tls-alpn-01, the only one that is supported")
	}
	challenge := authorization.Challenges[i]
	cert, err := client.TLSALPN01ChallengeCert(challenge.Token, name)
	if err != nil {
		return fmt.Errorf("make the challenge certificate: %w", err)
	}
	if err := m.publishChallenge(ctx, name, &cert); err != nil {
		return err
	}
	if _, err := client.Accept(ctx, challenge); err != nil {
		return fmt.Errorf("complete the challenge: %w", err)
	}
	if _, err := client.WaitAuthorization(ctx, authorization.URI); err != nil {
		return fmt.Errorf("complete the challenge: %w", err)
	}
	return nil
}

// publishChallenge stores the certificate of a challenge, for all nodes.
func (m *Manager) publishChallenge(ctx context.Context, name string, cert *tls.Certificate) error {
	key, ok := cert.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return fmt.Errorf("a key of type %T can't be stored", cert.PrivateKey)
	}
	p, err := encodePair(cert.Certificate, key)
	if err != nil {
		return err
	}
	return change(ctx, m.storage, name, func(r *record) bool { r.Challenge = p; return true })
}

// accountClient returns a client with an account, which it creates if there is none.
func (m *Manager) accountClient(ctx context.Context) (*acme.Client, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.client != nil {
		return m.client, nil
	}
	key, err := m.accountKey(ctx)
	if err != nil {
		return nil, err
	}
	client := &acme.Client{Key: key, DirectoryURL: m.cfg.Directory, HTTPClient: m.http, UserAgent: "rostrum", RetryBackoff: retry}
	account := &acme.Account{}
	if m.cfg.Email != "" {
		account.Contact = []string{"mailto:" + m.cfg.Email}
	}
	_, err = client.Register(ctx, account, acme.AcceptTOS)
	if errors.Is(err, acme.ErrAccountAlreadyExists) {
		err = nil
		if m.cfg.Email != "" { // it may have changed
			_, err = client.UpdateReg(ctx, account)
		}
	}
	if err != nil {
		return nil, err
	}
	m.client = client
	return client, nil
}

// forgetAccount makes the next order look for the account again: the authority
// may have lost it.
func (m *Manager) forgetAccount() {
	m.mu.Lock()
	m.client = nil
	m.mu.Unlock()
}

// accountKey returns the key of the account, which all nodes share.
func (m *Manager) accountKey(ctx context.Context) (key *ecdsa.PrivateKey, err error) {
	err = m.storage.ChangeSecret(ctx, "certificates' account "+m.cfg.Directory, func(old []byte) ([]byte, error) {
		if old != nil {
			key, err = x509.ParseECPrivateKey(old)
			return old, err
		}
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return nil, err
		}
		return x509.MarshalECPrivateKey(key)
	})
	if err != nil {
		return nil, fmt.Errorf("read the account's key: %w", err)
	}
	return key, nil
}

// limitedTransport bounds the size of responses.
type limitedTransport struct{ http.RoundTripper }

const maxResponse = 1 << 20 // bytes

// RoundTrip implements http.RoundTripper.
func (b limitedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		answer.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(answer.Body, maxResponse), answer.Body}
	}
	return answer, err
}

// retry returns the pause before a request is repeated; 0 for not. A bad request
// has an outdated nonce here (RFC 8555 §6.5) and is repeated at once. If the
// authority says when to retry, the next order waits for that.
func retry(n int, _ *http.Request, answer *http.Response) time.Duration {
	switch {
	case answer.StatusCode == http.StatusBadRequest && n <= 10:
		return 50 * time.Millisecond
	case n > 3 || answer.StatusCode == http.StatusTooManyRequests || answer.Header.Get("Retry-After") != "":
		return 0
	}
	return time.Duration(n) * 500 * time.Millisecond
}

// failure describes an error, the count-th in a row.
func (m *Manager) failure(err error, count int, now time.Time) *Failure {
	f := &Failure{At: now, Directory: m.cfg.Directory, Reason: shorten(err.Error()), Remedy: remedy(err), Count: count, Next: now.Add(m.pause(count))}
	if problem, ok := errors.AsType[*acme.Error](err); ok {
		if later, limited := acme.RateLimit(problem); limited {
			f.Next, f.Limited = now.Add(max(f.Next.Sub(now), min(later, maxPause))), true
		}
	}
	return f
}

// shorten bounds the text of an authority for the log.
func shorten(text string) string {
	const max = 2000
	if len(text) <= max {
		return text
	}
	return strings.ToValidUTF8(text[:max], "") + "…"
}

// maxPause bounds the pause that an authority can demand.
const maxPause = 24 * time.Hour

// pause is the time to the next attempt after count failures in a row.
// Authorities allow about five per hour.
func (m *Manager) pause(count int) time.Duration {
	return min(m.cfg.Pause<<min(max(count-1, 0), 10), max(time.Hour, m.cfg.Pause))
}

// remedies tells operators what to do, by the last part of a problem's type (RFC
// 8555 §6.7).
var remedies = map[string]string{
	"dns":                     "add an A or AAAA record for the name in the public DNS that points to this server",
	"caa":                     "allow this authority in the CAA records of the name",
	"connection":              "make port 443 of the name reach this server from the internet, at each address in its DNS",
	"tls":                     "remove what terminates TLS between port 443 of the name and this server",
	"unauthorized":            "make port 443 of the name reach this server, at each address in its DNS, without TLS termination before it",
	"rejectedIdentifier":      "use another name, or another authority with acme_directory: this one does not sign for the name",
	"rateLimited":             "wait for the next attempt; for tests, set acme_directory to the authority's staging environment",
	"invalidContact":          "correct acme_email",
	"unsupportedContact":      "correct acme_email",
	"externalAccountRequired": "set acme_directory to an authority without external account binding",
	"userActionRequired":      "visit the authority's page in the error",
}

// remedy returns what the operator can do; empty if unknown.
func remedy(err error) string {
	for _, problem := range problems(err) {
		if advice, ok := remedies[problem.ProblemType[strings.LastIndexByte(problem.ProblemType, ':')+1:]]; ok {
			return advice
		}
	}
	if _, ok := errors.AsType[*url.Error](err); ok {
		return "check that this server can reach acme_directory"
	}
	return ""
}

// problems returns the problem documents in an error.
func problems(err error) (all []*acme.Error) {
	if e, ok := errors.AsType[*acme.AuthorizationError](err); ok {
		for _, one := range e.Errors {
			if problem, ok := errors.AsType[*acme.Error](one); ok {
				all = append(all, problem)
			}
		}
	}
	if e, ok := errors.AsType[*acme.OrderError](err); ok && e.Problem != nil {
		all = append(all, e.Problem)
	}
	if problem, ok := errors.AsType[*acme.Error](err); ok {
		all = append(all, problem)
	}
	return all
}
