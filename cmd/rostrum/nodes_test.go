package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

func TestNodes_ListsWhereEachIsAndWhatItDoes(t *testing.T) {
	data := t.TempDir()
	st, err := store.Open(t.Context(), store.Config{Dir: data})
	if err != nil {
		t.Fatal(err)
	}
	stage, now := arn.New(arn.Stage, "000000000000", "us-east-1").String(), time.Now()
	err = st.Write(t.Context(), func(tx *store.Tx) error {
		return errors.Join(
			tx.AddNode("one", now.Add(-time.Hour), store.NodeAddress{Public: "https://one.example", Internal: "10.0.0.1:7090", Version: "v1.2", Protocol: 1}),
			tx.AddNode("gone", now, store.NodeAddress{}), tx.DeclareDead("gone"),
			tx.Stages().Create(&ivsrealtime.Stage{ARN: stage}), tx.OpenSession(store.Session{StageARN: stage, ID: "st-1", Start: now, Node: "one"}))
	})
	if err := errors.Join(err, st.Close()); err != nil {
		t.Fatal(err)
	}
	all := answer[[]listedNode](t, "nodes", "--data-dir", data)
	if len(all) != 1 || all[0].ID != "one" || all[0].Version != "v1.2" || all[0].Sessions != 1 || all[0].Participants != 0 || all[0].SilentSeconds < -1 || all[0].SilentSeconds > 300 {
		t.Errorf("nodes: %+v", all)
	}
	stdout, stderr, code := finish(t, rostrum(t, "nodes", "--data-dir", data))
	for _, expected := range []string{"https://one.example", "10.0.0.1:7090", "1h0m"} {
		if code != exitOK || !strings.Contains(stdout, expected) {
			t.Errorf("exit %d, %q, without %q: %s", code, stdout, expected, stderr)
		}
	}
}
