package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/coder/websocket"

	"rostrum/internal/loadtest"
	"rostrum/realtime"
)

// subscribers are clients of the events socket.
type subscribers struct {
	cancel    context.CancelFunc
	listening sync.WaitGroup
	there     chan struct{} // a value for each who was told the state

	mu   sync.Mutex // guards what follows
	told []time.Time
	all  chan struct{} // closed when as many as listen were told
	size int
	why  error
}

const (
	dialing   = 64 // sockets that are opened at the same time
	timeout   = time.Minute
	toldLimit = 20 * time.Second
)

// listen opens a socket for each token and returns when all were told who is there.
func listen(ctx context.Context, tokens []realtime.Token) (*subscribers, error) {
	ctx, cancel := context.WithCancel(ctx)
	a := &subscribers{cancel: cancel, there: make(chan struct{}, len(tokens)), all: make(chan struct{}), size: len(tokens)}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: dialing}}
	timeout := time.After(timeout)
	sent, came := 0, 0
	for came < len(tokens) {
		for ; sent < len(tokens) && sent-came < dialing; sent++ {
			token := tokens[sent]
			a.listening.Go(func() {
				conn, err := open(ctx, token, client)
				if err != nil {
					a.fail(ctx, err)
					return
				}
				a.attend(ctx, conn)
			})
		}
		select {
		case <-a.there:
			came++
		case <-timeout:
			a.mu.Lock()
			err := a.why
			a.mu.Unlock()
			a.leave()
			return nil, fmt.Errorf("%d of %d sockets are open after %v: %w", came, len(tokens), timeout, err)
		}
	}
	return a, nil
}

// attend listens, and notes when it's told. Of a message it reads no more than what kind it
// is: ten thousand viewers are as many machines, but here they share one processor, which
// would otherwise be measured.
func (a *subscribers) attend(ctx context.Context, conn *websocket.Conn) {
	stop := context.AfterFunc(ctx, func() { _ = conn.CloseNow() })
	defer stop()
	greeted, told := false, false
	buffer := make([]byte, 512)
	for {
		_, message, err := conn.Reader(context.Background())
		if err != nil {
			a.fail(ctx, err)
			return
		}
		n, err := io.ReadFull(message, buffer)
		at := time.Now()
		switch kind := buffer[:n]; {
		case bytes.Contains(kind, []byte(`"STAGE_STATE"`)) && !greeted:
			greeted = true
			a.there <- struct{}{}
		case bytes.Contains(kind, []byte(`"PUBLISH_STATE"`)) && !told:
			told = true
			a.note(at)
		}
		if err == nil {
			_, err = io.Copy(io.Discard, message)
		}
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			a.fail(ctx, err)
			return
		}
	}
}

// open opens the events socket of a participant.
func open(ctx context.Context, t realtime.Token, client *http.Client) (*websocket.Conn, error) {
	at, err := url.JoinPath(t.EventsURL, url.PathEscape(t.StageID))
	if err != nil {
		return nil, err
	}
	conn, _, err := websocket.Dial(ctx, at, &websocket.DialOptions{HTTPClient: client, Subprotocols: []string{t.Raw}})
	return conn, err
}

// fail notes why somebody doesn't listen any more.
func (a *subscribers) fail(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.why = err
}

func (a *subscribers) note(at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.told = append(a.told, at); len(a.told) == a.size {
		close(a.all)
	}
}

// await has somebody publish, and returns when their first packet left and when each of
// all subscribers were notified.
func (a *subscribers) await(ctx context.Context, who realtime.Token) (at time.Time, told []time.Time, err error) {
	clip, err := loadtest.NewClip(loadtest.ClipConfig{})
	if err != nil {
		return at, nil, err
	}
	endpoint, err := who.PublishAt()
	if err != nil {
		return at, nil, err
	}
	p, err := loadtest.Publish(ctx, endpoint, clip, 1, false)
	if err != nil {
		return at, nil, err
	}
	sending, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	at = time.Now()
	running.Go(func() { _ = p.Run(sending) }) // one that fails is told to nobody
	select {
	case <-a.all:
	case <-time.After(toldLimit):
	case <-ctx.Done():
	}
	stop()
	running.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	return at, a.told, p.Close()
}

// leave closes the sockets.
func (a *subscribers) leave() {
	a.cancel()
	a.listening.Wait()
}
