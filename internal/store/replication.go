package store

import (
	"encoding/json"
	"fmt"

	"rostrum/ivsrealtime"
)

// A Replication shows a participant of one stage on another.
type Replication struct {
	ivsrealtime.ParticipantReplica
	Attributes             map[string]string // laid over the token's
	ReconnectWindowSeconds int
	Node                   string `json:"-"` // where it runs or ran
}

const replicationColumns = `seq, node, body`

func scanReplication(scan func(...any) error) (r paged[Replication], err error) {
	var node, body string
	if err := scan(&r.seq, &node, &body); err != nil {
		return r, err
	}
	err = json.Unmarshal([]byte(body), &r.item)
	r.item.Node = node
	return r, err
}

// SaveReplication keeps a replication, new or changed. One that was stopped and
// is started again takes its old place.
func (tx *Tx) SaveReplication(r *Replication) error {
	body, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = tx.exec(`INSERT INTO replication (source_stage_arn, participant_id, destination_stage_arn, seq, state, node, body)
		VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (source_stage_arn, participant_id, destination_stage_arn)
		DO UPDATE SET state = $5, node = $6, body = $7`,
		r.SourceStageARN, r.ParticipantID, r.DestinationStageARN, tx.store.next(), string(r.ReplicationState), r.Node, string(body))
	if err != nil {
		return fmt.Errorf("save replication of participant %s: %w", r.ParticipantID, err)
	}
	return nil
}

// Replication finds the replication of a participant to a stage, active or stopped.
func (tx *Tx) Replication(sourceStageARN, participantID, destinationStageARN string) (*Replication, error) {
	all, err := tx.replications(`source_stage_arn = $1 AND participant_id = $2 AND destination_stage_arn = $3`+tx.lock("UPDATE"),
		sourceStageARN, participantID, destinationStageARN)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, notFound("Replication of participant", participantID)
	}
	return &all[0].item, nil
}

// Replications lists where a participant is or was shown, oldest first.
func (tx *Tx) Replications(sourceStageARN, participantID string, p Page) ([]Replication, int64, error) {
	all, err := tx.replications(`source_stage_arn = $1 AND participant_id = $2 AND seq > $3 ORDER BY seq LIMIT $4`,
		sourceStageARN, participantID, p.After, p.Limit+1)
	items, next := turn(all, p)
	return items, next, err
}

// ReplicationsInto are the active replications to a stage.
func (tx *Tx) ReplicationsInto(destinationStageARN string) ([]Replication, error) {
	all, err := tx.replications(`destination_stage_arn = $1 AND state = 'ACTIVE' ORDER BY seq`, destinationStageARN)
	items, _ := turn(all, Page{Limit: len(all)})
	return items, err
}

// OpenReplications are the active replications that run on a node, or ran there
// when it died.
func (tx *Tx) OpenReplications(node string) ([]Replication, error) {
	all, err := tx.replications(`node = $1 AND state = 'ACTIVE' ORDER BY seq`, node)
	items, _ := turn(all, Page{Limit: len(all)})
	return items, err
}

// CountReplications tells to how many stages a participant is being shown.
func (tx *Tx) CountReplications(sourceStageARN, participantID string) (int, error) {
	var n int
	_, err := tx.find([]any{&n}, `SELECT COUNT(*) FROM replication WHERE source_stage_arn = $1 AND participant_id = $2 AND state = $3`,
		sourceStageARN, participantID, string(ivsrealtime.ReplicationActive))
	return n, err
}

func (tx *Tx) replications(where string, args ...any) ([]paged[Replication], error) {
	all, err := collect(tx, scanReplication, `SELECT `+replicationColumns+` FROM replication WHERE `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("list replications: %w", err)
	}
	return all, nil
}
