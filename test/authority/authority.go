// Package authority is a certificate authority for tests: Pebble, the one that Let's
// Encrypt made for those who write ACME clients, in the test's own process.
package authority

import (
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"
)

// An Authority signs certificates of every name that doesn't begin with "nowhere", all
// of which lead to this machine.
type Authority struct {
	Directory string
	Server    *httptest.Server
	Roots     *x509.CertPool // of the certificates that it signs

	// Away has it break every connection.
	Away atomic.Bool
	// Limited has it answer every order that it takes no more of them for an hour.
	Limited atomic.Bool
	// Orders counts those that were taken or refused for Limited, Requests whatever came:
	// one in twenty has to be sent again, for Pebble makes sure that clients can do that.
	Orders, Requests atomic.Int32
}

// Listen starts an authority that looks at names at a port of this machine in place of
// 443, signs for a life, and nothing for the names that it refuses.
func Listen(t *testing.T, port int, life time.Duration, refused ...string) *Authority {
	t.Helper()
	if err := os.Setenv("PEBBLE_VA_NOSLEEP", "1"); err != nil { // it would wait up to 5 s before it looks
		t.Fatal(err)
	}
	quiet := log.New(io.Discard, "", 0)
	kept := db.NewMemoryStore()
	for _, name := range refused {
		if err := kept.AddBlockedDomain(name); err != nil {
			t.Fatal(err)
		}
	}
	signer := ca.New(quiet, kept, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {ValidityPeriod: uint64(life / time.Second)}})
	looker := va.New(quiet, 0, port, false, resolver(t), kept)
	front := wfe.New(quiet, kept, looker, signer, []string{"authority.example"}, false, false, 1, 1)
	a := &Authority{Roots: x509.NewCertPool()}
	a.Roots.AddCert(signer.GetRootCert(0).Cert)
	a.Server = httptest.NewUnstartedServer(a.before(front.Handler()))
	a.Server.Config.ErrorLog = quiet
	a.Server.StartTLS()
	t.Cleanup(a.Server.Close)
	a.Directory = a.Server.URL + wfe.DirectoryPath
	return a
}

// before counts what comes to the authority, and stands in its way.
func (a *Authority) before(front http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.Requests.Add(1)
		if a.Away.Load() {
			panic(http.ErrAbortHandler)
		}
		if strings.HasSuffix(r.URL.Path, "/order-plz") {
			if a.Limited.Load() {
				a.Orders.Add(1)
				w.Header().Set("Content-Type", "application/problem+json")
				w.Header().Set("Retry-After", "3600")
				w.WriteHeader(http.StatusTooManyRequests)
				_, _ = io.WriteString(w, `{"type":"urn:ietf:params:acme:error:rateLimited","detail":"too many certificates already issued","status":429}`)
				return
			}
			w = &counted{w, &a.Orders}
		}
		front.ServeHTTP(w, r)
	})
}

// counted counts what is made.
type counted struct {
	http.ResponseWriter
	made *atomic.Int32
}

func (c *counted) WriteHeader(status int) {
	if status == http.StatusCreated {
		c.made.Add(1)
	}
	c.ResponseWriter.WriteHeader(status)
}

// resolver starts a DNS server, and tells its address.
func resolver(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{Listener: l, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, asked *dns.Msg) {
		answer := new(dns.Msg).SetReply(asked)
		if q := asked.Question[0]; q.Qtype == dns.TypeA && !strings.HasPrefix(q.Name, "nowhere") {
			answer.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(127, 0, 0, 1)}}
		}
		_ = w.WriteMsg(answer)
	})}
	started := make(chan struct{})
	server.NotifyStartedFunc = func() { close(started) }
	go func() { _ = server.ActivateAndServe() }()
	<-started
	t.Cleanup(func() { _ = server.Shutdown() })
	return l.Addr().String()
}
