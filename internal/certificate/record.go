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

// A Storage stores secrets for all nodes.
type Storage interface {
	// FindSecret returns a secret; nil if there is none.
	FindSecret(ctx context.Context, name string) ([]byte, error)
	// ChangeSecret replaces a secret by what change makes of it, atomically; old is
	// nil if there is none. It may call change more than once.
	ChangeSecret(ctx context.Context, name string, change func(old []byte) ([]byte, error)) error
}

// A record is the stored state of one name.
type record struct {
	Directory   string    `json:"directory,omitempty"` // of the authority that signed Certificate
	Certificate *pair     `json:"held,omitempty"`
	Obtained    time.Time `json:"obtained,omitzero"`
	Challenge   *pair     `json:"question,omitempty"` // the answer to the current challenge
	Claim       *claim    `json:"asking,omitempty"`
	Failed      *Failure  `json:"failed,omitempty"` // nil since the last success
}

// A pair is a certificate chain and its key, PEM.
type pair struct {
	Chain []byte `json:"chain"`
	Key   []byte `json:"key"`
}

// A claim reserves the order for one node.
type claim struct {
	Node  string    `json:"node"`
	Until time.Time `json:"until"` // after which the node counts as dead
}

// A Failure is why there is no certificate, or no renewed one.
type Failure struct {
	At        time.Time `json:"at"`
	Directory string    `json:"directory"` // of the authority
	Reason    string    `json:"reason"`
	Remedy    string    `json:"remedy,omitempty"`
	Count     int       `json:"count"` // in a row, since a node started
	Next      time.Time `json:"next"`  // time of the next attempt

	Limited bool `json:"limited,omitempty"` // Next is from the authority
}

func secretName(name string) string { return "certificate " + name }

func read(ctx context.Context, storage Storage, name string) (r record, err error) {
	b, err := storage.FindSecret(ctx, secretName(name))
	if err == nil && b != nil {
		err = json.Unmarshal(b, &r)
	}
	if err != nil {
		return r, fmt.Errorf("read the certificate of %s: %w", name, err)
	}
	return r, nil
}

// change applies fn to a record. It stores nothing if fn returns false.
func change(ctx context.Context, storage Storage, name string, fn func(*record) bool) error {
	err := storage.ChangeSecret(ctx, secretName(name), func(old []byte) ([]byte, error) {
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
		return fmt.Errorf("store the certificate of %s: %w", name, err)
	}
	return nil
}

// due is the time of the next order, with the current certificate or nil. At
// least a third of the lifetime passes between orders, even if clocks differ.
func (r *record) due(current *tls.Certificate) time.Time {
	var at time.Time
	if current != nil {
		at = renewalTime(current.Leaf)
		if least := r.Obtained.Add(lifetime(current.Leaf) / 3); at.Before(least) {
			at = least
		}
	}
	if r.Failed != nil && at.Before(r.Failed.Next) {
		at = r.Failed.Next
	}
	if r.Claim != nil && at.Before(r.Claim.Until) {
		at = r.Claim.Until
	}
	return at
}

// renewalTime is after two thirds of the lifetime, which leaves a third for
// failures.
func renewalTime(leaf *x509.Certificate) time.Time {
	return leaf.NotBefore.Add(lifetime(leaf) * 2 / 3)
}

func lifetime(leaf *x509.Certificate) time.Duration { return leaf.NotAfter.Sub(leaf.NotBefore) }

// encodePair encodes a DER chain and its key.
func encodePair(chain [][]byte, key *ecdsa.PrivateKey) (*pair, error) {
	var b bytes.Buffer
	for _, der := range chain {
		_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: der}) // a buffer does not fail
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return &pair{Chain: b.Bytes(), Key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})}, nil
}

// decode returns the certificate; an error if chain and key don't match.
func (p *pair) decode() (*tls.Certificate, error) {
	cert, err := tls.X509KeyPair(p.Chain, p.Key)
	return &cert, err
}
