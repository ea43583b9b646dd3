package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Rates are the request rates that all nodes of a database share: one token bucket a row, by
// the clock of the database. They have a connection of their own, because requests wait for
// the answers and those under way may have taken all others.
type Rates struct{ db *sql.DB }

// Rates returns nil where no other node uses the database.
func (s *Store) Rates() *Rates { return s.db.rates() }

// A RateWish asks for tokens of a bucket.
type RateWish struct {
	Bucket string
	Period time.Duration // in which the bucket gets a token
	Depth  time.Duration // how far from full it may be: its size, and what may be taken in advance
	Tokens int
}

// A RateGrant says how many tokens were taken: as many as were there.
type RateGrant struct {
	Tokens   int
	FullWait time.Duration // how long the bucket would have needed to be full, without them
}

// databaseNow is the time of the statement, in nanoseconds.
const databaseNow = `CAST(EXTRACT(EPOCH FROM now()) * 1000000000 AS BIGINT)`

// takeTokens is one transaction without a round trip for its begin and commit. It need not
// survive a crash of the database, so its commit waits for no disk. Rows are locked in the
// order of the wishes.
const takeTokens = `
	INSERT INTO rate AS r (bucket, full_at, granted, period, depth)
	SELECT bucket, ` + databaseNow + ` + LEAST(tokens, depth / period) * period, LEAST(tokens, depth / period), period, depth
	FROM unnest($1::TEXT[], $2::BIGINT[], $3::BIGINT[], $4::BIGINT[]) AS wish (bucket, period, depth, tokens)
	ON CONFLICT (bucket) DO UPDATE SET
		full_at = GREATEST(r.full_at, ` + databaseNow + `) + ` + grantable + ` * excluded.period,
		granted = ` + grantable + `, period = excluded.period, depth = excluded.depth
	RETURNING bucket, granted, full_at - granted * period - ` + databaseNow + `,
		(SELECT COUNT(*) FROM node WHERE started <> 0), set_config('synchronous_commit', 'off', true)`

// grantable is how many of the tokens that are asked for an existing bucket has.
const grantable = `GREATEST(0, LEAST(excluded.granted,
	(excluded.depth - GREATEST(r.full_at - ` + databaseNow + `, 0)) / excluded.period))`

// Take takes tokens of the buckets, each of which must be named once, in alphabetical order.
// It also counts the nodes that use the database.
func (r *Rates) Take(ctx context.Context, wishes []RateWish) (grants map[string]RateGrant, nodes int, err error) {
	buckets := make([]string, len(wishes))
	periods, depths, tokens := make([]int64, len(wishes)), make([]int64, len(wishes)), make([]int64, len(wishes))
	for i, w := range wishes {
		buckets[i], periods[i], depths[i], tokens[i] = w.Bucket, int64(w.Period), int64(w.Depth), int64(w.Tokens)
	}
	rows, err := r.db.QueryContext(ctx, takeTokens, buckets, periods, depths, tokens)
	if err != nil {
		return nil, 0, fmt.Errorf("take tokens of request rates: %w", namePool(err))
	}
	defer rows.Close()
	grants = make(map[string]RateGrant, len(wishes))
	for rows.Next() {
		var bucket, setting string
		var g RateGrant
		if err := rows.Scan(&bucket, &g.Tokens, &g.FullWait, &nodes, &setting); err != nil {
			return nil, 0, fmt.Errorf("take tokens of request rates: %w", err)
		}
		grants[bucket] = g
	}
	if err := rows.Err(); err != nil {
		return nil, 0, fmt.Errorf("take tokens of request rates: %w", namePool(err))
	}
	return grants, nodes, nil
}

// sweepRates removes buckets that are full, as new ones are. The minute is for clocks that differ.
func (tx *Tx) sweepRates(now time.Time) (int64, error) {
	return tx.remove("rate", "bucket", "full_at <= $2", now.Add(-time.Minute).UnixNano())
}
