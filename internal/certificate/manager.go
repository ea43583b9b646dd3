package certificate

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/acme"
)

// LetsEncrypt is the default directory.
const LetsEncrypt = acme.LetsEncryptURL

// Config has the options of a Manager.
type Config struct {
	Names     []string          // at least one, in lower case and ASCII; the first is the default
	Directory string            // URL of the authority's directory. Default LetsEncrypt
	Email     string            // for messages from the authority; may be empty
	Shared    bool              // other nodes use the same storage
	Transport http.RoundTripper // to the authority. Default: with the system's roots
	Log       *slog.Logger      // default slog.Default()

	// Pause is the time to the next attempt after a failure. It doubles with each
	// further failure, up to an hour. Default 1 minute.
	Pause time.Duration
}

// pollInterval is the time between looks for changes by other nodes.
const pollInterval = 5 * time.Second

// storeTimeout bounds the time to store the result of an order, also while the
// server stops.
const storeTimeout = 3 * time.Second

// A Manager has a certificate for each of its names.
type Manager struct {
	cfg     Config
	hosts   []*host
	byName  map[string]*host
	node    string // identifies the claims of this process
	http    *http.Client
	storage Storage // set before opened is closed

	opened chan struct{}

	mu     sync.Mutex   // guards what follows
	client *acme.Client // nil without an account
}

// A host is one of the server's names with its certificate.
type host struct {
	name    string
	current atomic.Pointer[tls.Certificate]
	issued  atomic.Pointer[tls.Certificate] // current, unless it is self-signed
	failed  atomic.Pointer[Failure]
	seen    []byte // chain of the record that was applied last; used by Open, then by Run
}

// New makes self-signed certificates for all names. It orders nothing before Open
// and Run.
func New(cfg Config) (*Manager, error) {
	if len(cfg.Names) == 0 {
		return nil, errors.New("there are no names")
	}
	cfg.Directory = cmp.Or(cfg.Directory, LetsEncrypt)
	cfg.Pause = cmp.Or(cfg.Pause, time.Minute)
	cfg.Log = cmp.Or(cfg.Log, slog.Default())
	if cfg.Transport == nil {
		cfg.Transport = http.DefaultTransport.(*http.Transport).Clone()
	}
	m := &Manager{
		cfg: cfg, byName: map[string]*host{}, node: rand.Text(), opened: make(chan struct{}),
		http: &http.Client{Transport: limitedTransport{cfg.Transport}, Timeout: 30 * time.Second},
	}
	for _, s := range cfg.Names {
		temporary, err := selfSigned(s, time.Now())
		if err != nil {
			return nil, err
		}
		h := &host{name: s}
		h.current.Store(temporary)
		m.hosts, m.byName[s] = append(m.hosts, h), h
	}
	return m, nil
}

// Open reads the storage; it is called once, before Run. After a restart a failed
// order is repeated soon. Without other nodes the claims of earlier processes are
// void.
func (m *Manager) Open(ctx context.Context, storage Storage) error {
	m.storage = storage
	for _, h := range m.hosts {
		var kept record
		err := change(ctx, storage, h.name, func(r *record) bool {
			changed := false
			switch {
			case r.Failed == nil:
			case r.Failed.Directory != m.cfg.Directory:
				r.Failed, changed = nil, true
			case r.Failed.Count > 0:
				r.Failed.Next, r.Failed.Count, changed = m.retryAfterRestart(r.Failed), 0, true
			}
			if r.Claim != nil && !m.cfg.Shared {
				r.Claim, r.Challenge, changed = nil, nil, true
			}
			kept = *r
			return changed
		})
		if err != nil {
			return err
		}
		m.apply(h, &kept)
	}
	close(m.opened)
	return nil
}

// Run obtains and renews certificates until the context ends.
func (m *Manager) Run(ctx context.Context) error {
	var running sync.WaitGroup
	for _, h := range m.hosts {
		running.Go(func() {
			for wait := time.Duration(0); sleep(ctx, wait); {
				wait = m.maintain(ctx, h)
			}
		})
	}
	running.Wait()
	if idle, ok := m.cfg.Transport.(interface{ CloseIdleConnections() }); ok {
		idle.CloseIdleConnections()
	}
	return nil
}

// sleep reports false when the context ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}

// maintain orders a certificate if it is due. It returns the time to the next call.
func (m *Manager) maintain(ctx context.Context, h *host) time.Duration {
	kept, err := read(ctx, m.storage, h.name)
	if err != nil {
		if ctx.Err() == nil {
			m.cfg.Log.Error("certificates can't be stored", "name", h.name, "error", err)
		}
		return pollInterval
	}
	m.apply(h, &kept)
	if wait := time.Until(kept.due(h.issued.Load())); wait > 0 {
		return min(wait, pollInterval)
	}
	claimed, err := m.claim(ctx, h)
	if err != nil || !claimed {
		return pollInterval
	}
	issued, err := m.order(ctx, h.name)
	ended := ctx.Err() != nil
	storing, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	return m.storeResult(storing, h, issued, err, ended)
}

// claim reserves the order for this node, unless another node has claimed it or
// has a new certificate.
func (m *Manager) claim(ctx context.Context, h *host) (claimed bool, err error) {
	now := time.Now()
	err = change(ctx, m.storage, h.name, func(r *record) bool {
		if claimed = bytes.Equal(m.chain(r), h.seen) && !r.due(h.issued.Load()).After(now); claimed {
			r.Claim = &claim{Node: m.node, Until: now.Add(orderTimeout + orderTimeout/4)}
		}
		return claimed
	})
	return claimed, err
}

// storeResult stores the result of an order. It is no failure if the server
// stopped meanwhile.
func (m *Manager) storeResult(ctx context.Context, h *host, issued *pair, failed error, ended bool) time.Duration {
	var kept record
	now := time.Now()
	err := change(ctx, m.storage, h.name, func(r *record) bool {
		if r.Claim != nil && r.Claim.Node == m.node {
			r.Claim, r.Challenge = nil, nil
		}
		switch {
		case failed == nil:
			r.Directory, r.Certificate, r.Obtained, r.Failed = m.cfg.Directory, issued, now, nil
		case !ended:
			count := 1
			if r.Failed != nil {
				count += r.Failed.Count
			}
			r.Failed = m.failure(failed, count, now)
		}
		kept = *r
		return true
	})
	if failed == nil {
		kept.Directory, kept.Certificate, kept.Failed = m.cfg.Directory, issued, nil // served even if it can't be stored
	}
	m.apply(h, &kept)
	switch {
	case err != nil:
		m.cfg.Log.Error("certificates can't be stored", "name", h.name, "error", err)
		return pollInterval
	case failed == nil:
		leaf := h.issued.Load().Leaf
		m.cfg.Log.Info("certificate obtained", "name", h.name, "issuer", leaf.Issuer.CommonName, "until", leaf.NotAfter)
	case !ended:
		m.forgetAccount()
		m.cfg.Log.Error("certificate not obtained", "name", h.name, "directory", m.cfg.Directory,
			"error", kept.Failed.Reason, "remedy", kept.Failed.Remedy, "next", kept.Failed.Next)
	}
	return 0
}

// retryAfterRestart is the time of the next attempt after a restart: as after a
// first failure, since the cause may be gone, but not before the authority allows.
func (m *Manager) retryAfterRestart(f *Failure) time.Time {
	if f.Limited {
		return f.Next
	}
	return f.At.Add(m.cfg.Pause)
}

// chain returns the certificate chain of a record, if it is from this authority.
func (m *Manager) chain(r *record) []byte {
	if r.Certificate == nil || r.Directory != m.cfg.Directory {
		return nil
	}
	return r.Certificate.Chain
}

// apply uses the certificate of a record, if it is new.
func (m *Manager) apply(h *host, r *record) {
	h.failed.Store(r.Failed)
	chain := m.chain(r)
	if chain == nil || bytes.Equal(chain, h.seen) {
		return
	}
	h.seen = chain
	cert, err := r.Certificate.decode()
	if err != nil {
		m.cfg.Log.Error("the stored certificate can't be used", "name", h.name, "error", err)
		return
	}
	h.issued.Store(cert)
	h.current.Store(cert)
}
