package target

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rostrum/internal/event"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

const account = "111122223333"

func newStore(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Ephemeral: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func webhook(name string) event.Target {
	return event.Target{Name: name, Account: account, Webhook: &event.Webhook{URL: "https://hook.example/" + name}}
}

func configured(name string) event.Target {
	t := webhook(name)
	t.Configured = true
	return t
}

func put(t *testing.T, st *store.Store, targets ...event.Target) {
	t.Helper()
	err := st.Write(t.Context(), func(tx *store.Tx) error {
		for _, one := range targets {
			if err := Put(tx, one); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// names lists all targets of the store.
func names(t *testing.T, st *store.Store) (all []string) {
	t.Helper()
	err := st.Read(t.Context(), func(tx *store.Tx) error {
		kept, err := tx.Targets("")
		for _, one := range kept {
			all = append(all, one.Name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func stored(t *testing.T, st *store.Store, name string) (found *event.Target) {
	t.Helper()
	err := st.Read(t.Context(), func(tx *store.Tx) (err error) {
		found, err = tx.Target(name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// park gives up the delivery of one new event per cursor that it returns.
func park(t *testing.T, st *store.Store, name string, n int) (cursors []int64) {
	t.Helper()
	ctx, deliveries := t.Context(), store.DeliveryStore{Store: st}
	err := st.Write(ctx, func(tx *store.Tx) error {
		for range n {
			tx.Emit(event.TargetTested(*stored(t, st, name), time.Now()))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	events, err := st.Events(ctx, store.EventQuery{Limit: n})
	if err != nil || len(events) != n {
		t.Fatalf("%d events, %v", len(events), err)
	}
	if _, err := deliveries.Claim(ctx, name, "node", time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	p := event.Progress{Cursor: events[n-1].Cursor}
	for _, e := range events {
		p.Parked = append(p.Parked, event.ParkedDelivery{Event: e, Attempts: 9, Since: time.Now(), Error: "it answered 500", Dead: true})
		cursors = append(cursors, e.Cursor)
	}
	if err := deliveries.SaveProgress(ctx, name, "node", p); err != nil {
		t.Fatal(err)
	}
	return cursors
}

func TestSync_MakesTheStoreEqualToTheConfiguration(t *testing.T) {
	st := newStore(t)
	put(t, st, webhook("by-hand"), configured("stays"), configured("goes"))
	secret := stored(t, st, "stays").Secrets[0]
	changed := configured("stays")
	changed.Webhook.URL = "https://elsewhere.example/"
	if err := Sync(t.Context(), st, []event.Target{changed, configured("new")}); err != nil {
		t.Fatal(err)
	}
	if got := names(t, st); !slices.Equal(got, []string{"by-hand", "new", "stays"}) {
		t.Errorf("the store has %v", got)
	}
	if got := stored(t, st, "stays"); got.Webhook.URL != changed.Webhook.URL || len(got.Secrets) != 1 || got.Secrets[0].Key != secret.Key {
		t.Errorf("the changed target is at %s, with its secret %t", got.Webhook.URL, got.Secrets[0].Key == secret.Key)
	}
	if err := Sync(t.Context(), st, nil); err != nil {
		t.Fatal(err)
	}
	if got := names(t, st); !slices.Equal(got, []string{"by-hand"}) {
		t.Errorf("after an empty configuration the store has %v", got)
	}
}

func TestSync_ChangesNothingWhenATargetIsRefused(t *testing.T) {
	st := newStore(t)
	put(t, st, configured("kept"))
	bad := configured("bad")
	bad.Webhook.URL = "ftp://hook.example/"
	if err := Sync(t.Context(), st, []event.Target{configured("new"), bad}); !errors.Is(err, ivsrealtime.ValidationFailed) {
		t.Errorf("%v, expected a ValidationException", err)
	}
	if got := names(t, st); !slices.Equal(got, []string{"kept"}) {
		t.Errorf("the store has %v", got)
	}
}

func TestPut_GivesAWebhookItsFirstSecret(t *testing.T) {
	file := event.Target{Name: "one", Account: account, File: &event.File{Path: filepath.Join(t.TempDir(), "events")}}
	given := webhook("one")
	given.Secrets = []event.Secret{{ID: "kgiven", Key: "a key that somebody chose"}}
	for name, c := range map[string]struct {
		targets []event.Target
		secrets int
		id      string
	}{
		"new":                      {[]event.Target{webhook("one")}, 1, ""},
		"new with a secret":        {[]event.Target{given}, 1, "kgiven"},
		"put again keeps it":       {[]event.Target{given, webhook("one")}, 1, "kgiven"},
		"a file needs none":        {[]event.Target{file}, 0, ""},
		"that was a file gets one": {[]event.Target{file, webhook("one")}, 1, ""},
		"put again with another":   {[]event.Target{webhook("one"), given}, 1, "kgiven"},
		"beside another webhook":   {[]event.Target{given, webhook("two")}, 1, "kgiven"},
	} {
		t.Run(name, func(t *testing.T) {
			st := newStore(t)
			put(t, st, c.targets...)
			got := stored(t, st, "one")
			if len(got.Secrets) != c.secrets || c.id != "" && got.Secrets[0].ID != c.id {
				t.Errorf("secrets %v, expected %d %s", got.Secrets, c.secrets, c.id)
			}
		})
	}
}

func TestManager_AddReplacesOnlyWhenAsked(t *testing.T) {
	theirs := webhook("hook")
	theirs.Account = "444455556666"
	for name, c := range map[string]struct {
		before  []event.Target
		replace bool
		want    string // of the error
		secret  bool   // whether a new one is shown
	}{
		"new":                                {nil, false, "", true},
		"new, replace":                       {nil, true, "does not exist", false},
		"there":                              {[]event.Target{webhook("hook")}, false, "--replace changes it", false},
		"there, replace":                     {[]event.Target{webhook("hook")}, true, "", false},
		"in the configuration":               {[]event.Target{configured("hook")}, false, "--replace changes it", false},
		"in the configuration, replace":      {[]event.Target{configured("hook")}, true, "configuration file", false},
		"of another account":                 {[]event.Target{theirs}, false, "another account", false},
		"of another account, replace":        {[]event.Target{theirs}, true, "another account", false},
		"beside another of the same account": {[]event.Target{webhook("other")}, false, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			st := newStore(t)
			put(t, st, c.before...)
			m := &Manager{st, account}
			changed := webhook("hook")
			changed.Webhook.URL = "https://elsewhere.example/"
			got, err := m.Add(t.Context(), changed, c.replace)
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v, expected %q", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Webhook.URL != changed.Webhook.URL || len(got.KeyIDs) != 1 || (got.Secret != "") != c.secret {
				t.Errorf("at %s, keys %v, a secret shown %t, expected %t", got.Webhook.URL, got.KeyIDs, got.Secret != "", c.secret)
			}
			if kept := stored(t, st, "hook"); kept.Webhook.URL != changed.Webhook.URL || got.Secret != "" && got.Secret != kept.Secrets[0].Key {
				t.Errorf("stored at %s", kept.Webhook.URL)
			}
		})
	}
}

func TestManager_RotateKeepsOneSecretOfBefore(t *testing.T) {
	st := newStore(t)
	put(t, st, webhook("hook"))
	m := &Manager{st, account}
	ids := []string{stored(t, st, "hook").Secrets[0].ID}
	for range 3 {
		got, err := m.Rotate(t.Context(), "hook")
		if err != nil {
			t.Fatal(err)
		}
		if len(got.KeyIDs) != 2 || got.KeyIDs[1] != ids[0] || got.KeyIDs[0] == ids[0] || got.Secret != stored(t, st, "hook").Secrets[0].Key {
			t.Errorf("keys %v, expected a new one before %s", got.KeyIDs, ids[0])
		}
		ids = got.KeyIDs
	}
}

func TestManager_ChangesOnlyWhatMayBeChanged(t *testing.T) {
	st := newStore(t)
	theirs := webhook("theirs")
	theirs.Account = "444455556666"
	put(t, st, configured("configured"), theirs,
		event.Target{Name: "file", Account: account, File: &event.File{Path: filepath.Join(t.TempDir(), "events")}})
	m := &Manager{st, account}
	rotate := func(ctx context.Context, name string) error { _, err := m.Rotate(ctx, name); return err }
	dead := func(ctx context.Context, name string) error { _, err := m.Dead(ctx, name, 1); return err }
	redeliver := func(ctx context.Context, name string) error { _, err := m.Redeliver(ctx, name, 0); return err }
	test := func(ctx context.Context, name string) error { _, _, err := m.Test(ctx, name); return err }
	for _, c := range []struct {
		what string
		do   func(context.Context, string) error
		name string
		want string
	}{
		{"rotate", rotate, "configured", "configuration file"},
		{"rotate", rotate, "theirs", "another account"},
		{"rotate", rotate, "file", "not a webhook"},
		{"rotate", rotate, "missing", "does not exist"},
		{"remove", m.Remove, "configured", "configuration file"},
		{"remove", m.Remove, "theirs", "another account"},
		{"remove", m.Remove, "missing", "does not exist"},
		{"dead", dead, "theirs", "another account"},
		{"dead", dead, "missing", "does not exist"},
		{"redeliver", redeliver, "theirs", "another account"},
		{"redeliver", redeliver, "missing", "does not exist"},
		{"test", test, "theirs", "another account"},
		{"test", test, "missing", "does not exist"},
	} {
		if err := c.do(t.Context(), c.name); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v, expected %q", c.what, c.name, err, c.want)
		}
	}
	if got := names(t, st); !slices.Equal(got, []string{"configured", "file", "theirs"}) {
		t.Errorf("the store has %v", got)
	}
	if err := m.Remove(t.Context(), "file"); err != nil {
		t.Error(err)
	}
	if got := names(t, st); !slices.Equal(got, []string{"configured", "theirs"}) {
		t.Errorf("after the removal the store has %v", got)
	}
}

func TestManager_ListHasOneAccountAndNoSecrets(t *testing.T) {
	st := newStore(t)
	theirs := webhook("theirs")
	theirs.Account = "444455556666"
	put(t, st, webhook("b"), theirs, configured("a"))
	all, err := (&Manager{st, account}).List(t.Context())
	if err != nil || len(all) != 2 || all[0].Name != "a" || all[1].Name != "b" {
		t.Fatalf("%+v, %v, expected a and b", all, err)
	}
	for _, one := range all {
		text, err := json.Marshal(one)
		if err != nil || one.Secret != "" || len(one.KeyIDs) != 1 || strings.Contains(string(text), stored(t, st, one.Name).Secrets[0].Key) {
			t.Errorf("%s shows its secret, or not its key: %s, %v", one.Name, one.KeyIDs, err)
		}
	}
	if none, err := (&Manager{st, "999988887777"}).List(t.Context()); err != nil || none == nil || len(none) != 0 {
		t.Errorf("an account without targets has %v, %v, expected an empty list", none, err)
	}
}

func TestManager_DeliversATestEvent(t *testing.T) {
	for name, c := range map[string]struct {
		answer int
		want   string
	}{
		"accepted": {http.StatusOK, ""},
		"refused":  {http.StatusTeapot, "target hook did not accept the event"},
	} {
		t.Run(name, func(t *testing.T) {
			got := make(chan string, 1)
			receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				body, _ := io.ReadAll(q.Body)
				got <- string(body)
				w.WriteHeader(c.answer)
			}))
			defer receiver.Close()
			st := newStore(t)
			put(t, st, event.Target{Name: "hook", Account: account, Webhook: &event.Webhook{URL: receiver.URL, AllowPrivate: true}})
			e, took, err := (&Manager{st, account}).Test(t.Context(), "hook")
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v, expected %q", err, c.want)
				}
				return
			}
			if err != nil || took <= 0 || !strings.Contains(<-got, e.ID) {
				t.Errorf("event %s after %v, %v", e.ID, took, err)
			}
		})
	}
}

func TestManager_RedeliversOneDeadDeliveryOrAll(t *testing.T) {
	st := newStore(t)
	put(t, st, webhook("hook"))
	m := &Manager{st, account}
	cursors := park(t, st, "hook", 3)
	for _, limit := range []int{1, 3, 9} {
		dead, err := m.Dead(t.Context(), "hook", limit)
		if err != nil || len(dead) != min(limit, 3) {
			t.Fatalf("%d dead of at most %d, %v", len(dead), limit, err)
		}
		for i, d := range dead {
			if d.Cursor != cursors[i] || d.Attempts != 9 || d.Error != "it answered 500" || d.Event.Cursor != cursors[i] || d.Since.IsZero() {
				t.Errorf("dead delivery %d is %+v", i, d)
			}
		}
	}
	for _, step := range []struct {
		cursor    int64
		want      int64
		dead, due int
	}{{cursors[1], 1, 2, 1}, {cursors[1], 0, 2, 1}, {0, 2, 0, 3}} {
		n, err := m.Redeliver(t.Context(), "hook", step.cursor)
		if err != nil || n != step.want {
			t.Errorf("redeliver %d: %d, %v, expected %d", step.cursor, n, err, step.want)
		}
		all, err := m.List(t.Context())
		if err != nil || all[0].State.Dead != step.dead || all[0].State.Parked != step.due {
			t.Errorf("after redeliver %d: %+v, %v", step.cursor, all[0].State, err)
		}
	}
}

func TestStatus_DescribeShowsANewSecretOnly(t *testing.T) {
	hook := Status{Target: webhook("hook"), KeyIDs: []string{"k1", "k0"}}
	fresh := hook
	fresh.Secret = "the key"
	for name, c := range map[string]struct {
		status Status
		want   string
	}{
		"webhook":      {hook, "hook delivers to https://hook.example/hook.\n"},
		"a new secret": {fresh, "hook delivers to https://hook.example/hook.\n\nkey     k1\nsecret  the key\n\nThe secret is not shown again.\n"},
		"bus":          {Status{Target: event.Target{Name: "b", Bus: &event.Bus{Name: "main", Region: "eu-west-1"}}}, "b delivers to bus main in eu-west-1.\n"},
		"file":         {Status{Target: event.Target{Name: "f", File: &event.File{Path: "/events"}}}, "f delivers to /events.\n"},
	} {
		var out strings.Builder
		c.status.Describe(&out)
		if out.String() != c.want {
			t.Errorf("%s: %q, expected %q", name, out.String(), c.want)
		}
	}
}

func TestDescribeAll_SaysHowDeliveriesStand(t *testing.T) {
	on := Status{Target: webhook("on"), State: store.TargetState{Behind: 1, Parked: 2, Dead: 3}}
	off := Status{Target: webhook("off")}
	off.Disabled = true
	var out strings.Builder
	DescribeAll(&out, []Status{on, off})
	want := "TARGET  TO                        BEHIND  PARKED  DEAD  STATE\n" +
		"on      https://hook.example/on   1       2       3     delivering\n" +
		"off     https://hook.example/off  0       0       0     disabled\n"
	if out.String() != want {
		t.Errorf("%s\nexpected\n%s", out.String(), want)
	}
}

func TestDescribeDead_KeepsAnErrorOnOneLine(t *testing.T) {
	var out strings.Builder
	DescribeDead(&out, []DeadDelivery{{
		Cursor: 7, Attempts: 9, Since: time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC), Error: "it answered\n500", Event: event.Event{StageARN: "a-stage"},
	}})
	want := "CURSOR  SINCE                 ATTEMPTS  STAGE    ERROR\n" +
		"7       2026-07-01T12:00:00Z  9         a-stage  \"it answered\\n500\"\n"
	if out.String() != want {
		t.Errorf("%s\nexpected\n%s", out.String(), want)
	}
}
