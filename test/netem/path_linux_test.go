package netem

import (
	"container/heap"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// conditions are what happens to packets on their way, the same in both directions.
type conditions struct {
	loss   float64       // share of packets that are lost
	burst  float64       // packets lost in a row, on average; 0 and 1: each on its own
	delay  time.Duration // one way
	jitter time.Duration // more or less than the delay, evenly; packets may overtake
	rate   float64       // bits a second; 0: no limit
	dark   bool          // nothing passes
	noUDP  bool          // as behind a firewall
	only   uint16        // the server's TCP port that alone is let through, by a stricter one; 0: all
	moved  uint16        // the NAT's mapping: other ports than before
}

// queueTime is how long packets may wait for a limited link; more are dropped.
const queueTime = 300 * time.Millisecond

// A path carries IPv4 packets between two TUN devices.
type path struct {
	now  atomic.Pointer[conditions]
	ends [2]*os.File
	done sync.WaitGroup
}

func newPath(server, viewer *os.File) *path {
	p := &path{ends: [2]*os.File{server, viewer}}
	p.set(conditions{})
	p.done.Add(2)
	go p.carry(server, viewer, false)
	go p.carry(viewer, server, true)
	return p
}

func (p *path) set(c conditions) { p.now.Store(&c) }

func (p *path) close() {
	for _, e := range p.ends {
		e.Close()
	}
	p.done.Wait()
}

// delivery is a packet and when it arrives.
type delivery struct {
	at     time.Time
	packet []byte
}

type deliveries []delivery

func (d deliveries) Len() int           { return len(d) }
func (d deliveries) Less(i, j int) bool { return d[i].at.Before(d[j].at) }
func (d deliveries) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }
func (d *deliveries) Push(x any)        { *d = append(*d, x.(delivery)) }
func (d *deliveries) Pop() any {
	last := (*d)[len(*d)-1]
	*d = (*d)[:len(*d)-1]
	return last
}

// carry takes packets from one end to the other until an end closes.
func (p *path) carry(from, to *os.File, out bool) {
	defer p.done.Done()
	incoming := make(chan []byte, 1024)
	go func() {
		defer close(incoming)
		buffer := make([]byte, 1<<16)
		for {
			n, err := from.Read(buffer)
			if err != nil {
				return
			}
			incoming <- append([]byte(nil), buffer[:n]...)
		}
	}()
	var waiting deliveries
	link := link{out: out}
	timer := time.NewTimer(time.Hour)
	for {
		select {
		case packet, open := <-incoming:
			if !open {
				return
			}
			if at, passes := link.pass(packet, p.now.Load()); passes {
				heap.Push(&waiting, delivery{at, packet})
			}
		case <-timer.C:
		}
		for len(waiting) > 0 && time.Until(waiting[0].at) <= 0 {
			_, _ = to.Write(heap.Pop(&waiting).(delivery).packet)
		}
		if len(waiting) > 0 {
			timer.Reset(time.Until(waiting[0].at))
		}
	}
}

// A link is one direction of a path.
type link struct {
	out    bool      // from the viewer to the server
	losing bool      // within a burst
	free   time.Time // when the limited link has sent what was given to it
}

// pass tells when a packet arrives, if it does. It rewrites the ports of UDP.
func (l *link) pass(b []byte, c *conditions) (at time.Time, passes bool) {
	if len(b) < 28 || b[0]>>4 != 4 || c.dark {
		return at, false
	}
	if c.only != 0 && !l.leadsTo(b, c.only) {
		return at, false
	}
	if udp := b[9] == 17; udp && c.noUDP {
		return at, false
	} else if udp && c.moved != 0 {
		l.rewrite(b, c.moved)
	}
	if l.loses(c) {
		return at, false
	}
	now := time.Now()
	at = now.Add(c.delay)
	if c.jitter > 0 {
		at = at.Add(rand.N(2*c.jitter) - c.jitter)
	}
	if c.rate > 0 {
		if l.free.Before(now) {
			l.free = now
		}
		if l.free.Sub(now) > queueTime {
			return at, false
		}
		l.free = l.free.Add(time.Duration(float64(8*len(b)) / c.rate * float64(time.Second)))
		at = at.Add(l.free.Sub(now))
	}
	return at, true
}

// leadsTo tells whether a packet is of TCP and to or from a port of the server.
func (l *link) leadsTo(b []byte, port uint16) bool {
	at := int(b[0]&15) * 4
	if l.out {
		at += 2
	}
	return b[9] == 6 && len(b) >= at+2 && binary.BigEndian.Uint16(b[at:]) == port
}

// loses follows a chain of two states (Gilbert): in one nothing is lost, in the other all.
func (l *link) loses(c *conditions) bool {
	if c.burst <= 1 {
		return rand.Float64() < c.loss
	}
	if l.losing {
		l.losing = rand.Float64() >= 1/c.burst
	} else {
		l.losing = rand.Float64() < c.loss/(1-c.loss)/c.burst
	}
	return l.losing
}

// rewrite gives the viewer's side of UDP another port, as a NAT that forgot its mapping does.
func (l *link) rewrite(b []byte, moved uint16) {
	udp := b[int(b[0]&15)*4:]
	at := 2
	if l.out {
		at = 0
	}
	before := binary.BigEndian.Uint16(udp[at:])
	after := before ^ moved
	binary.BigEndian.PutUint16(udp[at:], after)
	if sum := binary.BigEndian.Uint16(udp[6:]); sum != 0 { // RFC 1624
		s := uint32(^sum) + uint32(^before) + uint32(after)
		for s > 0xffff {
			s = s>>16 + s&0xffff
		}
		binary.BigEndian.PutUint16(udp[6:], ^uint16(s))
	}
}
