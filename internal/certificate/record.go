package certificate

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"time"
)

// A Shelf keeps secrets, for all nodes that share it.
type Shelf interface {
	// FindSecret reads a secret; nil is none.
	FindSecret(ctx context.Context, name string) ([]byte, error)
	// ChangeSecret puts what change makes of a secret in its place, with no other
	// change in between; nil is none. It may call change more than once.
	ChangeSecret(ctx context.Context, name string, change func(old []byte) ([]byte, error)) error
}

// A record is what the shelf keeps of one name.
type record struct {
	Directory string    `json:"directory,omitempty"` // of the authority that signed Held
	Held      *pair     `json:"held,omitempty"`
	Obtained  time.Time `json:"obtained,omitzero"`
	Question  *pair     `json:"question,omitempty"` // what the authority is to be shown
	Asking    *claim    `json:"asking,omitempty"`
	Failed    *Failure  `json:"failed,omitempty"` // nil since the last success
}

// A pair is a certificate chain and its key, PEM.
type pair struct {
	Chain []byte `json:"chain"`
	Key   []byte `json:"key"`
}

// A claim is one node's right to ask for a certificate.
type claim struct {
	Node  string    `json:"node"`
	Until time.Time `json:"until"` // when the node must have died over it
}

// A Failure is why there is no certificate, or no renewed one.
type Failure struct {
	At        time.Time `json:"at"`
	Directory string    `json:"directory"` // of the authority that was asked
	Reason    string    `json:"reason"`
	Remedy    string    `json:"remedy,omitempty"`
	Count     int       `json:"count"` // in a row, since a node started
	Next      time.Time `json:"next"`  // before which it isn't tried again

	Limited bool `json:"limited,omitempty"` // the authority itself said when
}

func shelved(name string) string { return "certificate " + name }

func read(ctx context.Context, shelf Shelf, name string) (r record, err error) {
	b, err := shelf.FindSecret(ctx, shelved(name))
	if err == nil && b != nil {
		err = json.Unmarshal(b, &r)
	}
	if err != nil {
		return r, fmt.Errorf("read the certificate of %s: %w", name, err)
	}
	return r, nil
}

// change changes a record as fn does; where that is false nothing is changed.
func change(ctx context.Context, shelf Shelf, name string, fn func(*record) bool) error {
	err := shelf.ChangeSecret(ctx, shelved(name), func(old []byte) ([]byte, error) {
		var r record
		if old != nil {
			if err := json.Unmarshal(old, &r); err != nil {
				return nil, err
			}
		}
		if !fn(&r) {
			return old, nil
		}
		return json.Marshal(&r)
	})
	if err != nil {
		return fmt.Errorf("keep the certificate of %s: %w", name, err)
	}
	return nil
}

// due is when a certificate may next be asked for, by who holds this one or nil. Where
// clocks disagree, a new certificate may look old: a third of its life passes all the same.
func (r *record) due(held *tls.Certificate) time.Time {
	var at time.Time
	if held != nil {
		at = renewal(held.Leaf)
		if least := r.Obtained.Add(life(held.Leaf) / 3); at.Before(least) {
			at = least
		}
	}
	if r.Failed != nil && at.Before(r.Failed.Next) {
		at = r.Failed.Next
	}
	if r.Asking != nil && at.Before(r.Asking.Until) {
		at = r.Asking.Until
	}
	return at
}

// renewal is when a certificate has lived two thirds of its life: late enough to ask
// seldom, with a third left for what may go wrong, be that thirty days or two.
func renewal(leaf *x509.Certificate) time.Time {
	return leaf.NotBefore.Add(life(leaf) * 2 / 3)
}

func life(leaf *x509.Certificate) time.Duration { return leaf.NotAfter.Sub(leaf.NotBefore) }

// seal writes a chain of DER and its key.
func seal(chain [][]byte, key *ecdsa.PrivateKey) (*pair, error) {
	var b bytes.Buffer
	for _, der := range chain {
		_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: der}) // a buffer takes everything
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return &pair{Chain: b.Bytes(), Key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})}, nil
}

// open reads a pair; an error if its parts don't belong together.
func (p *pair) open() (*tls.Certificate, error) {
	cert, err := tls.X509KeyPair(p.Chain, p.Key)
	return &cert, err
}
