package store

import (
	"database/sql"
	"fmt"
	"time"
)

// A Session is one sitting of a stage.
type Session struct {
	StageARN string
	ID       string
	Start    time.Time
	End      time.Time // zero while it runs
	Node     string    // where it runs or ran
}

const sessionColumns = `seq, stage_arn, id, started, ended, node`

func scanSession(scan func(...any) error) (s paged[Session], err error) {
	var started, ended sql.NullInt64
	err = scan(&s.seq, &s.item.StageARN, &s.item.ID, &started, &ended, &s.item.Node)
	s.item.Start, s.item.End = moment(started), moment(ended)
	return s, err
}

// OpenSession begins a sitting. The stage must exist, and have no other that runs.
func (tx *Tx) OpenSession(s Session) error {
	n, err := tx.exec(`UPDATE resource SET state = $2 WHERE arn = $1 AND kind = 'stage' AND state = ''`, s.StageARN, s.ID)
	if err != nil {
		return fmt.Errorf("open session %s: %w", s.ID, err)
	}
	if n == 0 {
		if _, err := tx.Stages().Get(s.StageARN); err != nil {
			return err
		}
		return conflict("Stage %s has a running session already", s.StageARN)
	}
	if _, err := tx.exec(`INSERT INTO session (stage_arn, id, seq, started, ended, node) VALUES ($1, $2, $3, $4, NULL, $5)`,
		s.StageARN, s.ID, tx.store.next(), s.Start.UnixMicro(), s.Node); err != nil {
		return fmt.Errorf("open session %s: %w", s.ID, err)
	}
	return nil
}

// EndSession ends a running sitting, whether or not its stage still exists.
func (tx *Tx) EndSession(stageARN, id string, at time.Time) error {
	n, err := tx.exec(`UPDATE session SET ended = $3 WHERE stage_arn = $1 AND id = $2 AND ended IS NULL`, stageARN, id, at.UnixMicro())
	if err := one(n, err, "running session", id); err != nil {
		return err
	}
	if _, err := tx.exec(`UPDATE resource SET state = '' WHERE arn = $1 AND state = $2`, stageARN, id); err != nil {
		return fmt.Errorf("end session %s: %w", id, err)
	}
	return nil
}

// MoveSession has a running session run on another node. What that stores next comes after what
// is in the history, also if the clock of the former node is ahead.
func (tx *Tx) MoveSession(stageARN, id, node string) error {
	n, err := tx.exec(`UPDATE session SET node = $3 WHERE stage_arn = $1 AND id = $2 AND ended IS NULL`, stageARN, id, node)
	if err = one(n, err, "running session", id); err != nil {
		return err
	}
	var newest int64
	_, err = tx.find([]any{&newest}, `SELECT COALESCE(MAX(seq), 0) FROM participant_event WHERE stage_arn = $1 AND session_id = $2`, stageARN, id)
	if err != nil {
		return fmt.Errorf("move session %s: %w", id, err)
	}
	tx.store.raise(newest)
	return nil
}

// Session finds a sitting, running or over.
func (tx *Tx) Session(stageARN, id string) (*Session, error) {
	return tx.session("session "+id, `SELECT `+sessionColumns+` FROM session WHERE stage_arn = $1 AND id = $2`+tx.lock("UPDATE"), stageARN, id)
}

// ActiveSession finds the sitting that runs.
func (tx *Tx) ActiveSession(stageARN string) (*Session, error) {
	return tx.session("running session of "+stageARN, `SELECT `+sessionColumns+` FROM session WHERE stage_arn = $1 AND ended IS NULL`+tx.lock("UPDATE"), stageARN)
}

func (tx *Tx) session(which, query string, args ...any) (*Session, error) {
	all, err := collect(tx, scanSession, query, args...)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", which, err)
	}
	if len(all) == 0 {
		return nil, notFound("The", which)
	}
	return &all[0].item, nil
}

// Sessions lists the sittings of a stage, newest first.
func (tx *Tx) Sessions(stageARN string, p Page) ([]Session, int64, error) {
	query, args := `SELECT `+sessionColumns+` FROM session WHERE stage_arn = $1`, []any{stageARN, p.Limit + 1}
	if p.After != 0 {
		query, args = query+` AND seq < $3`, append(args, p.After)
	}
	all, err := collect(tx, scanSession, query+` ORDER BY seq DESC LIMIT $2`, args...)
	if err != nil {
		return nil, 0, fmt.Errorf("list sessions of %s: %w", stageARN, err)
	}
	items, next := turn(all, p)
	return items, next, nil
}

// OpenSessions are the sittings that run on a node, or ran there when it died.
func (tx *Tx) OpenSessions(node string) ([]Session, error) {
	all, err := collect(tx, scanSession, `SELECT `+sessionColumns+` FROM session WHERE node = $1 AND ended IS NULL ORDER BY seq`, node)
	if err != nil {
		return nil, fmt.Errorf("list open sessions of node %s: %w", node, err)
	}
	items, _ := turn(all, Page{Limit: len(all)})
	return items, nil
}
