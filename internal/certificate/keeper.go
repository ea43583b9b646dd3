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

// LetsEncrypt is the directory of the authority that is asked when no other is set.
const LetsEncrypt = acme.LetsEncryptURL

// Config says who signs what.
type Config struct {
	Names     []string          // at least one, in lower case and ASCII; the first is for clients that name none
	Directory string            // URL of the authority's directory; LetsEncrypt if empty
	Email     string            // where the authority writes to; may be empty
	Shared    bool              // other nodes have the same shelf
	Transport http.RoundTripper // to the authority; one that knows the system's roots if nil
	Log       *slog.Logger      // the default one if nil

	// Pause comes after a first failure, and twice as long a one after each that
	// follows, up to an hour; a minute if 0.
	Pause time.Duration
}

// lookAgain is how often the shelf is asked what other nodes have done.
const lookAgain = 5 * time.Second

// settleTime is how long the shelf may take to keep what came of an order, also when the
// server ends.
const settleTime = 3 * time.Second

// A Keeper has a certificate for each of its names at any time.
type Keeper struct {
	cfg   Config
	hosts []*host
	named map[string]*host
	node  string // tells this process's claims from others'
	http  *http.Client
	shelf Shelf // set before opened is closed

	opened chan struct{}

	mu     sync.Mutex   // guards what follows
	client *acme.Client // nil without an account
}

// A host is one of the server's names, with what is shown for it.
type host struct {
	name    string
	current atomic.Pointer[tls.Certificate]
	held    atomic.Pointer[tls.Certificate] // current, if it is no stand-in
	failed  atomic.Pointer[Failure]
	seen    []byte // chain of the record that was taken last; of Open, then of Run
}

// New makes stand-ins for all names. Nothing is asked for before Open and Run.
func New(cfg Config) (*Keeper, error) {
	if len(cfg.Names) == 0 {
		return nil, errors.New("no name to have a certificate for")
	}
	cfg.Directory = cmp.Or(cfg.Directory, LetsEncrypt)
	cfg.Pause = cmp.Or(cfg.Pause, time.Minute)
	cfg.Log = cmp.Or(cfg.Log, slog.Default())
	if cfg.Transport == nil {
		cfg.Transport = http.DefaultTransport.(*http.Transport).Clone()
	}
	k := &Keeper{
		cfg: cfg, named: map[string]*host{}, node: rand.Text(), opened: make(chan struct{}),
		http: &http.Client{Transport: bounded{cfg.Transport}, Timeout: 30 * time.Second},
	}
	for _, s := range cfg.Names {
		stand, err := standIn(s, time.Now())
		if err != nil {
			return nil, err
		}
		h := &host{name: s}
		h.current.Store(stand)
		k.hosts, k.named[s] = append(k.hosts, h), h
	}
	return k, nil
}

// Open takes up what the shelf has; it is called once, before Run. A server that starts again after a failure tries
// soon, and one that is alone on its shelf minds no claim of a process that died.
func (k *Keeper) Open(ctx context.Context, shelf Shelf) error {
	k.shelf = shelf
	for _, h := range k.hosts {
		var kept record
		err := change(ctx, shelf, h.name, func(r *record) bool {
			changed := false
			switch {
			case r.Failed == nil:
			case r.Failed.Directory != k.cfg.Directory:
				r.Failed, changed = nil, true
			case r.Failed.Count > 0:
				r.Failed.Next, r.Failed.Count, changed = k.anew(r.Failed), 0, true
			}
			if r.Asking != nil && !k.cfg.Shared {
				r.Asking, r.Question, changed = nil, nil, true
			}
			kept = *r
			return changed
		})
		if err != nil {
			return err
		}
		k.take(h, &kept)
	}
	close(k.opened)
	return nil
}

// Run obtains and renews until the context ends.
func (k *Keeper) Run(ctx context.Context) error {
	var running sync.WaitGroup
	for _, h := range k.hosts {
		running.Go(func() {
			for wait := time.Duration(0); sleep(ctx, wait); {
				wait = k.tend(ctx, h)
			}
		})
	}
	running.Wait()
	if idle, ok := k.cfg.Transport.(interface{ CloseIdleConnections() }); ok {
		idle.CloseIdleConnections()
	}
	return nil
}

// sleep reports whether to go on.
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

// tend does what is due for a name, and tells when to look at it again.
func (k *Keeper) tend(ctx context.Context, h *host) time.Duration {
	kept, err := read(ctx, k.shelf, h.name)
	if err != nil {
		if ctx.Err() == nil {
			k.cfg.Log.Error("certificates can't be kept", "name", h.name, "error", err)
		}
		return lookAgain
	}
	k.take(h, &kept)
	if wait := time.Until(kept.due(h.held.Load())); wait > 0 {
		return min(wait, lookAgain)
	}
	mine, err := k.claim(ctx, h)
	if err != nil || !mine {
		return lookAgain
	}
	signed, err := k.order(ctx, h.name)
	ended := ctx.Err() != nil
	settling, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	return k.settle(settling, h, signed, err, ended)
}

// claim has this node ask for a certificate, unless another does or has one by now.
func (k *Keeper) claim(ctx context.Context, h *host) (mine bool, err error) {
	now := time.Now()
	err = change(ctx, k.shelf, h.name, func(r *record) bool {
		if mine = bytes.Equal(k.chain(r), h.seen) && !r.due(h.held.Load()).After(now); mine {
			r.Asking = &claim{Node: k.node, Until: now.Add(orderTime + orderTime/4)}
		}
		return mine
	})
	return mine, err
}

// settle keeps what came of an order. One that the server's end cut short is no failure.
func (k *Keeper) settle(ctx context.Context, h *host, signed *pair, failed error, ended bool) time.Duration {
	var kept record
	now := time.Now()
	err := change(ctx, k.shelf, h.name, func(r *record) bool {
		if r.Asking != nil && r.Asking.Node == k.node {
			r.Asking, r.Question = nil, nil
		}
		switch {
		case failed == nil:
			r.Directory, r.Held, r.Obtained, r.Failed = k.cfg.Directory, signed, now, nil
		case !ended:
			count := 1
			if r.Failed != nil {
				count += r.Failed.Count
			}
			r.Failed = k.failure(failed, count, now)
		}
		kept = *r
		return true
	})
	if failed == nil {
		kept.Directory, kept.Held, kept.Failed = k.cfg.Directory, signed, nil // served even if it can't be kept
	}
	k.take(h, &kept)
	switch {
	case err != nil:
		k.cfg.Log.Error("certificates can't be kept", "name", h.name, "error", err)
		return lookAgain
	case failed == nil:
		leaf := h.held.Load().Leaf
		k.cfg.Log.Info("certificate obtained", "name", h.name, "issuer", leaf.Issuer.CommonName, "until", leaf.NotAfter)
	case !ended:
		k.forget()
		k.cfg.Log.Error("no certificate from the authority", "name", h.name, "directory", k.cfg.Directory,
			"error", kept.Failed.Reason, "remedy", kept.Failed.Remedy, "next", kept.Failed.Next)
	}
	return 0
}

// anew is when to try after a restart: soon, for what was wrong may be mended, but no
// sooner than after a first failure, or than the authority allows.
func (k *Keeper) anew(f *Failure) time.Time {
	if f.Limited {
		return f.Next
	}
	return f.At.Add(k.cfg.Pause)
}

// chain is that of the certificate in a record, if it is of this authority.
func (k *Keeper) chain(r *record) []byte {
	if r.Held == nil || r.Directory != k.cfg.Directory {
		return nil
	}
	return r.Held.Chain
}

// take serves what a record has, if it is new.
func (k *Keeper) take(h *host, r *record) {
	h.failed.Store(r.Failed)
	chain := k.chain(r)
	if chain == nil || bytes.Equal(chain, h.seen) {
		return
	}
	h.seen = chain
	cert, err := r.Held.open()
	if err != nil {
		k.cfg.Log.Error("the certificate that was kept can't be used", "name", h.name, "error", err)
		return
	}
	h.held.Store(cert)
	h.current.Store(cert)
}
