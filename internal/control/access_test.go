package control

import (
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/policy"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

func TestAuthorize_DeniesWhereTagsCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(t.Context(), store.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	document, err := policy.Parse([]byte(`{"Statement":[
		{"Effect":"Allow","Action":"*","Resource":"*"},
		{"Effect":"Deny","Action":"ivs:DeleteStage","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"red"}}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	c := Caller{Account: "111122223333", Region: "us-east-1", UserName: "ann", Policies: []*policy.Policy{document}}
	red := ivsrealtime.Stage{ARN: arn.New(arn.Stage, c.Account, c.Region).String(), Tags: map[string]string{"team": "red"}}
	err = s.Write(t.Context(), func(tx *store.Tx) error {
		return errors.Join(tx.CreateAccount(store.Account{ID: c.Account, Name: "a", Created: time.Now()}), tx.Stages().Create(&red))
	})
	if err != nil {
		t.Fatal(err)
	}
	p := &Plane{store: s}
	mayDelete := func(name string) error {
		return p.Authorize(t.Context(), c, "DeleteStage", &ivsrealtime.DeleteStageInput{ARN: name})
	}

	if err := mayDelete(red.ARN); !errors.Is(err, ivsrealtime.AccessDenied) {
		t.Errorf("with its tags: %v, want AccessDeniedException", err)
	}
	if err := mayDelete(arn.New(arn.Stage, c.Account, c.Region).String()); err != nil {
		t.Errorf("of a stage that doesn't exist: %v, want the operation to say so", err)
	}

	db, err := sql.Open("sqlite", filepath.Join(dir, "rostrum.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.Exec(`UPDATE resource SET tags = '{"team"'`); err != nil {
		t.Fatal(err)
	}
	if err := mayDelete(red.ARN); err == nil {
		t.Error("with tags that can't be read it is allowed")
	}
}
