package proxy_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"rostrum/internal/proxy"
	"rostrum/internal/store"
)

// newProxy returns the proxy of a node whose key is all of one byte.
func newProxy(t *testing.T, key byte, id string) *proxy.Proxy {
	t.Helper()
	p, err := proxy.New(proxy.Config{Key: bytes.Repeat([]byte{key}, 32), NodeID: id, Public: "https://" + id + ".example", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// serveNode serves what other nodes pass on to a node, and returns its row.
func serveNode(t *testing.T, p *proxy.Proxy, id string, h http.Handler) store.Node {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: p.Handler(h), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)}
	go func() { _ = s.Serve(tls.NewListener(l, p.TLS())) }()
	t.Cleanup(func() { _ = s.Close() })
	return store.Node{ID: id, NodeAddress: store.NodeAddress{Internal: l.Addr().String(), Public: "https://" + id + ".example"}}
}

// edge serves clients at a node that passes all on.
func edge(t *testing.T, p *proxy.Proxy, to store.Node) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*") // by the edge, before it knows
		p.Forward(w, r, to, func(err error) { http.Error(w, "refused", http.StatusServiceUnavailable) })
	}))
	t.Cleanup(s.Close)
	return s
}

func TestProxy_PassesRequestsOnWithTheAddressOfTheClient(t *testing.T) {
	home := serveNode(t, newProxy(t, 1, "home"), "home", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		if !proxy.IsForwarded(r) || host != "127.0.0.1" || r.Header.Get("Rostrum-Node") != "" {
			t.Errorf("forwarded %v, from %q, with %v", proxy.IsForwarded(r), r.RemoteAddr, r.Header)
		}
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Location", "/whip/sessions/1")
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write(append([]byte(r.Host+" "+r.Method+" "), body...))
	}))
	s := edge(t, newProxy(t, 1, "edge"), home)
	q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/whip", strings.NewReader("offer"))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Rostrum-Client-Address", "192.0.2.1:1") // a lie
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusCreated || string(body) != strings.TrimPrefix(s.URL, "http://")+" POST offer" {
		t.Errorf("the answer is %s %q", answer.Status, body)
	}
	if got := answer.Header.Get("Location"); got != "https://home.example/whip/sessions/1" {
		t.Errorf("Location is %q, expected the home's", got)
	}
	if got := answer.Header.Values("Access-Control-Allow-Origin"); len(got) != 1 {
		t.Errorf("the headers of both nodes are in the answer: %v", got)
	}
}

func TestProxy_CarriesWebSockets(t *testing.T) {
	home := serveNode(t, newProxy(t, 1, "home"), "home", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.CloseNow() }()
		kind, data, err := conn.Read(r.Context())
		if err == nil {
			err = conn.Write(r.Context(), kind, append([]byte("echo "), data...))
		}
		if err != nil {
			t.Error(err)
		}
		_ = conn.Close(websocket.StatusNormalClosure, "")
	}))
	conn, _, err := websocket.Dial(t.Context(), edge(t, newProxy(t, 1, "edge"), home).URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.CloseNow() }()
	if err := conn.Write(t.Context(), websocket.MessageText, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, data, err := conn.Read(t.Context()); err != nil || string(data) != "echo hello" {
		t.Errorf("read %q, %v", data, err)
	}
}

func TestProxy_RefusesWhoIsNotANodeOfTheDatabase(t *testing.T) {
	never := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the request was answered") })
	home := serveNode(t, newProxy(t, 1, "home"), "home", never)
	gone := home
	gone.Internal = "127.0.0.1:1"
	renamed := home
	renamed.ID = "former"
	for name, c := range map[string]struct {
		key byte
		to  store.Node
	}{
		"another key":                      {2, home},
		"nobody listens":                   {1, gone},
		"another node has its address now": {1, renamed},
		"a node without address":           {1, store.Node{ID: "old"}},
	} {
		t.Run(name, func(t *testing.T) {
			answer, err := http.Get(edge(t, newProxy(t, c.key, "edge"), c.to).URL)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Access-Control-Allow-Origin") == "" {
				t.Errorf("the answer is %s with %v", answer.Status, answer.Header)
			}
		})
	}
	t.Run("no certificate", func(t *testing.T) {
		client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
		if answer, err := client.Get("https://" + home.Internal); err == nil {
			_ = answer.Body.Close()
			t.Errorf("the answer is %s", answer.Status)
		}
	})
}
