package stage_test

import (
	"testing"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/authority"
	"rostrum/internal/store"
	"rostrum/internal/token"
	"rostrum/ivsrealtime"
)

func newStore(t testing.TB) *store.Store {
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

func newStage(t testing.TB, s *store.Store) arn.ARN {
	t.Helper()
	name := arn.New(arn.Stage, "111122223333", "eu-west-1")
	err := s.Write(t.Context(), func(tx *store.Tx) error { return tx.Stages().Create(&ivsrealtime.Stage{ARN: name.String()}) })
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func newAuthority(t testing.TB, s *store.Store) *authority.Authority {
	t.Helper()
	a, err := authority.New(t.Context(), s, authority.Config{PublicURL: "https://rostrum.example:8443"})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func claimsFor(name arn.ARN) token.Claims {
	now := time.Now().Truncate(time.Second)
	return token.Claims{
		ParticipantID: arn.NewID(), StageARN: name.String(), StageID: name.ID,
		EventsURL: "wss://rostrum.example:8443/events", WHIPURL: "https://rostrum.example:8443/whip",
		UserID: "alice", Publish: true, Subscribe: true, IssuedAt: now, ExpiresAt: now.Add(time.Hour),
	}
}
