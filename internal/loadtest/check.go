package loadtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/pion/stun/v3"
)

// checkInterval is the time between checks until one is answered. It is short, since the
// server has just answered the offer.
const checkInterval = 20 * time.Millisecond

// makeCheck is a binding request of the controlling agent with a nomination
// (RFC 8445 §7.2.2).
func makeCheck(username, password string) ([]byte, error) {
	m, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername(username),
		stun.RawAttribute{Type: stun.AttrPriority, Value: []byte{0x6e, 0, 1, 0xff}}, // peer reflexive
		stun.RawAttribute{Type: stun.AttrICEControlling, Value: []byte(rand.Text()[:8])},
		stun.RawAttribute{Type: stun.AttrUseCandidate},
		stun.NewShortTermIntegrity(password), stun.Fingerprint)
	if err != nil {
		return nil, err
	}
	return m.Raw, nil
}

// awaitCheck sends checks until one is answered.
func (r *Receiver) awaitCheck(ctx context.Context) error {
	tick := time.NewTicker(checkInterval)
	defer tick.Stop()
	for {
		if _, err := r.Write(r.check); err != nil {
			return fmt.Errorf("check the path: %w", err)
		}
		select {
		case <-r.checked:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("no answer from %s: %w", r.socket.remote, ctx.Err())
		case <-tick.C:
		}
	}
}

// handleSTUN handles the server's answers and, if it is not ICE lite, its checks.
func (r *Receiver) handleSTUN(b []byte) {
	m := &stun.Message{Raw: append([]byte(nil), b...)}
	if m.Decode() != nil {
		return
	}
	switch m.Type {
	case stun.BindingSuccess:
		if !r.seen {
			r.seen = true
			close(r.checked)
		}
	case stun.BindingRequest:
		integrity := stun.NewShortTermIntegrity(r.password)
		if integrity.Check(m) != nil {
			return
		}
		server := r.socket.remote
		answer, err := stun.Build(stun.NewTransactionIDSetter(m.TransactionID), stun.BindingSuccess,
			&stun.XORMappedAddress{IP: server.IP, Port: server.Port}, integrity, stun.Fingerprint)
		if err == nil {
			_, _ = r.Write(answer.Raw) // if it is lost, the server repeats its check
		}
	}
}
