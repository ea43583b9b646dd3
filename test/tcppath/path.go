// Package tcppath gives a client a way to a server by TCP that a test can cut.
package tcppath

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"
)

// A Path carries the connections of one client. The zero value is whole.
type Path struct {
	mu    sync.Mutex // guards what follows
	isCut bool
	conns []net.Conn
}

// Client makes requests over the path, until the end of the test.
func (p *Path) Client(t testing.TB) *http.Client {
	transport := &http.Transport{DialContext: p.dial}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func (p *Path) dial(ctx context.Context, network, address string) (net.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isCut {
		return nil, errors.New("the path is cut")
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err == nil {
		p.conns = append(p.conns, conn)
	}
	return conn, err
}

// Cut closes all connections, and refuses new ones until Mend.
func (p *Path) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.isCut = true
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
}

// Mend lets connections through again.
func (p *Path) Mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.isCut = false
}
