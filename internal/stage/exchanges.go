package stage

import (
	"maps"
	"sync"
	"time"

	"rostrum/internal/authority"
	"rostrum/internal/store"
)

// exchanges holds the rights of participants whose tokens were exchanged in
// the last minute: a request may have been authorized before the exchange and
// arrive after it.
type exchanges struct {
	mu     sync.Mutex // guards what follows
	recent map[string]recentExchange
	swept  time.Time
}

type recentExchange struct {
	rights store.Rights
	until  time.Time
}

func exchangeKey(g authority.Grant) string { return g.StageARN + "|" + g.ParticipantID }

func (e *exchanges) add(g authority.Grant, r store.Rights) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	if now.Sub(e.swept) > denyFor {
		e.swept = now
		maps.DeleteFunc(e.recent, func(_ string, x recentExchange) bool { return now.After(x.until) })
	}
	if e.recent == nil {
		e.recent = map[string]recentExchange{}
	}
	if x, ok := e.recent[exchangeKey(g)]; ok && x.rights.Issued.After(r.Issued) {
		r.Issued = x.rights.Issued
	}
	e.recent[exchangeKey(g)] = recentExchange{r, now.Add(denyFor)}
}

// limit returns the grant without what an exchange took away since it was authorized.
func (e *exchanges) limit(g authority.Grant) authority.Grant {
	e.mu.Lock()
	defer e.mu.Unlock()
	if x, ok := e.recent[exchangeKey(g)]; ok {
		return g.NoMoreThan(x.rights)
	}
	return g
}
