package store

import (
	"errors"
	"testing"
	"time"

	"rostrum/test/postgres"
)

// Two nodes join the same hour, the second one with a minute more: none of its minutes is lost.
func TestJoinQuality_LosesNothingBesideAnotherNode(t *testing.T) {
	s := opened(t, Config{Dir: t.TempDir(), URL: postgres.Database(t)})
	hour := QualityHour{SessionID: "st-a", ParticipantID: "alice", Start: time.Unix(3600*1000, 0).UTC()}
	minute := func(n int) time.Time { return hour.Start.Add(time.Duration(n) * time.Minute) }
	err := s.Write(t.Context(), func(tx *Tx) error {
		var rows []QualityRow
		for n := range 3 {
			rows = append(rows, QualityRow{SessionID: "st-a", ParticipantID: "alice", Span: time.Minute, Start: minute(n), Data: []byte{byte('0' + n)}})
		}
		return tx.PutQuality(rows)
	})
	if err != nil {
		t.Fatal(err)
	}
	join := func(before time.Time, meanwhile func()) error {
		return s.Write(t.Context(), func(tx *Tx) error {
			return tx.JoinQuality(hour, before, func(rows []QualityRow) QualityRow {
				joined := QualityRow{SessionID: "st-a", ParticipantID: "alice", Span: time.Hour, Start: hour.Start}
				for _, r := range rows {
					joined.Data = append(joined.Data, r.Data...)
				}
				meanwhile()
				return joined
			})
		})
	}
	second := make(chan error, 1)
	err = join(minute(2), func() {
		go func() { second <- join(minute(3), func() {}) }()
		for waiting := 0; waiting == 0; { // for the rows that the first has locked
			err := s.Read(t.Context(), func(tx *Tx) error {
				_, err := tx.find([]any{&waiting}, `SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`)
				return err
			})
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-second; err != nil && !errors.Is(err, ErrJoined) {
		t.Fatal(err)
	}
	if err := join(minute(3), func() {}); err != nil { // what the next search does
		t.Fatal(err)
	}
	var rows []QualityRow
	err = s.Read(t.Context(), func(tx *Tx) (err error) {
		rows, err = tx.Quality("st-a", "alice", hour.Start, minute(60))
		return err
	})
	if err != nil || len(rows) != 1 || string(rows[0].Data) != "012" {
		t.Errorf("the hour has %+v, %v", rows, err)
	}
}
