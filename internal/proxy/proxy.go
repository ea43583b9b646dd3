// Package proxy passes the requests of clients from the node that got them to the one that can
// answer, and the requests of nodes: HTTP and WebSockets, over TLS by which both nodes prove that they have the key of the
// database.
//
// A request is passed on once: the node that gets it from another answers it, or refuses it. It
// keeps the address of the client, for the limits that go by it.
package proxy

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"rostrum/internal/bus"
	"rostrum/internal/store"
)

// These bound a request to another node.
const (
	maxBody       = 256 << 10 // bytes
	dialTimeout   = 2 * time.Second
	headerTimeout = 30 * time.Second // HLS playlists are answered when there is news
	idleTimeout   = 90 * time.Second
	maxIdle       = 64 // connections to a node that wait for a request
)

// Headers of a request between nodes. Those that a client sends are removed.
const (
	clientHeader = "Rostrum-Client-Address"
	nodeHeader   = "Rostrum-Node" // that is meant: another may have its address by now
)

// A Config is for a Proxy.
type Config struct {
	// Key is derived from that of the database; all nodes have the same.
	Key []byte
	// NodeID is this node's.
	NodeID string
	// Public is the URL at which clients reach this node.
	Public string
	// Receive answers what another node asks.
	Receive func(ctx context.Context, subject string, data []byte) []byte
	// Log is for the operator. Default slog.Default().
	Log *slog.Logger
}

// A Proxy passes requests to other nodes, and takes theirs. It is safe for concurrent use.
type Proxy struct {
	cfg       Config
	tls       *tls.Config
	transport *http.Transport
}

// New returns the proxy of a node.
func New(cfg Config) (*Proxy, error) {
	if len(cfg.Key) != ed25519.SeedSize {
		return nil, fmt.Errorf("the key of the proxy has %d bytes", len(cfg.Key))
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	key := ed25519.NewKeyFromSeed(cfg.Key)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make the certificate of this node: %w", err)
	}
	p := &Proxy{cfg: cfg, tls: &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{certificate}, PrivateKey: key}},
		MinVersion:   tls.VersionTLS13, NextProtos: []string{"http/1.1"},
		ClientAuth: tls.RequireAnyClientCert, InsecureSkipVerify: true, // in place of names and authorities, the key decides
		VerifyConnection: func(s tls.ConnectionState) error { return requireKey(s, key.Public().(ed25519.PublicKey)) },
	}}
	p.transport = &http.Transport{
		TLSClientConfig: p.tls, TLSHandshakeTimeout: dialTimeout, ResponseHeaderTimeout: headerTimeout,
		IdleConnTimeout: idleTimeout, MaxIdleConnsPerHost: maxIdle, DisableCompression: true,
		DialContext: (&net.Dialer{Timeout: dialTimeout}).DialContext,
	}
	return p, nil
}

// errOtherKey refuses a node, or anybody else, that has not the key of the database.
var errOtherKey = errors.New("the other end has another key")

func requireKey(s tls.ConnectionState, want ed25519.PublicKey) error {
	if len(s.PeerCertificates) != 1 {
		return errOtherKey
	}
	if got, ok := s.PeerCertificates[0].PublicKey.(ed25519.PublicKey); !ok || !want.Equal(got) {
		return errOtherKey
	}
	return nil
}

// TLS is for the listener at which other nodes reach this one.
func (p *Proxy) TLS() *tls.Config { return p.tls.Clone() }

// Close ends the connections to other nodes that wait for a request.
func (p *Proxy) Close() error {
	p.transport.CloseIdleConnections()
	return nil
}

// Forward passes a request on to another node and answers with what that says. refuse answers if
// the node can't be reached.
func (p *Proxy) Forward(w http.ResponseWriter, r *http.Request, to store.Node, refuse func(error)) {
	if to.Internal == "" {
		refuse(fmt.Errorf("node %s takes no requests of other nodes", to.ID))
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	reverse := &httputil.ReverseProxy{
		Transport: p.transport, FlushInterval: -1, ErrorLog: slog.NewLogLogger(p.cfg.Log.Handler(), slog.LevelDebug),
		Rewrite: func(q *httputil.ProxyRequest) {
			q.Out.URL.Scheme, q.Out.URL.Host, q.Out.Host = "https", to.Internal, q.In.Host
			q.Out.Header.Set(clientHeader, q.In.RemoteAddr)
			q.Out.Header.Set(nodeHeader, to.ID)
		},
		ModifyResponse: func(answer *http.Response) error {
			if answer.StatusCode == http.StatusMisdirectedRequest {
				return errors.New("another node has its address by now")
			}
			clear(w.Header()) // the other node sets its own
			p.nameHome(answer, to)
			return nil
		},
		ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, err error) {
			p.cfg.Log.Warn("pass a request on to another node", "node", to.ID, "address", to.Internal, "error", err)
			refuse(err)
		},
	}
	reverse.ServeHTTP(w, r)
}

// nodePath is where nodes ask each other, below it the subject.
const nodePath = "/node/"

// Send asks a node about a subject and returns its answer.
func (p *Proxy) Send(ctx context.Context, to store.Node, subject string, data []byte) ([]byte, error) {
	if to.Internal == "" {
		return nil, fmt.Errorf("node %s takes no requests of other nodes", to.ID)
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+to.Internal+nodePath+subject, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	q.Header.Set(nodeHeader, to.ID)
	answer, err := p.transport.RoundTrip(q)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("node %s answers %s", to.ID, answer.Status)
	}
	return io.ReadAll(http.MaxBytesReader(nil, answer.Body, bus.MaxMessage))
}

// receive answers what another node asks.
func (p *Proxy) receive(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bus.MaxMessage))
	if err != nil {
		http.Error(w, "the request can't be read", http.StatusBadRequest)
		return
	}
	_, _ = w.Write(p.cfg.Receive(r.Context(), strings.TrimPrefix(r.URL.Path, nodePath), data)) // the other node may be gone
}

// nameHome makes Location name the other node, if clients reach it at an address of its own.
func (p *Proxy) nameHome(answer *http.Response, to store.Node) {
	location := answer.Header.Get("Location")
	if !strings.HasPrefix(location, "/") || to.Public == "" || to.Public == p.cfg.Public {
		return
	}
	if home, err := url.Parse(to.Public); err == nil && home.Host != "" {
		answer.Header.Set("Location", home.Scheme+"://"+home.Host+location)
	}
}

type forwardedKey struct{}

// IsForwarded reports whether a request came from another node.
func IsForwarded(r *http.Request) bool { return r.Context().Value(forwardedKey{}) != nil }

// Handler answers the requests that other nodes pass on.
func (p *Proxy) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(nodeHeader) != p.cfg.NodeID {
			http.Error(w, "the request is for another node", http.StatusMisdirectedRequest)
			return
		}
		if strings.HasPrefix(r.URL.Path, nodePath) {
			p.receive(w, r)
			return
		}
		r = r.WithContext(context.WithValue(r.Context(), forwardedKey{}, true))
		r.RemoteAddr = r.Header.Get(clientHeader)
		r.Header.Del(clientHeader)
		r.Header.Del(nodeHeader)
		next.ServeHTTP(w, r)
	})
}
