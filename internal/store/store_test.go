package store

import (
	"context"
	"testing"

	"rostrum/internal/arn"
	"rostrum/ivsrealtime"
)

func TestStore_KeepsAStage(t *testing.T) {
	s, err := Open(context.Background(), Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	name := arn.New(arn.Stage, "000000000000", "us-east-1").String()
	if err := s.Write(context.Background(), func(tx *Tx) error {
		return tx.Stages().Create(&ivsrealtime.Stage{ARN: name, Tags: map[string]string{"a": "b"}})
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.Read(context.Background(), func(tx *Tx) error {
		got, err := tx.Stages().Get(name)
		t.Log(got)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.Sweep(context.Background(), Retention{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(context.Background(), t.TempDir()+"/copy"); err != nil {
		t.Fatal(err)
	}
}
