package inbound_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"rostrum/internal/inbound"
)

// scripted is a listener whose Accept returns what is sent to it.
type scripted struct {
	results chan error // nil accepts a connection
	closed  chan struct{}
	once    sync.Once
}

func script(results ...error) *scripted {
	s := &scripted{results: make(chan error, 1000), closed: make(chan struct{})}
	for _, r := range results {
		s.results <- r
	}
	return s
}

func (s *scripted) Accept() (net.Conn, error) {
	select {
	case err := <-s.results:
		if err != nil {
			return nil, err
		}
		near, _ := net.Pipe()
		return near, nil
	case <-s.closed:
		return nil, errors.New("use of a closed thing")
	}
}

func (s *scripted) Close() error   { s.once.Do(func() { close(s.closed) }); return nil }
func (s *scripted) Addr() net.Addr { return tcp("127.0.0.1:7080") }

func TestListener_AcceptsAgainAfterEveryFault(t *testing.T) {
	for _, fault := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ECONNABORTED, syscall.ENOBUFS, syscall.ENOMEM, syscall.EINVAL, errors.New("unknown")} {
		synctest.Test(t, func(t *testing.T) {
			l := inbound.NewListener(script(fault, fault, nil), inbound.ListenerConfig{Name: "rtmp"})
			began := time.Now()
			conn, err := l.Accept()
			if err != nil {
				t.Fatalf("%v ended the listener: %v", fault, err)
			}
			defer conn.Close()
			if s := l.Stats(); s != (inbound.ListenerStats{Name: "rtmp", Open: 1, Errors: 2}) {
				t.Errorf("%v: %+v", fault, s)
			}
			if took := time.Since(began); took != 15*time.Millisecond {
				t.Errorf("%v: accepted again after %v, expected 5 + 10 ms", fault, took)
			}
		})
	}
}

func TestListener_BacksOffToASecondAndLogsOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := script()
		for range 100 { // for about 93 s
			s.results <- syscall.EMFILE
		}
		s.results <- nil
		var log bytes.Buffer
		l := inbound.NewListener(s, inbound.ListenerConfig{Name: "rtmp", Log: slog.New(slog.NewTextHandler(&log, nil))})
		began := time.Now()
		if _, err := l.Accept(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 90*time.Second || took > 100*time.Second {
			t.Errorf("100 faults took %v, expected about one a second", took)
		}
		if n := strings.Count(log.String(), "level=WARN"); n != 2 || !strings.Contains(log.String(), "listener=rtmp") {
			t.Errorf("expected two warnings of the listener, got %s", log.String())
		}
	})
}

func TestListener_CloseEndsAccept(t *testing.T) {
	for name, c := range map[string]struct {
		results []error
		max     int
	}{
		"that waits for a connection": {nil, 0},
		"that backs off":              {[]error{syscall.EMFILE, syscall.EMFILE, syscall.EMFILE}, 0},
		"that is at its bound":        {[]error{nil}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := inbound.NewListener(script(c.results...), inbound.ListenerConfig{Max: c.max})
				ended := make(chan error, 1)
				go func() {
					for {
						if _, err := l.Accept(); err != nil {
							ended <- err
							return
						}
					}
				}()
				synctest.Wait()
				l.Close()
				synctest.Wait()
				select {
				case err := <-ended:
					if !errors.Is(err, net.ErrClosed) {
						t.Errorf("expected %v, got %v", net.ErrClosed, err)
					}
				default:
					t.Error("Accept goes on")
				}
			})
		})
	}
}

func TestListener_HoldsNoMoreConnectionsThanItsBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := inbound.NewListener(script(nil, nil, nil), inbound.ListenerConfig{Max: 2})
		accepted := make(chan net.Conn, 3)
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				accepted <- conn
			}
		}()
		synctest.Wait()
		if n := len(accepted); n != 2 {
			t.Fatalf("%d connections were accepted, expected 2", n)
		}
		first := <-accepted
		first.Close()
		first.Close() // gives one place back, not two
		synctest.Wait()
		if s := l.Stats(); len(accepted) != 2 || s.Open != 2 {
			t.Errorf("after one was closed: %d wait and %+v", len(accepted), s)
		}
		l.Close()
	})
}

func TestDivide_LeavesDescriptorsToTheRest(t *testing.T) {
	for _, descriptors := range []int{512, 1024, 4096, 1 << 16, 1 << 20, 1<<31 - 1} {
		s := inbound.Divide(descriptors)
		if all := s.HTTP + s.Admin + s.RTMP + s.Media; all > descriptors*7/8 {
			t.Errorf("of %d descriptors connections take %d: %+v", descriptors, all, s)
		}
		if s.HTTP > 50_000 || s.Media > 10_000 || s.RTMP > 2000 {
			t.Errorf("%d descriptors: %+v", descriptors, s)
		}
	}
	if s := inbound.Divide(64); s.HTTP < 8 || s.RTMP < 8 || s.Media < 8 || s.Admin < 8 {
		t.Errorf("with very few descriptors: %+v", s)
	}
}
