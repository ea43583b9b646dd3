package console

import (
	"crypto/rand"
	"sync"
	"time"
)

const (
	// linkTime is how long a link signs in.
	linkTime = 15 * time.Minute
	// maxLinks bounds the links that are kept.
	maxLinks = 100
)

// links are the links that sign in without a secret, by the hash of their code: each once,
// and for a short time.
type links struct {
	mu     sync.Mutex // guards what follows
	byCode map[hash]link
}

type link struct {
	accessKeyID string
	expires     time.Time
}

// SignInLink returns the path of the console with a code that signs in once as an access
// key. The code is in the fragment, which browsers don't send to the server.
func (s *Server) SignInLink(accessKeyID string) string {
	return Path + "#sign-in=" + s.links.create(accessKeyID)
}

func (l *links) create(accessKeyID string) (code string) {
	code = rand.Text()
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byCode == nil {
		l.byCode = map[hash]link{}
	}
	for key, old := range l.byCode {
		if !now.Before(old.expires) || len(l.byCode) >= maxLinks {
			delete(l.byCode, key)
		}
	}
	l.byCode[hashOf(code)] = link{accessKeyID, now.Add(linkTime)}
	return code
}

// redeem returns the access key of a code, which is used up.
func (l *links) redeem(code string) (accessKeyID string, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := hashOf(code)
	found, ok := l.byCode[key]
	delete(l.byCode, key)
	return found.accessKeyID, ok && time.Now().Before(found.expires)
}
