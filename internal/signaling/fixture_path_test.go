package signaling_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
)

// A tcpPath is a client's way to the server by TCP, which can be cut.
type tcpPath struct {
	mu    sync.Mutex
	isCut bool
	conns []net.Conn
}

func (p *tcpPath) client() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: p.dial}}
}

func (p *tcpPath) dial(ctx context.Context, network, address string) (net.Conn, error) {
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

// cut closes all connections, and refuses new ones until mend.
func (p *tcpPath) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.isCut = true
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
}

func (p *tcpPath) mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.isCut = false
}
