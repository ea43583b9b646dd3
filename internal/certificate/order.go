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

// orderTime is how long it may take until the authority has looked and signed.
const orderTime = 2 * time.Minute

// order asks the authority for a certificate of one name.
func (k *Keeper) order(ctx context.Context, name string) (*pair, error) {
	ctx, cancel := context.WithTimeout(ctx, orderTime)
	defer cancel()
	client, err := k.register(ctx)
	if err != nil {
		return nil, fmt.Errorf("register with the authority: %w", err)
	}
	order, err := client.AuthorizeOrder(ctx, acme.DomainIDs(name))
	if err != nil {
		return nil, fmt.Errorf("order: %w", err)
	}
	for _, address := range order.AuthzURLs {
		if err := k.prove(ctx, client, name, address); err != nil {
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
		return nil, fmt.Errorf("have the certificate signed: %w", err)
	}
	return signed(chain, key, name, time.Now())
}

// signed looks at what came before it is trusted to serve.
func signed(chain [][]byte, key *ecdsa.PrivateKey, name string, now time.Time) (*pair, error) {
	p, err := seal(chain, key)
	if err != nil {
		return nil, err
	}
	cert, err := p.open()
	if err == nil {
		err = cert.Leaf.VerifyHostname(name)
	}
	if err == nil && now.After(cert.Leaf.NotAfter) {
		err = errors.New("it has run out")
	}
	if err != nil {
		return nil, fmt.Errorf("use what the authority signed: %w", err)
	}
	return p, nil
}

// prove answers the authority's question whether the name leads here.
func (k *Keeper) prove(ctx context.Context, client *acme.Client, name, address string) error {
	authorization, err := client.GetAuthorization(ctx, address)
	if err != nil {
		return fmt.Errorf("read the authority's question: %w", err)
	}
	if authorization.Status == acme.StatusValid {
		return nil // answered not long ago
	}
	i := slices.IndexFunc(authorization.Challenges, func(c *acme.Challenge) bool { return c.Type == "tls-alpn-01" })
	if i < 0 {
		return errors.New("the authority does not ask by tls-alpn-01, the one way that is answered")
	}
	question := authorization.Challenges[i]
	shown, err := client.TLSALPN01ChallengeCert(question.Token, name)
	if err != nil {
		return fmt.Errorf("make what the authority is shown: %w", err)
	}
	if err := k.show(ctx, name, &shown); err != nil {
		return err
	}
	if _, err := client.Accept(ctx, question); err != nil {
		return fmt.Errorf("let the authority look: %w", err)
	}
	if _, err := client.WaitAuthorization(ctx, authorization.URI); err != nil {
		return fmt.Errorf("let the authority look: %w", err)
	}
	return nil
}

// show has every node answer the authority with a certificate.
func (k *Keeper) show(ctx context.Context, name string, shown *tls.Certificate) error {
	key, ok := shown.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return fmt.Errorf("a key of type %T can't be kept", shown.PrivateKey)
	}
	p, err := seal(shown.Certificate, key)
	if err != nil {
		return err
	}
	return change(ctx, k.shelf, name, func(r *record) bool { r.Question = p; return true })
}

// register is a client with an account, made at the authority when there is none.
func (k *Keeper) register(ctx context.Context) (*acme.Client, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.client != nil {
		return k.client, nil
	}
	key, err := k.accountKey(ctx)
	if err != nil {
		return nil, err
	}
	client := &acme.Client{Key: key, DirectoryURL: k.cfg.Directory, HTTPClient: k.http, UserAgent: "rostrum", RetryBackoff: retry}
	account := &acme.Account{}
	if k.cfg.Email != "" {
		account.Contact = []string{"mailto:" + k.cfg.Email}
	}
	_, err = client.Register(ctx, account, acme.AcceptTOS)
	if errors.Is(err, acme.ErrAccountAlreadyExists) {
		err = nil
		if k.cfg.Email != "" { // it may be another than the one the account was made with
			_, err = client.UpdateReg(ctx, account)
		}
	}
	if err != nil {
		return nil, err
	}
	k.client = client
	return client, nil
}

// forget has the next order register again: the authority may have lost the account.
func (k *Keeper) forget() {
	k.mu.Lock()
	k.client = nil
	k.mu.Unlock()
}

// accountKey is the key of the nodes' account with the authority.
func (k *Keeper) accountKey(ctx context.Context) (key *ecdsa.PrivateKey, err error) {
	err = k.shelf.ChangeSecret(ctx, "certificates' account "+k.cfg.Directory, func(old []byte) ([]byte, error) {
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

// bounded are requests whose answers are cut off where no authority's ends.
type bounded struct{ http.RoundTripper }

const longestAnswer = 1 << 20 // bytes

// RoundTrip does one request.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		answer.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(answer.Body, longestAnswer), answer.Body}
	}
	return answer, err
}

// retry has a request tried again that an authority didn't want just now, but not
// where it said to come later: that is for the next order. One with a nonce that is too
// old (RFC 8555 §6.5), which is all that comes here as a bad request, may come again at once.
func retry(n int, _ *http.Request, answer *http.Response) time.Duration {
	switch {
	case answer.StatusCode == http.StatusBadRequest && n <= 10:
		return 50 * time.Millisecond
	case n > 3 || answer.StatusCode == http.StatusTooManyRequests || answer.Header.Get("Retry-After") != "":
		return 0
	}
	return time.Duration(n) * 500 * time.Millisecond
}

// failure is what is kept of an error, after so many in a row.
func (k *Keeper) failure(err error, count int, now time.Time) *Failure {
	f := &Failure{At: now, Directory: k.cfg.Directory, Reason: brief(err.Error()), Remedy: remedy(err), Count: count, Next: now.Add(k.pause(count))}
	if problem, ok := errors.AsType[*acme.Error](err); ok {
		if later, limited := acme.RateLimit(problem); limited {
			f.Next, f.Limited = now.Add(max(f.Next.Sub(now), min(later, longest))), true
		}
	}
	return f
}

// brief cuts what an authority says to what a line of a log may have.
func brief(said string) string {
	const enough = 2000
	if len(said) <= enough {
		return said
	}
	return strings.ToValidUTF8(said[:enough], "") + "…"
}

// longest is how long a name waits at most because an authority said so.
const longest = 24 * time.Hour

// pause is how long to wait after so many failures in a row. Authorities take about
// five an hour.
func (k *Keeper) pause(count int) time.Duration {
	return min(k.cfg.Pause<<min(max(count-1, 0), 10), max(time.Hour, k.cfg.Pause))
}

// remedies are what an operator can do, by the last word of a problem's type
// (RFC 8555 §6.7).
var remedies = map[string]string{
	"dns":                     "add an A or AAAA record that leads the name here, for all the internet",
	"caa":                     "let the name's CAA records allow this authority",
	"connection":              "let port 443 of the name lead here from all the internet, by each address in its DNS",
	"tls":                     "let nothing that ends TLS stand between port 443 of the name and this server",
	"unauthorized":            "let port 443 of the name lead here, by each address in its DNS, and nothing that ends TLS stand between",
	"rejectedIdentifier":      "take another name, or another authority with acme_directory: this one signs none for it",
	"rateLimited":             "wait until it is tried again; to try things out, set acme_directory to the authority's staging",
	"invalidContact":          "correct acme_email",
	"unsupportedContact":      "correct acme_email",
	"externalAccountRequired": "set acme_directory to an authority that takes accounts of anybody",
	"userActionRequired":      "visit the authority's page that the error names",
}

// remedy is empty when there is nothing to advise.
func remedy(err error) string {
	for _, problem := range problems(err) {
		if advice, ok := remedies[problem.ProblemType[strings.LastIndexByte(problem.ProblemType, ':')+1:]]; ok {
			return advice
		}
	}
	if _, ok := errors.AsType[*url.Error](err); ok {
		return "see that this server reaches acme_directory"
	}
	return ""
}

// problems are what an authority said was wrong.
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
