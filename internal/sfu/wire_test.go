package sfu_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// A wire relays UDP between one peer and the engine, and loses some.
type wire struct {
	front, back *net.UDPConn
	mu          sync.Mutex
	loss        float64
	client      *net.UDPAddr
	rate        float64   // bits a second towards the peer, 0 without limit
	free        time.Time // when the limited link has sent what waits
	queue       chan timed
	over        chan struct{} // closed when the test ends
}

// timed is a datagram on the limited link.
type timed struct {
	data []byte
	at   time.Time
}

// queueTime is how long a datagram may wait for the limited link.
const queueTime = 250 * time.Millisecond

func newWire(t *testing.T, port uint16, loss float64) *wire {
	t.Helper()
	front, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	back, err := net.DialUDP("udp4", nil, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(port)})
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{front: front, back: back, loss: loss, queue: make(chan timed, 4096), over: make(chan struct{})}
	t.Cleanup(func() { front.Close(); w.current().Close(); close(w.over) })
	go w.deliver()
	go func() {
		b := make([]byte, 4096)
		for {
			n, from, err := front.ReadFromUDP(b)
			if err != nil {
				return
			}
			w.mu.Lock()
			w.client = from
			w.mu.Unlock()
			if !w.loses() {
				_, _ = w.current().Write(b[:n])
			}
		}
	}()
	go w.backward(back)
	return w
}

func (w *wire) backward(back *net.UDPConn) {
	b := make([]byte, 4096)
	for {
		n, err := back.Read(b)
		if err != nil {
			return
		}
		w.mu.Lock()
		client := w.client
		w.mu.Unlock()
		if client != nil && !w.loses() {
			w.enqueue(b[:n])
		}
	}
}

// enqueue puts a datagram on the link, or drops it from the tail of its queue.
func (w *wire) enqueue(b []byte) {
	w.mu.Lock()
	now := time.Now()
	at := now
	if w.rate > 0 {
		if w.free.Before(now) {
			w.free = now
		}
		if w.free.Sub(now) > queueTime {
			w.mu.Unlock()
			return
		}
		w.free = w.free.Add(time.Duration(float64(len(b)+28) * 8 / w.rate * 1e9))
		at = w.free
	}
	w.mu.Unlock()
	select {
	case w.queue <- timed{bytes.Clone(b), at}:
	default:
	}
}

func (w *wire) deliver() {
	for {
		var d timed
		select {
		case d = <-w.queue:
		case <-w.over:
			return
		}
		if wait := time.Until(d.at); wait > 0 {
			time.Sleep(wait)
		}
		w.mu.Lock()
		client := w.client
		w.mu.Unlock()
		_, _ = w.front.WriteToUDP(d.data, client)
	}
}

func (w *wire) setRate(bps float64) {
	w.mu.Lock()
	w.rate = bps
	w.mu.Unlock()
}

// rebind gives the peer another address, as a NAT does that forgot it.
func (w *wire) rebind(t *testing.T) {
	t.Helper()
	back, err := net.DialUDP("udp4", nil, w.current().RemoteAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	old := w.back
	w.back = back
	w.mu.Unlock()
	old.Close()
	go w.backward(back)
}

func (w *wire) current() *net.UDPConn {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.back
}

func (w *wire) loses() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return rand.Float64() < w.loss
}

func (w *wire) setLoss(share float64) {
	w.mu.Lock()
	w.loss = share
	w.mu.Unlock()
}

// through rewrites an answer so that its candidates lead over the wire.
func (w *wire) through(answer string, port uint16) string {
	return strings.ReplaceAll(answer, fmt.Sprintf(" 127.0.0.1 %d ", port), fmt.Sprintf(" 127.0.0.1 %d ", w.front.LocalAddr().(*net.UDPAddr).Port))
}
