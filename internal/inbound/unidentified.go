package inbound

import (
	"net/netip"
	"slices"
	"sync"
)

// Unidentified bounds the connections whose clients have not yet shown credentials,
// in all and for each network. A new connection is always accepted: where there are
// too many, the oldest is closed instead, of its own network or of the one that has
// most. So one that takes its time is in danger only while others are in need, and a
// flood from one network closes its own connections first.
type Unidentified struct {
	max, maxOfNetwork int

	mu       sync.Mutex // guards what follows
	networks map[netip.Prefix][]*Waiting
	count    int
	order    uint64
	evicted  uint64
}

// Waiting is one unidentified connection.
type Waiting struct {
	of      *Unidentified
	network netip.Prefix
	order   uint64
	evict   func()
}

// NewUnidentified makes bounds.
func NewUnidentified(max, maxOfNetwork int) *Unidentified {
	return &Unidentified{max: max, maxOfNetwork: maxOfNetwork, networks: map[netip.Prefix][]*Waiting{}}
}

// Add counts a connection until Done is called. evict closes it; it is called by
// another's Add, and must not block.
func (u *Unidentified) Add(a netip.Addr, evict func()) *Waiting {
	w := &Waiting{of: u, network: Network(a), evict: evict}
	u.mu.Lock()
	var oldest *Waiting
	if own := u.networks[w.network]; len(own) >= u.maxOfNetwork {
		oldest = own[0]
	} else if u.count >= u.max {
		oldest = u.oldestOfLargest()
	}
	if oldest != nil {
		u.remove(oldest)
		u.evicted++
	}
	u.order++
	w.order = u.order
	u.networks[w.network] = append(u.networks[w.network], w)
	u.count++
	u.mu.Unlock()
	if oldest != nil {
		oldest.evict()
	}
	return w
}

// oldestOfLargest is the oldest connection of the network that has most.
func (u *Unidentified) oldestOfLargest() (w *Waiting) {
	largest := 0
	for _, all := range u.networks {
		if len(all) > largest || len(all) == largest && all[0].order < w.order {
			largest, w = len(all), all[0]
		}
	}
	return w
}

// remove reports whether the connection was counted.
func (u *Unidentified) remove(w *Waiting) bool {
	all := u.networks[w.network]
	i := slices.Index(all, w)
	if i < 0 {
		return false
	}
	u.count--
	if all = slices.Delete(all, i, i+1); len(all) == 0 {
		delete(u.networks, w.network)
	} else {
		u.networks[w.network] = all
	}
	return true
}

// Done ends the count of a connection, whose client is identified or gone. It reports whether
// the connection was counted until now: one that was not is closed for another, or was done
// before. One that was will not be closed any more.
func (w *Waiting) Done() bool {
	w.of.mu.Lock()
	defer w.of.mu.Unlock()
	return w.of.remove(w)
}

// Evicted is how many connections were closed to make room for others.
func (u *Unidentified) Evicted() uint64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.evicted
}
