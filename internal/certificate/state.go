package certificate

import (
	"context"
	"crypto/x509"
)

// A State is how it stands with one name.
type State struct {
	Name   string
	Leaf   *x509.Certificate // nil without a certificate of the authority
	Failed *Failure          // nil since the last success
}

// States tells how it stands with each name.
func (k *Keeper) States() []State {
	var all []State
	for _, h := range k.hosts {
		s := State{Name: h.name, Failed: h.failed.Load()}
		if held := h.held.Load(); held != nil {
			s.Leaf = held.Leaf
		}
		all = append(all, s)
	}
	return all
}

// Look reads from a shelf how it stands with a name at an authority, for another
// process than the one that serves.
func Look(ctx context.Context, shelf Shelf, name, directory string) (State, error) {
	s := State{Name: name}
	r, err := read(ctx, shelf, name)
	if err != nil {
		return s, err
	}
	s.Failed = r.Failed
	if r.Held == nil || r.Directory != directory {
		return s, nil
	}
	cert, err := r.Held.open()
	if err != nil {
		return s, err
	}
	s.Leaf = cert.Leaf
	return s, nil
}
