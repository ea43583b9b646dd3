package conformance

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"rostrum/internal/store"
	"rostrum/test/server"
)

func TestConformance(t *testing.T) {
	scenario, facts := readScenario(t), readModel(t)
	all := clients(t)
	folder := t.TempDir()
	binary, err := server.Build(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.BuildMedia(t.Context(), folder); err != nil {
		t.Fatal(err)
	}
	worlds := make([]*environment, len(all))
	data := map[string]string{"open": filepath.Join(folder, "open"), "limited": filepath.Join(folder, "limited")}
	withStores(t, data, func(open, limited *store.Store) {
		for i := range all {
			worlds[i] = seed(t, i, open, limited)
		}
	})
	// A bucket of one request that fills again in minutes: who comes second is
	// throttled, however slow it is.
	limits := map[string]string{"open": "open,requests=0", "limited": "aws,public_key_requests=0.005"}
	urls := map[string]string{}
	for name := range data {
		s, err := server.Start(context.Background(), binary, "--data-dir", data[name], "--limits", limits[name])
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Stop(); err != nil {
				t.Error(err)
			}
			if t.Failed() {
				t.Logf("the %s server's last words:\n%s", name, s.Output())
			}
		})
		urls[name] = s.URL
	}
	for _, w := range worlds {
		w.goOnAir(t, urls["open"])
		w.broadcast(t, urls["open"])
	}
	sum := newSummary(all)
	t.Run("clients", func(t *testing.T) {
		for i, c := range all {
			observers := map[string]*observer{"open": observe(t, facts, urls["open"]), "limited": observe(t, facts, urls["limited"])}
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				for _, s := range scenario {
					s.run(t, &c, worlds[i], observers, sum)
				}
			})
		}
	})
	if name := os.Getenv("CONFORMANCE_SUMMARY"); name != "" {
		if err := os.WriteFile(name, []byte(sum.String()), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// withStores opens the stores of the two servers before these do.
func withStores(t *testing.T, data map[string]string, fn func(open, limited *store.Store)) {
	t.Helper()
	stores := map[string]*store.Store{}
	for name, dir := range data {
		s, err := store.Open(context.Background(), store.Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		stores[name] = s
	}
	fn(stores["open"], stores["limited"])
	for _, s := range stores {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// run makes a step with a client, as often as it says.
func (s *step) run(t *testing.T, c *client, w *environment, observers map[string]*observer, sum *summary) {
	if s.Needs != "" && !slices.Contains(c.can, s.Needs) {
		return // the client gives no means to it: nothing of the server's goes untested
	}
	service := s.Service
	if service == "" {
		service = observers["open"].model.Operations[s.Call].Service
	}
	if !slices.Contains(c.knows, service) {
		return
	}
	as, at := s.As, s.Server
	if as == "" {
		as = "owner"
	}
	if at == "" {
		at = "open"
	}
	wire := observers[at]
	for n, chosen := range s.expand() {
		name := s.Step
		if len(s.Each) > 0 {
			name = fmt.Sprintf("%s (%d)", name, n+1)
		}
		passed := t.Run(name, func(t *testing.T) {
			for k, v := range chosen {
				w.variables[k] = fill(t, v, w.variables)
			}
			who, ok := w.callers[as]
			if !ok {
				t.Fatalf("the scenario has no caller %s", as)
			}
			who.Endpoint = wire.URL
			input, some := fill(t, s.Input, w.variables).(map[string]any)
			if !some {
				input = map[string]any{}
			}
			r := request{Service: service, Operation: s.Call, Caller: who, Input: input}
			if s.Pages != nil {
				r.PageSize, r.Items = s.Pages.Size, s.Pages.Items
			}
			before := wire.answered(s.Call)
			got, err := c.call(t, r)
			if err != nil {
				t.Fatal(err)
			}
			s.check(t, c, wire.model, w.variables, got)
			if s.Pages != nil && !t.Failed() {
				if n := wire.answered(s.Call) - before; n != s.Pages.requests() {
					t.Errorf("expected %d requests for pages of %d, saw %d", s.Pages.requests(), s.Pages.Size, n)
				}
			}
			for _, complaint := range wire.complaints() {
				t.Error(complaint)
			}
		})
		sum.note(c.name, s, passed)
	}
}
