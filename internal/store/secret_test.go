package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"rostrum/internal/arn"
	"rostrum/ivsrealtime"
	"rostrum/test/postgres"
)

func globbed(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestSecrets_AreInNoFile(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, Config{Dir: dir})
	keep(t, s)
	found := files(t, dir)
	if !bytes.Contains(found, []byte("UNSECRET")) {
		t.Error("not even what is no secret is found: the search is blind")
	}
	if bytes.Contains(found, []byte("SECRET-")) {
		t.Error("a secret stands in the files as it is")
	}
	for _, name := range globbed(t, dir) {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v, expected 0600", name, info.Mode(), err)
		}
	}
}

func TestSecrets_AreInNoTableOfPostgreSQL(t *testing.T) {
	s := opened(t, Config{Dir: t.TempDir(), URL: postgres.Database(t)})
	keep(t, s)
	read(t, s, func(tx *Tx) error {
		rows, err := tx.names(`SELECT query_to_xml('SELECT * FROM ' || tablename, true, false, '')::text FROM pg_tables WHERE schemaname = 'public'`)
		for _, row := range rows {
			if bytes.Contains([]byte(row), []byte("SECRET-")) {
				t.Errorf("a secret stands in a table as it is: %s", row)
			}
		}
		return err
	})
}

// keep keeps every kind of secret there is; all contain SECRET-.
func keep(t *testing.T, s *Store) {
	t.Helper()
	ingest := &ivsrealtime.IngestConfiguration{
		ARN: newARN(arn.IngestConfiguration, here), Name: "UNSECRET", StreamKey: "SECRET-1",
		RedundantIngestCredentials: []ivsrealtime.RedundantIngestCredential{{StreamKey: "SECRET-2"}, {StreamKey: "SECRET-3"}},
	}
	write(t, s, func(tx *Tx) error {
		return errors.Join(tx.Ingests().Create(ingest), tx.CreateAccount(Account{ID: here.Account}),
			tx.CreateAccessKey(AccessKey{ID: "AKIA1", Account: here.Account, Secret: "SECRET-4", SessionToken: "SECRET-5"}))
	})
	if _, err := s.Secret(context.Background(), "signing", func() ([]byte, error) { return []byte("SECRET-6"), nil }); err != nil {
		t.Fatal(err)
	}
	if err := s.ChangeSecret(context.Background(), "certificate", func([]byte) ([]byte, error) { return []byte("SECRET-7"), nil }); err != nil {
		t.Fatal(err)
	}
	read(t, s, func(tx *Tx) error {
		for _, key := range []string{"SECRET-1", "SECRET-2", "SECRET-3"} {
			got, err := tx.IngestByStreamKey(key)
			if err != nil || !reflect.DeepEqual(got.RedundantIngestCredentials, ingest.RedundantIngestCredentials) || got.StreamKey != "SECRET-1" {
				t.Errorf("by %s comes %+v, %v, expected %+v", key, got, err, ingest)
			}
		}
		return nil
	})
}

func TestChangeSecret_LosesNoChange(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		if found, err := s.FindSecret(ctx, "tally"); found != nil || err != nil {
			t.Fatalf("before there is one: %q, %v", found, err)
		}
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				if err := s.ChangeSecret(ctx, "tally", func(old []byte) ([]byte, error) { return append(bytes.Clone(old), 'x'), nil }); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if found, err := s.FindSecret(ctx, "tally"); string(found) != "xxxxxxxx" || err != nil {
			t.Errorf("after eight changes: %q, %v", found, err)
		}
		refused := errors.New("refused")
		if err := s.ChangeSecret(ctx, "tally", func([]byte) ([]byte, error) { return []byte("y"), refused }); !errors.Is(err, refused) {
			t.Errorf("a change that is refused: %v", err)
		}
		if found, _ := s.FindSecret(ctx, "tally"); string(found) != "xxxxxxxx" {
			t.Errorf("after a change that is refused: %q", found)
		}
		if err := s.ChangeSecret(ctx, "tally", func([]byte) ([]byte, error) { return nil, nil }); err != nil {
			t.Error(err)
		}
		if found, err := s.FindSecret(ctx, "tally"); found != nil || err != nil {
			t.Errorf("after it is removed: %q, %v", found, err)
		}
	})
}

func TestSecret_IsMadeOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		got := make([]string, 8)
		var group sync.WaitGroup
		for i := range got {
			group.Go(func() {
				secret, err := s.Secret(context.Background(), "signing", func() ([]byte, error) { return []byte(arn.NewID()), nil })
				if err != nil {
					t.Error(err)
				}
				got[i] = string(secret)
			})
		}
		group.Wait()
		for _, secret := range got {
			if secret == "" || secret != got[0] {
				t.Fatalf("secrets are %v, expected the same for all", got)
			}
		}
	})
}

func TestVault_OpensASecretOnlyInItsPlace(t *testing.T) {
	v, err := newVault(make([]byte, keySize))
	if err != nil {
		t.Fatal(err)
	}
	sealed := v.seal("here", []byte("text"))
	if got, err := v.open("here", sealed); err != nil || string(got) != "text" {
		t.Errorf("in its place it is %q, %v", got, err)
	}
	if got, err := v.open("there", sealed); err == nil {
		t.Errorf("in another place it opens: %q", got)
	}
	sealed[len(sealed)-1] ^= 1
	if got, err := v.open("here", sealed); err == nil {
		t.Errorf("changed, it opens: %q", got)
	}
}

func TestOpen_RefusesTheKeyOfAnotherDatabase(t *testing.T) {
	for name, url := range map[string]func(*testing.T) string{
		"SQLite":     func(*testing.T) string { return "" },
		"PostgreSQL": func(t *testing.T) string { return postgres.Database(t) },
	} {
		t.Run(name, func(t *testing.T) {
			c := Config{Dir: t.TempDir(), URL: url(t)}
			if err := opened(t, c).Close(); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(filepath.Join(c.Dir, keyFile)); err != nil {
				t.Fatal(err)
			}
			if s, err := Open(context.Background(), c); err == nil {
				_ = s.Close()
				t.Error("the database opens with a new key")
			}
		})
	}
}

func TestAccessKeys_AreCreatedListedAndRevoked(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		want := AccessKey{
			ID: "AKIA1", Account: here.Account, Secret: "s", SessionToken: "t", UserName: "ann",
			Policies: []json.RawMessage{json.RawMessage(`{"Version":"2012-10-17"}`)}, PrincipalTags: map[string]string{"team": "blue"}, Created: tenOClock,
		}
		write(t, s, func(tx *Tx) error {
			return errors.Join(tx.CreateAccount(Account{ID: here.Account, Name: "us", Created: tenOClock}), tx.CreateAccessKey(want), tx.CreateAccessKey(AccessKey{ID: "AKIA2", Account: here.Account}))
		})
		expectCode(t, s.Write(context.Background(), func(tx *Tx) error { return tx.CreateAccessKey(want) }), ivsrealtime.Conflict, "creating a key twice")
		expectCode(t, s.Write(context.Background(), func(tx *Tx) error { return tx.CreateAccount(Account{ID: here.Account}) }), ivsrealtime.Conflict, "creating an account twice")
		write(t, s, func(tx *Tx) error {
			return tx.UpdateAccessKey("AKIA1", func(k *AccessKey) error { k.Revoked = tenOClock.Add(time.Hour); return nil })
		})
		want.Revoked = tenOClock.Add(time.Hour)
		read(t, s, func(tx *Tx) error {
			got, err := tx.AccessKey("AKIA1")
			if err != nil || !reflect.DeepEqual(*got, want) {
				t.Errorf("the key is %+v, %v, expected %+v", got, err, want)
			}
			all, err := tx.AccessKeys(here.Account)
			if err != nil || len(all) != 2 || !reflect.DeepEqual(all[0], want) {
				t.Errorf("the keys are %+v, %v", all, err)
			}
			accounts, err := tx.Accounts()
			if want := []Account{{here.Account, "us", tenOClock}}; err != nil || !reflect.DeepEqual(accounts, want) {
				t.Errorf("the accounts are %+v, %v, expected %+v", accounts, err, want)
			}
			return nil
		})
	})
}

func TestAnswers_AreKeptForRepetitions(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		key := IdempotencyKey{here, "StartComposition", "token"}
		write(t, s, func(tx *Tx) error {
			if got, err := tx.Answered(key, []byte("hash")); got != nil || err != nil {
				t.Errorf("before the first request the answer is %s, %v", got, err)
			}
			return tx.KeepAnswer(key, []byte("hash"), json.RawMessage(`{"a": 1}`))
		})
		read(t, s, func(tx *Tx) error {
			if got, err := tx.Answered(key, []byte("hash")); string(got) != `{"a": 1}` || err != nil {
				t.Errorf("the answer is %s, %v", got, err)
			}
			_, err := tx.Answered(key, []byte("another"))
			expectCode(t, err, ivsrealtime.Conflict, "with other parameters")
			for _, k := range []IdempotencyKey{{other, "StartComposition", "token"}, {here, "Another", "token"}, {here, "StartComposition", "2"}} {
				if got, err := tx.Answered(k, []byte("hash")); got != nil || err != nil {
					t.Errorf("for %v the answer is %s, %v, expected none", k, got, err)
				}
			}
			return nil
		})
		write(t, s, func(tx *Tx) error { // 24 hours later
			_, err := tx.exec(`UPDATE answer SET expires = 1`)
			return err
		})
		write(t, s, func(tx *Tx) error {
			if got, err := tx.Answered(key, []byte("another")); got != nil || err != nil {
				t.Errorf("a day later the answer is %s, %v", got, err)
			}
			return tx.KeepAnswer(key, []byte("another"), json.RawMessage(`{}`))
		})
	})
}

func TestRevocations_HoldForOneStageUntilTheyExpire(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		stage, other, gone := aStage(t, s, here).ARN, aStage(t, s, here).ARN, newARN(arn.Stage, here)
		write(t, s, func(tx *Tx) error {
			return errors.Join(tx.Revoke(stage, "p", time.Now().Add(time.Hour)), tx.Revoke(stage, "p", time.Now().Add(2*time.Hour)),
				tx.Revoke(gone, "p", time.Now().Add(time.Hour)), tx.Revoke(stage, "old", time.Now().Add(-time.Second)))
		})
		if _, err := s.Sweep(context.Background(), Retention{}); err != nil {
			t.Fatal(err)
		}
		read(t, s, func(tx *Tx) error {
			for _, c := range []struct {
				stage, participant string
				there, revoked     bool
			}{
				{stage, "p", true, true}, {stage, "q", true, false}, {other, "p", true, false}, {stage, "old", true, false},
				{gone, "p", false, true}, {gone, "q", false, false},
			} {
				if got, err := tx.Standing(c.stage, c.participant); got != (Standing{There: c.there, Revoked: c.revoked}) || err != nil {
					t.Errorf("%s on %s: %+v, %v; expected there %v, revoked %v", c.participant, c.stage, got, err, c.there, c.revoked)
				}
			}
			return nil
		})
	})
}

func TestBackup_IsADataDirectoryToStartOn(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, Config{Dir: dir})
	keep(t, s)
	stop, written := make(chan struct{}), make(chan struct{})
	go func() { // writes go on meanwhile
		defer close(written)
		for {
			select {
			case <-stop:
				return
			default:
				aStage(t, s, here)
			}
		}
	}()
	copied := filepath.Join(t.TempDir(), "copy")
	// by another process, as the backup verb is
	if err := opened(t, Config{Dir: dir}).Backup(context.Background(), copied); err != nil {
		t.Fatal(err)
	}
	close(stop)
	<-written
	if err := s.Backup(context.Background(), copied); err == nil {
		t.Error("a second backup overwrites the first")
	}
	restored := opened(t, Config{Dir: copied})
	read(t, restored, func(tx *Tx) error {
		got, err := tx.IngestByStreamKey("SECRET-1")
		if err != nil || got.StreamKey != "SECRET-1" {
			t.Errorf("the copy gives %+v, %v", got, err)
		}
		n, err := tx.Stages().Count(here)
		if all := allPages(t, 100, func(p Page) ([]ivsrealtime.Stage, int64, error) { return tx.Stages().List(here, Filter{}, p) }); n != len(all) {
			t.Errorf("the copy counts %d stages and has %d", n, len(all))
		}
		return err
	})
	aStage(t, restored, here)
	if names := globbed(t, filepath.Dir(copied)); len(names) != 1 {
		t.Errorf("the backup left %v", names)
	}
}
