package certificate

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"rostrum/test/authority"
)

// A memoryStorage is a Storage in memory.
type memoryStorage struct {
	mu   sync.Mutex
	kept map[string][]byte
}

func (m *memoryStorage) FindSecret(_ context.Context, name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.kept[name], nil
}

func (m *memoryStorage) ChangeSecret(_ context.Context, name string, change func([]byte) ([]byte, error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	made, err := change(m.kept[name])
	if err == nil {
		m.kept[name] = made
	}
	return err
}

// A fixture is an authority and the listener that its names resolve to.
type fixture struct {
	*authority.Authority
	listener net.Listener
	storage  *memoryStorage
}

func newFixture(t *testing.T, life time.Duration, refused ...string) *fixture {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return &fixture{authority.Listen(t, listener.Addr().(*net.TCPAddr).Port, life, refused...), listener, &memoryStorage{kept: map[string][]byte{}}}
}

// manager returns a manager that has opened the storage.
func (s *fixture) manager(t *testing.T, names ...string) *Manager {
	t.Helper()
	k, err := New(Config{
		Names: names, Directory: s.Directory, Email: "operator@rostrum.example", Transport: s.Server.Client().Transport,
		Shared: true, Pause: 200 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
	})
	if err == nil {
		err = k.Open(t.Context(), s.storage)
	}
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// run runs a manager until stop is called or the test ends.
func run(t *testing.T, k *Manager) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = k.Run(ctx) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

// serve does TLS handshakes at the listener.
func (s *fixture) serve(k *Manager) {
	config := k.TLS()
	go func() {
		for {
			conn, err := s.listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
				_ = tls.Server(conn, config).Handshake()
			}()
		}
	}()
}

// shown returns the chain that clients get for a name.
func (s *fixture) shown(t *testing.T, name string) []*x509.Certificate {
	t.Helper()
	conn, err := tls.Dial("tcp", s.listener.Addr().String(), &tls.Config{ServerName: name, InsecureSkipVerify: true})
	if err != nil {
		t.Fatalf("shake hands for %q: %v", name, err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates
}

// trusted returns an error unless clients that trust the authority accept a chain.
func (s *fixture) trusted(chain []*x509.Certificate, name string) error {
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{DNSName: name, Roots: s.Roots, Intermediates: between})
	return err
}

// await waits for a condition.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("timed out: %s", what)
		}
	}
}

func state(k *Manager, name string) State {
	for _, s := range k.States() {
		if s.Name == name {
			return s
		}
	}
	return State{}
}

func has(k *Manager, name string) func() bool {
	return func() bool { return state(k, name).Leaf != nil }
}

func TestManager_ObtainsTrustedCertificates(t *testing.T) {
	t.Parallel()
	s := newFixture(t, 90*24*time.Hour)
	k := s.manager(t, "stage.example", "live.example")
	s.serve(k)
	if err := s.trusted(s.shown(t, "stage.example"), "stage.example"); err == nil {
		t.Error("the self-signed certificate is trusted")
	}
	run(t, k)
	await(t, "there is a certificate for each name", func() bool { return has(k, "stage.example")() && has(k, "live.example")() })
	for asked, name := range map[string]string{
		"stage.example": "stage.example", "LIVE.example": "live.example", "": "stage.example", "another.example": "stage.example",
	} {
		if err := s.trusted(s.shown(t, asked), name); err != nil {
			t.Errorf("who asks for %q sees no certificate of %s: %v", asked, name, err)
		}
	}
	if _, err := tls.Dial("tcp", s.listener.Addr().String(), &tls.Config{ServerName: "stage.example", InsecureSkipVerify: true, NextProtos: []string{"acme-tls/1"}}); err == nil {
		t.Error("a challenge is answered although there is none")
	}
	if n := s.Orders.Load(); n != 2 {
		t.Errorf("%d orders, expected one for each of 2 names and none for what clients ask for", n)
	}
}

func TestManager_RenewsBeforeTheEnd(t *testing.T) {
	t.Parallel()
	s := newFixture(t, 15*time.Second)
	k := s.manager(t, "stage.example")
	s.serve(k)
	run(t, k)
	await(t, "there is a certificate", has(k, "stage.example"))
	first := state(k, "stage.example").Leaf
	await(t, "it is renewed", func() bool {
		if err := s.trusted(s.shown(t, "stage.example"), "stage.example"); err != nil {
			t.Fatalf("while it is renewed: %v", err)
		}
		return !state(k, "stage.example").Leaf.Equal(first)
	})
	if now := time.Now(); now.After(first.NotAfter) || now.Before(renewalTime(first)) {
		t.Errorf("renewed at %v, expected between %v and %v", now, renewalTime(first), first.NotAfter)
	}
}

func TestManager_ReusesItsCertificateAfterRestart(t *testing.T) {
	t.Parallel()
	s := newFixture(t, 90*24*time.Hour)
	k := s.manager(t, "stage.example")
	s.serve(k)
	stop := run(t, k)
	await(t, "there is a certificate", has(k, "stage.example"))
	stop()
	asked := s.Requests.Load()
	s.Away.Store(true)
	again := s.manager(t, "stage.example")
	run(t, again)
	if leaf := state(again, "stage.example").Leaf; leaf == nil || !leaf.Equal(state(k, "stage.example").Leaf) {
		t.Errorf("after the restart: %+v, expected the same certificate", state(again, "stage.example"))
	}
	if n := s.Requests.Load() - asked; n != 0 {
		t.Errorf("%d requests to the authority for a certificate that was kept", n)
	}
	elsewhere, err := New(Config{Names: []string{"stage.example"}, Directory: s.Directory + "/staging"})
	if err == nil {
		err = elsewhere.Open(t.Context(), s.storage)
	}
	if err != nil || state(elsewhere, "stage.example").Leaf != nil {
		t.Errorf("of another authority: %+v, %v, expected none", state(elsewhere, "stage.example"), err)
	}
}

func TestManager_ServesSelfSignedWhileAuthorityIsUnreachable(t *testing.T) {
	t.Parallel()
	s := newFixture(t, 90*24*time.Hour)
	s.Away.Store(true)
	k := s.manager(t, "stage.example")
	s.serve(k)
	run(t, k)
	await(t, "it has failed", func() bool { return state(k, "stage.example").Failed != nil })
	if leaf := s.shown(t, "stage.example")[0]; leaf.VerifyHostname("stage.example") != nil {
		t.Errorf("shown is %v, expected a self-signed certificate of the name", leaf.Subject)
	}
	if f := state(k, "stage.example").Failed; !strings.Contains(f.Remedy, "acme_directory") {
		t.Errorf("advised is %q, expected to look at the way to the authority", f.Remedy)
	}
	s.Away.Store(false)
	await(t, "there is a certificate", has(k, "stage.example"))
	if f := state(k, "stage.example").Failed; f != nil {
		t.Errorf("after a success: %+v", f)
	}
}

func TestManager_OneRefusedNameDoesNotAffectOthers(t *testing.T) {
	t.Parallel()
	s := newFixture(t, 90*24*time.Hour, "refused.example")
	k := s.manager(t, "refused.example", "nowhere.example", "stage.example")
	s.serve(k)
	run(t, k)
	await(t, "the good name has a certificate", has(k, "stage.example"))
	for name, remedy := range map[string]string{"refused.example": "use another name", "nowhere.example": ""} {
		await(t, name+" has failed", func() bool { return state(k, name).Failed != nil })
		if f := state(k, name).Failed; !strings.Contains(f.Reason, name) || !strings.HasPrefix(f.Remedy, remedy) {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

func TestManager_ObeysRetryAfterOfTheAuthority(t *testing.T) {
	t.Parallel()
	s := newFixture(t, 90*24*time.Hour)
	s.Limited.Store(true)
	k := s.manager(t, "stage.example")
	stop := run(t, k)
	await(t, "it has failed", func() bool { return state(k, "stage.example").Failed != nil })
	stop()
	again := s.manager(t, "stage.example")
	f := state(again, "stage.example").Failed
	if wait := time.Until(f.Next); wait < 58*time.Minute || !strings.Contains(f.Remedy, "wait") {
		t.Errorf("after a restart it is tried again in %v (%q), expected an hour", wait, f.Remedy)
	}
	if n := s.Orders.Load(); n != 1 {
		t.Errorf("%d orders, expected one", n)
	}
}

// TestManager_NodesTakeTurns: the authority may reach the node that did not order.
func TestManager_NodesTakeTurns(t *testing.T) {
	t.Parallel()
	s := newFixture(t, 90*24*time.Hour)
	nodes := []*Manager{s.manager(t, "stage.example"), s.manager(t, "stage.example")}
	s.serve(nodes[0])
	s.serve(nodes[1])
	for _, k := range nodes {
		run(t, k)
	}
	await(t, "both have a certificate", func() bool { return has(nodes[0], "stage.example")() && has(nodes[1], "stage.example")() })
	if !state(nodes[0], "stage.example").Leaf.Equal(state(nodes[1], "stage.example").Leaf) || s.Orders.Load() != 1 {
		t.Errorf("%d orders, expected one, and one certificate for both", s.Orders.Load())
	}
}

func TestManager_StopsDuringAnOrderWithoutFailure(t *testing.T) {
	t.Parallel()
	s := newFixture(t, 90*24*time.Hour)
	k := s.manager(t, "stage.example") // nothing answers the challenge: the authority waits
	stop := run(t, k)
	await(t, "the authority asks", func() bool {
		r, err := read(t.Context(), s.storage, "stage.example")
		return err == nil && r.Challenge != nil
	})
	stop()
	if r, err := read(t.Context(), s.storage, "stage.example"); err != nil || r.Claim != nil || r.Challenge != nil || r.Failed != nil {
		t.Errorf("the storage has %+v, %v, expected nothing", r, err)
	}
}
