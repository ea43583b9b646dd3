package sfu

import (
	"net/netip"
	"sync"
)

// maxTransportAddresses bounds the addresses from which the packets of one transport are
// known. A new one replaces the oldest.
const maxTransportAddresses = 8

// transportIndex finds transports by the user name fragments of their ICE sessions, and by the
// addresses from which authentic checks arrived.
type transportIndex struct {
	mu        sync.RWMutex // guards what follows, and Transport.addresses
	ufrags    map[string]*Transport
	addresses map[netip.AddrPort]*Transport
	closed    bool
}

func newTransportIndex() transportIndex {
	return transportIndex{ufrags: map[string]*Transport{}, addresses: map[netip.AddrPort]*Transport{}}
}

// close makes addUfrag fail.
func (x *transportIndex) close() {
	x.mu.Lock()
	x.closed = true
	x.mu.Unlock()
}

// addUfrag makes a transport known by a user name fragment.
func (x *transportIndex) addUfrag(t *Transport, ufrag string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return ErrClosed
	}
	x.ufrags[ufrag] = t
	return nil
}

func (x *transportIndex) removeUfrag(t *Transport, ufrag string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ufrags[ufrag] == t {
		delete(x.ufrags, ufrag)
	}
}

// remove removes a transport with the fragments of its ICE sessions and all its addresses.
func (x *transportIndex) remove(t *Transport, ufrags ...string) {
	for _, ufrag := range ufrags {
		x.removeUfrag(t, ufrag)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, a := range t.addresses {
		if x.addresses[a] == t {
			delete(x.addresses, a)
		}
	}
}

// byUfrag returns the transport that a check is for. It does not allocate.
func (x *transportIndex) byUfrag(ufrag []byte) *Transport {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.ufrags[string(ufrag)]
}

func (x *transportIndex) byAddress(a netip.AddrPort) *Transport {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.addresses[a]
}

// bindAddress records that authentic checks for t arrive from an address.
func (x *transportIndex) bindAddress(t *Transport, a netip.AddrPort) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.addresses[a] == t || t.ended.Load() {
		return
	}
	if len(t.addresses) == maxTransportAddresses {
		if old := t.addresses[0]; x.addresses[old] == t {
			delete(x.addresses, old)
		}
		t.addresses = t.addresses[1:]
	}
	x.addresses[a] = t
	t.addresses = append(t.addresses, a)
}
