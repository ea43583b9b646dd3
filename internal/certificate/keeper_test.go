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

// A memory is a shelf that ends with the test.
type memory struct {
	mu   sync.Mutex
	kept map[string][]byte
}

func (m *memory) FindSecret(_ context.Context, name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.kept[name], nil
}

func (m *memory) ChangeSecret(_ context.Context, name string, change func([]byte) ([]byte, error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	made, err := change(m.kept[name])
	if err == nil {
		m.kept[name] = made
	}
	return err
}

// A scene is an authority and an address that its names lead to.
type scene struct {
	*authority.Authority
	door  net.Listener
	shelf *memory
}

func newScene(t *testing.T, life time.Duration, refused ...string) *scene {
	t.Helper()
	door, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { door.Close() })
	return &scene{authority.Listen(t, door.Addr().(*net.TCPAddr).Port, life, refused...), door, &memory{kept: map[string][]byte{}}}
}

// keeper is one that has taken up what is on the shelf.
func (s *scene) keeper(t *testing.T, names ...string) *Keeper {
	t.Helper()
	k, err := New(Config{
		Names: names, Directory: s.Directory, Email: "operator@rostrum.example", Transport: s.Server.Client().Transport,
		Shared: true, Pause: 200 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
	})
	if err == nil {
		err = k.Open(t.Context(), s.shelf)
	}
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// run has a keeper at work until stop is called, or the test ends.
func run(t *testing.T, k *Keeper) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = k.Run(ctx) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

// serve shakes hands at the door.
func (s *scene) serve(k *Keeper) {
	config := k.TLS()
	go func() {
		for {
			conn, err := s.door.Accept()
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

// shown is the chain that a client sees who asks for a name.
func (s *scene) shown(t *testing.T, name string) []*x509.Certificate {
	t.Helper()
	conn, err := tls.Dial("tcp", s.door.Addr().String(), &tls.Config{ServerName: name, InsecureSkipVerify: true})
	if err != nil {
		t.Fatalf("shake hands for %q: %v", name, err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates
}

// trusted tells whether a client that knows the authority takes a chain for a name.
func (s *scene) trusted(chain []*x509.Certificate, name string) error {
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{DNSName: name, Roots: s.Roots, Intermediates: between})
	return err
}

// await waits for something that a keeper does.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func state(k *Keeper, name string) State {
	for _, s := range k.States() {
		if s.Name == name {
			return s
		}
	}
	return State{}
}

func has(k *Keeper, name string) func() bool {
	return func() bool { return state(k, name).Leaf != nil }
}

func TestKeeper_ObtainsWhatClientsTrust(t *testing.T) {
	t.Parallel()
	s := newScene(t, 90*24*time.Hour)
	k := s.keeper(t, "stage.example", "live.example")
	s.serve(k)
	if err := s.trusted(s.shown(t, "stage.example"), "stage.example"); err == nil {
		t.Error("before the authority is asked: a stand-in is trusted")
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
	if _, err := tls.Dial("tcp", s.door.Addr().String(), &tls.Config{ServerName: "stage.example", InsecureSkipVerify: true, NextProtos: []string{"acme-tls/1"}}); err == nil {
		t.Error("the authority's question is answered although it asked none")
	}
	if n := s.Orders.Load(); n != 2 {
		t.Errorf("%d orders, expected one for each of 2 names and none for what clients ask for", n)
	}
}

func TestKeeper_RenewsBeforeTheEnd(t *testing.T) {
	t.Parallel()
	s := newScene(t, 15*time.Second)
	k := s.keeper(t, "stage.example")
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
	if now := time.Now(); now.After(first.NotAfter) || now.Before(renewal(first)) {
		t.Errorf("renewed at %v, expected between %v and %v", now, renewal(first), first.NotAfter)
	}
}

func TestKeeper_KeepsItsCertificateOverARestart(t *testing.T) {
	t.Parallel()
	s := newScene(t, 90*24*time.Hour)
	k := s.keeper(t, "stage.example")
	s.serve(k)
	stop := run(t, k)
	await(t, "there is a certificate", has(k, "stage.example"))
	stop()
	asked := s.Requests.Load()
	s.Away.Store(true)
	again := s.keeper(t, "stage.example")
	run(t, again)
	if leaf := state(again, "stage.example").Leaf; leaf == nil || !leaf.Equal(state(k, "stage.example").Leaf) {
		t.Errorf("after the restart: %+v, expected the same certificate", state(again, "stage.example"))
	}
	if n := s.Requests.Load() - asked; n != 0 {
		t.Errorf("%d requests to the authority for a certificate that was kept", n)
	}
	elsewhere, err := New(Config{Names: []string{"stage.example"}, Directory: s.Directory + "/staging"})
	if err == nil {
		err = elsewhere.Open(t.Context(), s.shelf)
	}
	if err != nil || state(elsewhere, "stage.example").Leaf != nil {
		t.Errorf("of another authority: %+v, %v, expected none", state(elsewhere, "stage.example"), err)
	}
}

func TestKeeper_ServesWhileTheAuthorityIsAway(t *testing.T) {
	t.Parallel()
	s := newScene(t, 90*24*time.Hour)
	s.Away.Store(true)
	k := s.keeper(t, "stage.example")
	s.serve(k)
	run(t, k)
	await(t, "it has failed", func() bool { return state(k, "stage.example").Failed != nil })
	if leaf := s.shown(t, "stage.example")[0]; leaf.VerifyHostname("stage.example") != nil {
		t.Errorf("shown is %v, expected a stand-in of the name", leaf.Subject)
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

func TestKeeper_OneRefusedNameLeavesTheOthers(t *testing.T) {
	t.Parallel()
	s := newScene(t, 90*24*time.Hour, "refused.example")
	k := s.keeper(t, "refused.example", "nowhere.example", "stage.example")
	s.serve(k)
	run(t, k)
	await(t, "the good name has a certificate", has(k, "stage.example"))
	for name, remedy := range map[string]string{"refused.example": "take another name", "nowhere.example": ""} {
		await(t, name+" has failed", func() bool { return state(k, name).Failed != nil })
		if f := state(k, name).Failed; !strings.Contains(f.Reason, name) || !strings.HasPrefix(f.Remedy, remedy) {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

func TestKeeper_WaitsAsLongAsTheAuthoritySays(t *testing.T) {
	t.Parallel()
	s := newScene(t, 90*24*time.Hour)
	s.Limited.Store(true)
	k := s.keeper(t, "stage.example")
	stop := run(t, k)
	await(t, "it has failed", func() bool { return state(k, "stage.example").Failed != nil })
	stop()
	again := s.keeper(t, "stage.example")
	f := state(again, "stage.example").Failed
	if wait := time.Until(f.Next); wait < 58*time.Minute || !strings.Contains(f.Remedy, "wait") {
		t.Errorf("after a restart it is tried again in %v (%q), expected an hour", wait, f.Remedy)
	}
	if n := s.Orders.Load(); n != 1 {
		t.Errorf("%d orders, expected one", n)
	}
}

// TestKeeper_NodesTakeTurns: both nodes stand behind the name, and the authority reaches
// the one that did not order as well.
func TestKeeper_NodesTakeTurns(t *testing.T) {
	t.Parallel()
	s := newScene(t, 90*24*time.Hour)
	nodes := []*Keeper{s.keeper(t, "stage.example"), s.keeper(t, "stage.example")}
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

// TestKeeper_EndsInTheMiddleOfAnOrder: that is no failure, and nobody has to wait for it.
func TestKeeper_EndsInTheMiddleOfAnOrder(t *testing.T) {
	t.Parallel()
	s := newScene(t, 90*24*time.Hour)
	k := s.keeper(t, "stage.example") // nobody serves at the door: the authority waits
	stop := run(t, k)
	await(t, "the authority asks", func() bool {
		r, err := read(t.Context(), s.shelf, "stage.example")
		return err == nil && r.Question != nil
	})
	stop()
	if r, err := read(t.Context(), s.shelf, "stage.example"); err != nil || r.Asking != nil || r.Question != nil || r.Failed != nil {
		t.Errorf("the shelf has %+v, %v, expected nothing", r, err)
	}
}
