package channel

import (
	"sync"
	"time"
)

const (
	viewerTimeout = 10 * time.Second // a viewer that requests nothing for so long has left
	maxViewers    = 20_000           // that are counted of a channel
)

// viewers counts who watches, by their latest requests.
type viewers struct {
	mu          sync.Mutex // guards what follows
	lastRequest map[string]time.Time
}

func (v *viewers) seen(who string, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.lastRequest == nil {
		v.lastRequest = map[string]time.Time{}
	}
	if _, known := v.lastRequest[who]; known || len(v.lastRequest) < maxViewers {
		v.lastRequest[who] = now
	}
}

func (v *viewers) count(now time.Time) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	for who, at := range v.lastRequest {
		if now.Sub(at) > viewerTimeout {
			delete(v.lastRequest, who)
		}
	}
	return len(v.lastRequest)
}
