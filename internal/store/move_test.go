package store

import (
	"testing"
	"time"

	"rostrum/ivsrealtime"
	"rostrum/test/postgres"
)

// The clock of the node that had a session is ahead of that of the node where it goes on.
func TestPostgres_MovedSessionKeepsTheOrderOfItsHistory(t *testing.T) {
	cfg := Config{Dir: t.TempDir(), URL: postgres.Database(t)}
	var nodes [2]*Store
	for i := range nodes {
		s, err := Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		nodes[i] = s
	}
	nodes[0].age.Store(time.Now().Add(30 * time.Second).UnixMicro())
	ref := ParticipantRef{StageARN: "arn:aws:ivs:eu-west-1:111122223333:stage/abcdefghijkl", SessionID: "s", ParticipantID: "p"}
	record := func(tx *Tx, name ivsrealtime.EventName) error {
		return tx.RecordEvent(ref, ivsrealtime.Event{Name: name, EventTime: time.Now()})
	}
	write(t, nodes[0], func(tx *Tx) error {
		if err := tx.Stages().Create(&ivsrealtime.Stage{ARN: ref.StageARN}); err != nil {
			return err
		}
		if err := tx.OpenSession(Session{StageARN: ref.StageARN, ID: ref.SessionID, Start: time.Now(), Node: "a"}); err != nil {
			return err
		}
		return record(tx, ivsrealtime.EventPublishStarted)
	})
	write(t, nodes[1], func(tx *Tx) error { return tx.MoveSession(ref.StageARN, ref.SessionID, "b") })
	write(t, nodes[1], func(tx *Tx) error { return record(tx, ivsrealtime.EventPublishStopped) })
	read(t, nodes[1], func(tx *Tx) error {
		events, _, err := tx.ParticipantEvents(ref, Page{Limit: 10})
		if len(events) != 2 || events[0].Name != ivsrealtime.EventPublishStarted {
			t.Errorf("the history is %+v", events)
		}
		return err
	})
}
