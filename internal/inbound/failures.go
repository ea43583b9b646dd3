package inbound

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	maxNetworks   = 10_000      // remembered at once
	reportEvery   = time.Minute // of one network
	networkBits6  = 64          // of an IPv6 address: what one customer of a provider has
	networkBits4  = 32
	failuresAtOne = 10
)

// Network is what counts as one client where clients are counted: an IPv4 address,
// or the /64 of an IPv6 address.
func Network(a netip.Addr) netip.Prefix {
	bits := networkBits4
	if a = a.Unmap().WithZone(""); a.Is6() {
		bits = networkBits6
	}
	network, _ := a.Prefix(bits) // the zero Addr has the zero Prefix
	return network
}

// Failures counts the wrong credentials that come from each network. It judges only
// what was found wrong, so that right credentials from the same network are not
// refused. The zero value is ready, and allows ten at once and one every six
// seconds.
type Failures struct {
	mu       sync.Mutex
	networks map[netip.Prefix]*failing
}

type failing struct {
	rate     *rate.Limiter
	reported time.Time
}

// Add counts a failure. It tells whether the network has more than it may, and
// whether that should be reported: once a minute for each network.
func (f *Failures) Add(a netip.Addr) (tooMany, report bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	network := Network(a)
	n := f.networks[network]
	if n == nil {
		for old := range f.networks { // any will do
			if len(f.networks) < maxNetworks {
				break
			}
			delete(f.networks, old)
		}
		if f.networks == nil {
			f.networks = map[netip.Prefix]*failing{}
		}
		n = &failing{rate: rate.NewLimiter(rate.Every(6*time.Second), failuresAtOne)}
		f.networks[network] = n
	}
	if n.rate.Allow() {
		return false, false
	}
	now := time.Now()
	if report = now.Sub(n.reported) >= reportEvery; report {
		n.reported = now
	}
	return true, report
}
