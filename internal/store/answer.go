package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"rostrum/ivsrealtime"
)

// AnswerLife is how long an answer is kept for repetitions of its request.
const AnswerLife = 24 * time.Hour

// An IdempotencyKey names a request that may come again.
type IdempotencyKey struct {
	Owner
	Operation string
	Token     string
}

// Answered finds the answer to a request that came before; nil when it didn't.
// The same token with other parameters, told apart by their hash, is a conflict.
func (tx *Tx) Answered(k IdempotencyKey, parameters []byte) (json.RawMessage, error) {
	var hash []byte
	var body string
	found, err := tx.find([]any{&hash, &body}, `SELECT parameters, body FROM answer
		WHERE account = $1 AND region = $2 AND operation = $3 AND token = $4 AND expires > $5`,
		k.Account, k.Region, k.Operation, k.Token, time.Now().UnixMicro())
	if err != nil {
		return nil, fmt.Errorf("find an earlier answer of %s: %w", k.Operation, err)
	}
	if !found {
		return nil, nil
	}
	if !bytes.Equal(hash, parameters) {
		return nil, ivsrealtime.Errorf(ivsrealtime.Conflict, "idempotencyToken was used before with other parameters")
	}
	return json.RawMessage(body), nil
}

// KeepAnswer keeps the answer to a request, in the transaction that gives it.
func (tx *Tx) KeepAnswer(k IdempotencyKey, parameters []byte, answer json.RawMessage) error {
	if _, err := tx.exec(`DELETE FROM answer WHERE account = $1 AND region = $2 AND operation = $3 AND token = $4 AND expires <= $5`,
		k.Account, k.Region, k.Operation, k.Token, time.Now().UnixMicro()); err != nil {
		return fmt.Errorf("forget an expired answer of %s: %w", k.Operation, err)
	}
	_, err := tx.exec(`INSERT INTO answer (account, region, operation, token, parameters, body, expires) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		k.Account, k.Region, k.Operation, k.Token, parameters, string(answer), time.Now().Add(AnswerLife).UnixMicro())
	if err != nil {
		return fmt.Errorf("keep the answer of %s: %w", k.Operation, err)
	}
	return nil
}
