package kill

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"rostrum/internal/event"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// An eventRecord follows the event log from crash to crash and holds it against the
// state: no event without its state, no state without its event.
type eventRecord struct {
	cursor   int64
	events   int
	sessions map[sitting]*course
}

type sitting struct{ stage, session string }

// A course is what the log tells of a session.
type course struct {
	begun, over  bool
	participants map[string]bool // whether they are still there
	compared     bool            // with the database, since it was over
}

func newEventRecord() *eventRecord { return &eventRecord{sessions: map[sitting]*course{}} }

// audit opens the database as the killed server left it.
func (l *eventRecord) audit(t *testing.T, data string) {
	t.Helper()
	s, err := store.Open(context.Background(), store.Config{Dir: data})
	if err != nil {
		t.Fatalf("the database does not open: %v", err)
	}
	defer s.Close()
	err = s.Read(context.Background(), func(tx *store.Tx) error {
		for {
			page, err := tx.Events(store.EventQuery{After: l.cursor, Limit: 1000})
			if err != nil {
				return err
			}
			for i := range page {
				l.note(t, &page[i])
			}
			if len(page) < 1000 {
				return l.compare(t, tx)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// note takes an event into the record, in the order of the log.
func (l *eventRecord) note(t *testing.T, e *event.Event) {
	t.Helper()
	if e.Cursor <= l.cursor {
		t.Errorf("event %d comes after event %d", e.Cursor, l.cursor)
	}
	l.cursor = e.Cursor
	l.events++
	var d struct {
		Name        string `json:"event_name"`
		Session     string `json:"session_id"`
		Participant string `json:"participant_id"`
	}
	if err := json.Unmarshal(e.Detail, &d); err != nil {
		t.Errorf("event %d: %v", e.Cursor, err)
	}
	key := sitting{e.StageARN, d.Session}
	c := l.sessions[key]
	if c == nil {
		c = &course{participants: map[string]bool{}}
		l.sessions[key] = c
	}
	wrong := ""
	switch d.Name {
	case "Session Started":
		if c.begun {
			wrong = "it had started"
		}
		c.begun = true
	case "Session Ended":
		if !c.begun || c.over {
			wrong = fmt.Sprintf("started %v, ended %v", c.begun, c.over)
		}
		c.over = true
	case "Participant Joined":
		if !c.begun || c.over {
			wrong = "the session does not run"
		}
		c.participants[d.Participant] = true
	case "Participant Left":
		if there := c.participants[d.Participant]; !there {
			wrong = "that participant is not there"
		}
		c.participants[d.Participant] = false
	}
	if wrong != "" {
		t.Errorf("event %d, %s of session %s, participant %q: %s", e.Cursor, d.Name, d.Session, d.Participant, wrong)
	}
}

// compare holds every session of the log against its row, its participants and
// their history, and every row against the log.
func (l *eventRecord) compare(t *testing.T, tx *store.Tx) error {
	t.Helper()
	rows := map[sitting]bool{}
	stages := map[string]bool{}
	for key, c := range l.sessions {
		if !stages[key.stage] {
			stages[key.stage] = true
			if err := collectRows(tx, key.stage, rows); err != nil {
				return err
			}
		}
		running, there := rows[key]
		if !there || running == c.over || !c.begun {
			t.Errorf("session %s: the log says begun %v, over %v; in the database %v, running %v", key.session, c.begun, c.over, there, running)
			continue
		}
		delete(rows, key)
		if c.compared {
			continue
		}
		if err := compareParticipants(t, tx, key, c); err != nil {
			return err
		}
		c.compared = c.over
	}
	for key := range rows {
		t.Errorf("session %s of %s is in the database, and no event tells of it", key.session, key.stage)
	}
	nodes, err := tx.Nodes()
	if err != nil {
		return err
	}
	for _, n := range nodes {
		open, err := tx.OpenSessions(n.ID)
		if err != nil {
			return err
		}
		for _, s := range open {
			if l.sessions[sitting{s.StageARN, s.ID}] == nil {
				t.Errorf("session %s runs, and no event tells of it", s.ID)
			}
		}
	}
	return nil
}

// collectRows adds a stage's sessions, and whether they run.
func collectRows(tx *store.Tx, stage string, rows map[sitting]bool) error {
	for page := (store.Page{Limit: 1000}); ; {
		some, next, err := tx.Sessions(stage, page)
		if err != nil {
			return err
		}
		for _, s := range some {
			rows[sitting{stage, s.ID}] = s.End.IsZero()
		}
		if next == 0 {
			return nil
		}
		page.After = next
	}
}

// compareParticipants holds those of a session against the log, and each one's
// history against its state.
func compareParticipants(t *testing.T, tx *store.Tx, key sitting, c *course) error {
	t.Helper()
	seen := 0
	for page := (store.Page{Limit: 1000}); ; {
		some, next, err := tx.Participants(key.stage, key.session, store.ParticipantFilter{}, page)
		if err != nil {
			return err
		}
		for i := range some {
			p := &some[i]
			there, told := c.participants[p.ParticipantID]
			if connected := p.State == ivsrealtime.ParticipantConnected; !told || there != connected {
				t.Errorf("participant %s: the log tells of it %v, there %v; in the database it is %s", p.ParticipantID, told, there, p.State)
			}
			history, _, err := tx.ParticipantEvents(p.Ref(), store.Page{Limit: 10})
			if err != nil {
				return err
			}
			if len(history) == 0 || history[0].Name != ivsrealtime.EventJoined || (history[len(history)-1].Name == ivsrealtime.EventLeft) == there {
				t.Errorf("participant %s is %s, and its history is %v", p.ParticipantID, p.State, history)
			}
		}
		seen += len(some)
		if next == 0 {
			break
		}
		page.After = next
	}
	if seen != len(c.participants) {
		t.Errorf("session %s: the log tells of %d participants, the database has %d", key.session, len(c.participants), seen)
	}
	return nil
}

// expectAllOver is for after a stop in good order.
func (l *eventRecord) expectAllOver(t *testing.T) {
	t.Helper()
	for key, c := range l.sessions {
		if !c.over {
			t.Errorf("session %s did not end", key.session)
		}
	}
	if len(l.sessions) == 0 {
		t.Error("nobody ever joined")
	}
}
