package store

import (
	"encoding/json"
	"fmt"
	"time"

	"rostrum/internal/event"
)

// A Recording is the recording of a participant, from its begin until the event about its end
// is stored.
type Recording struct {
	ID            string `json:"-"`
	Node          string `json:"-"` // that records it, or uploads the rest
	StageARN      string
	SessionID     string // of the first part, which the files name
	LastSessionID string // of the last part, which events name
	ParticipantID string
	Region        string
	Bucket        string
	Prefix        string
	Started       time.Time      `json:",omitzero"`  // when the event about the start was stored
	Ended         time.Time      `json:",omitzero"`  // when nothing more was recorded
	Failure       *event.Failure `json:",omitempty"` // why it failed, or will
	NoHLS         bool           `json:",omitempty"` // there is nothing but thumbnails
	Sequential    bool           `json:",omitempty"` // thumbnails are stored one by one
	Latest        bool           `json:",omitempty"` // the latest thumbnail is stored
	Remark        string         `json:",omitempty"` // what is missing although it did not fail
}

// CreateRecording adds a recording.
func (tx *Tx) CreateRecording(r *Recording) error {
	body, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if _, err := tx.exec(`INSERT INTO recording (id, node, body) VALUES ($1, $2, $3)`, r.ID, r.Node, string(body)); err != nil {
		return fmt.Errorf("create recording %s: %w", r.ID, err)
	}
	return nil
}

// UpdateRecording stores a recording, and reports whether its node still has it.
func (tx *Tx) UpdateRecording(r *Recording) (owned bool, err error) {
	body, err := json.Marshal(r)
	if err != nil {
		return false, err
	}
	n, err := tx.exec(`UPDATE recording SET body = $3 WHERE id = $1 AND node = $2`, r.ID, r.Node, string(body))
	if err != nil {
		return false, fmt.Errorf("update recording %s: %w", r.ID, err)
	}
	return n > 0, nil
}

// DeleteRecording removes a recording that is complete, and reports whether its node still
// had it.
func (tx *Tx) DeleteRecording(r *Recording) (owned bool, err error) {
	n, err := tx.exec(`DELETE FROM recording WHERE id = $1 AND node = $2`, r.ID, r.Node)
	if err != nil {
		return false, fmt.Errorf("delete recording %s: %w", r.ID, err)
	}
	return n > 0, nil
}

// TakeRecording moves a recording to another node, unless a third one has it already.
func (tx *Tx) TakeRecording(r *Recording, to string) (taken bool, err error) {
	n, err := tx.exec(`UPDATE recording SET node = $3 WHERE id = $1 AND node = $2`, r.ID, r.Node, to)
	if err != nil {
		return false, fmt.Errorf("take recording %s: %w", r.ID, err)
	}
	return n > 0, nil
}

// Recordings lists the recordings of a node that are not complete.
func (tx *Tx) Recordings(node string) ([]Recording, error) {
	all, err := collect(tx, func(scan func(...any) error) (r Recording, err error) {
		var body string
		if err := scan(&r.ID, &r.Node, &body); err != nil {
			return r, err
		}
		return r, json.Unmarshal([]byte(body), &r)
	}, `SELECT id, node, body FROM recording WHERE node = $1 ORDER BY id`, node)
	if err != nil {
		return nil, fmt.Errorf("list recordings of node %s: %w", node, err)
	}
	return all, nil
}

// HasRecording reports whether a recording is not complete yet.
func (tx *Tx) HasRecording(id string) (bool, error) {
	all, err := tx.names(`SELECT id FROM recording WHERE id = $1`, id)
	return len(all) > 0, err
}
