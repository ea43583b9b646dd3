package certificate

import (
	"context"
	"crypto/x509"
)

// A State is the state of one name.
type State struct {
	Name   string
	Leaf   *x509.Certificate // nil without a certificate from the authority
	Failed *Failure          // nil since the last success
}

// States returns the state of each name.
func (m *Manager) States() []State {
	var all []State
	for _, h := range m.hosts {
		s := State{Name: h.name, Failed: h.failed.Load()}
		if issued := h.issued.Load(); issued != nil {
			s.Leaf = issued.Leaf
		}
		all = append(all, s)
	}
	return all
}

// ReadState reads the state of a name at an authority from the storage, for other
// processes than the server.
func ReadState(ctx context.Context, storage Storage, name, directory string) (State, error) {
	s := State{Name: name}
	r, err := read(ctx, storage, name)
	if err != nil {
		return s, err
	}
	s.Failed = r.Failed
	if r.Certificate == nil || r.Directory != directory {
		return s, nil
	}
	cert, err := r.Certificate.decode()
	if err != nil {
		return s, err
	}
	s.Leaf = cert.Leaf
	return s, nil
}
