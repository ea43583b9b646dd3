package operator

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

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

func ensure(t *testing.T, st *store.Store, c Config) (store.AccessKey, bool) {
	t.Helper()
	key, created, err := Ensure(t.Context(), st, c)
	if err != nil {
		t.Fatal(err)
	}
	return key, created
}

func stored(t *testing.T, st *store.Store, id string) (key *store.AccessKey) {
	t.Helper()
	err := st.Read(t.Context(), func(tx *store.Tx) (err error) {
		key, err = tx.AccessKey(id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestEnsure_CreatesOneKeyPerAccount(t *testing.T) {
	st := newStore(t)
	first, created := ensure(t, st, Config{Account: account})
	if !created || first.Account != account || first.UserName != firstUser || first.Secret == "" {
		t.Errorf("the first start got %+v, created %t", first, created)
	}
	if kept := stored(t, st, first.ID); kept.Secret != first.Secret {
		t.Error("the store has another secret than the first start got")
	}
	again, created := ensure(t, st, Config{Account: account})
	if created || again.ID != first.ID || again.Secret != first.Secret {
		t.Errorf("the second start got key %s, created %t, expected key %s of the first", again.ID, created, first.ID)
	}
	other, created := ensure(t, st, Config{Account: "444455556666"})
	if !created || other.ID == first.ID || other.Account != "444455556666" {
		t.Errorf("another account got key %s of account %s, created %t", other.ID, other.Account, created)
	}
}

func TestEnsure_TakesTheConfiguredKey(t *testing.T) {
	const id, old, young = "AKIAEXAMPLE", "the old secret", "the new secret"
	for name, c := range map[string]struct {
		before  string // the secret that the store has of the key, if any
		secret  string // as configured
		want    string
		created bool
	}{
		"new to the store":         {"", young, young, true},
		"with the secret as kept":  {old, old, old, false},
		"with another secret":      {old, young, young, false},
		"without the secret, kept": {old, "", old, false},
	} {
		t.Run(name, func(t *testing.T) {
			st := newStore(t)
			if c.before != "" {
				ensure(t, st, Config{Account: account, AccessKey: id, SecretKey: c.before})
			}
			key, created := ensure(t, st, Config{Account: account, AccessKey: id, SecretKey: c.secret})
			if key.ID != id || key.Secret != c.want || created != c.created {
				t.Errorf("key %s, the expected secret %t, created %t; expected created %t", key.ID, key.Secret == c.want, created, c.created)
			}
			if kept := stored(t, st, id); kept.Secret != c.want || kept.Account != account {
				t.Errorf("the store has the expected secret: %t, of account %s", kept.Secret == c.want, kept.Account)
			}
		})
	}
}

func TestEnsure_RefusesAConfiguredKey(t *testing.T) {
	const id = "AKIAEXAMPLE"
	for name, c := range map[string]struct {
		owner string // the account that has the key, if any
		want  string
	}{
		"without a secret when the store has none": {"", "secret_key is missing"},
		"of another account":                       {"444455556666", "belongs to account 444455556666"},
	} {
		t.Run(name, func(t *testing.T) {
			st := newStore(t)
			if c.owner != "" {
				ensure(t, st, Config{Account: c.owner, AccessKey: id, SecretKey: "a secret"})
			}
			_, created, err := Ensure(t.Context(), st, Config{Account: account, AccessKey: id})
			if err == nil || !strings.Contains(err.Error(), c.want) || created {
				t.Errorf("created %t, %v, expected %q", created, err, c.want)
			}
			if keys, err := List(t.Context(), st, account); err != nil || len(keys) != 0 {
				t.Errorf("the account has %d keys, %v", len(keys), err)
			}
		})
	}
}

func TestNewKey_LooksLikeAnAWSKey(t *testing.T) {
	a, b := NewKey(account, "ci"), NewKey(account, "ci")
	if len(a.ID) != 20 || len(a.Secret) != 40 {
		t.Errorf("the id has %d characters and the secret %d, expected 20 and 40", len(a.ID), len(a.Secret))
	}
	if a.ID == b.ID || a.Secret == b.Secret {
		t.Error("two keys are alike")
	}
	if a.Account != account || a.UserName != "ci" || time.Since(a.Created) > time.Minute {
		t.Errorf("the key is of %s, %s, created %v", a.Account, a.UserName, a.Created)
	}
}

func TestAdd_ShowsTheSecretOnce(t *testing.T) {
	st := newStore(t)
	key := NewKey(account, "ci")
	made, err := Add(t.Context(), st, key)
	if err != nil || made.Secret != key.Secret {
		t.Fatalf("Add returns the secret: %t, %v", made.Secret == key.Secret, err)
	}
	keys, err := List(t.Context(), st, account)
	if err != nil || len(keys) != 1 || keys[0].ID != key.ID || keys[0].Secret != "" {
		t.Errorf("%d keys, %v, expected the one without its secret", len(keys), err)
	}
	if _, err := Add(t.Context(), st, key); !errors.Is(err, ivsrealtime.Conflict) {
		t.Errorf("the same key again: %v, expected a conflict", err)
	}
	if _, err := Add(t.Context(), st, NewKey(account, "second")); err != nil {
		t.Errorf("a second key of the account: %v", err)
	}
}

func TestRevoke_KeepsTheFirstTime(t *testing.T) {
	st := newStore(t)
	key := NewKey(account, "ci")
	if _, err := Add(t.Context(), st, key); err != nil {
		t.Fatal(err)
	}
	first, err := Revoke(t.Context(), st, key.ID)
	if err != nil || first.Revoked.IsZero() {
		t.Fatalf("revoked at %v, %v", first.Revoked, err)
	}
	again, err := Revoke(t.Context(), st, key.ID)
	if err != nil || !again.Revoked.Equal(first.Revoked) {
		t.Errorf("revoked again at %v, %v, expected %v", again.Revoked, err, first.Revoked)
	}
	if kept := stored(t, st, key.ID); !kept.Revoked.Equal(first.Revoked) {
		t.Errorf("the store says %v, expected %v", kept.Revoked, first.Revoked)
	}
	if _, err := Revoke(t.Context(), st, "AKIAUNKNOWN"); !errors.Is(err, ivsrealtime.ResourceNotFound) {
		t.Errorf("an unknown key: %v", err)
	}
}

func TestDescribeKeys_SaysWhatEachMayDoAndWhetherItIsValid(t *testing.T) {
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	created := now.AddDate(0, -1, 0)
	for name, c := range map[string]struct {
		key     store.AccessKey
		allowed string
		state   string
	}{
		"without an end":       {store.AccessKey{}, "everything", "valid"},
		"with policies":        {store.AccessKey{Policies: []json.RawMessage{json.RawMessage("{}")}}, "what its policies allow", "valid"},
		"with an end":          {store.AccessKey{Expires: now.Add(time.Hour)}, "everything", "valid until 2026-07-01T13:00:00Z"},
		"at its end":           {store.AccessKey{Expires: now}, "everything", "valid until 2026-07-01T12:00:00Z"},
		"after its end":        {store.AccessKey{Expires: now.Add(-1)}, "everything", "expired 2026-07-01"},
		"revoked":              {store.AccessKey{Revoked: now.AddDate(0, 0, -2)}, "everything", "revoked 2026-06-29"},
		"revoked, and expired": {store.AccessKey{Revoked: now.AddDate(0, 0, -2), Expires: now.AddDate(0, 0, -1)}, "everything", "revoked 2026-06-29"},
	} {
		t.Run(name, func(t *testing.T) {
			c.key.ID, c.key.UserName, c.key.Created = "RSTRKEY", "ci", created
			var out strings.Builder
			DescribeKeys(&out, []Key{withoutSecret(c.key)}, now)
			lines := strings.Split(out.String(), "\n")
			want := []string{"RSTRKEY", "ci", "2026-06-01", c.allowed, c.state}
			if got := strings.Join(columns(lines[1]), "|"); got != strings.Join(want, "|") {
				t.Errorf("%s, expected %s", got, strings.Join(want, "|"))
			}
		})
	}
}

// columns splits a line of a table.
func columns(line string) (all []string) {
	for column := range strings.SplitSeq(line, "  ") {
		if column = strings.TrimSpace(column); column != "" {
			all = append(all, column)
		}
	}
	return all
}
