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

// networkPath relays UDP between one peer and the engine, with loss and a limited bitrate.
type networkPath struct {
	front, back *net.UDPConn
	mu          sync.Mutex
	loss        float64
	client      *net.UDPAddr
	rate        float64   // bitrate towards the peer, 0 for no limit
	freeAt      time.Time // when the limited link has sent its queue
	queue       chan queuedDatagram
	done        chan struct{} // closed when the test ends
}

// queuedDatagram is a datagram on the limited link.
type queuedDatagram struct {
	data []byte
	at   time.Time
}

// queueTime is the length of the limited link's queue.
const queueTime = 250 * time.Millisecond

func newNetworkPath(t *testing.T, port uint16, loss float64) *networkPath {
	t.Helper()
	front, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	back, err := net.DialUDP("udp4", nil, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(port)})
	if err != nil {
		t.Fatal(err)
	}
	w := &networkPath{front: front, back: back, loss: loss, queue: make(chan queuedDatagram, 4096), done: make(chan struct{})}
	t.Cleanup(func() { front.Close(); w.current().Close(); close(w.done) })
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
			if !w.lost() {
				_, _ = w.current().Write(b[:n])
			}
		}
	}()
	go w.backward(back)
	return w
}

func (w *networkPath) backward(back *net.UDPConn) {
	b := make([]byte, 4096)
	for {
		n, err := back.Read(b)
		if err != nil {
			return
		}
		w.mu.Lock()
		client := w.client
		w.mu.Unlock()
		if client != nil && !w.lost() {
			w.enqueue(b[:n])
		}
	}
}

// enqueue sends a datagram on the link, or drops it if the queue is full.
func (w *networkPath) enqueue(b []byte) {
	w.mu.Lock()
	now := time.Now()
	at := now
	if w.rate > 0 {
		if w.freeAt.Before(now) {
			w.freeAt = now
		}
		if w.freeAt.Sub(now) > queueTime {
			w.mu.Unlock()
			return
		}
		w.freeAt = w.freeAt.Add(time.Duration(float64(len(b)+28) * 8 / w.rate * 1e9))
		at = w.freeAt
	}
	w.mu.Unlock()
	select {
	case w.queue <- queuedDatagram{bytes.Clone(b), at}:
	default:
	}
}

func (w *networkPath) deliver() {
	for {
		var d queuedDatagram
		select {
		case d = <-w.queue:
		case <-w.done:
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

func (w *networkPath) setRate(bps float64) {
	w.mu.Lock()
	w.rate = bps
	w.mu.Unlock()
}

// rebind gives the peer another address, like a NAT rebinding.
func (w *networkPath) rebind(t *testing.T) {
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

func (w *networkPath) current() *net.UDPConn {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.back
}

func (w *networkPath) lost() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return rand.Float64() < w.loss
}

func (w *networkPath) setLoss(share float64) {
	w.mu.Lock()
	w.loss = share
	w.mu.Unlock()
}

// rewrite makes the candidates of an answer lead over the path.
func (w *networkPath) rewrite(answer string, port uint16) string {
	return strings.ReplaceAll(answer, fmt.Sprintf(" 127.0.0.1 %d ", port), fmt.Sprintf(" 127.0.0.1 %d ", w.front.LocalAddr().(*net.UDPAddr).Port))
}
