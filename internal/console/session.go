package console

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"
)

const (
	// idleTime is how long a session lasts that no page uses.
	idleTime = 2 * time.Hour
	// maxAge is how long a session lasts.
	maxAge = 12 * time.Hour

	// maxSessions bounds all sessions, maxKeySessions those of one access key. A new
	// session beyond them ends the one that was unused for longest: of the key, or of the
	// account that has most.
	maxSessions    = 1000
	maxKeySessions = 50
)

// A hash stands for a secret where it is compared or kept.
type hash = [sha256.Size]byte

func hashOf(secret string) hash { return sha256.Sum256([]byte(secret)) }

// A session is that of one browser.
type session struct {
	accessKeyID string
	account     string
	secret      hash // of the access key: a new secret ends the session
	region      string
	created     time.Time
	used        time.Time   // guarded by sessions.mu
	expiry      *time.Timer // ends it
	live        context.Context
	cancel      context.CancelFunc // ends live
}

// sessions are the open sessions, by the hash of their cookie.
type sessions struct {
	mu       sync.Mutex // guards what follows
	byCookie map[hash]*session
}

// open keeps a session and returns its cookie.
func (s *sessions) open(accessKeyID, account string, secret hash, region string) (cookie string, opened *session) {
	cookie = rand.Text() + rand.Text() // 260 bits
	now := time.Now()
	opened = &session{accessKeyID: accessKeyID, account: account, secret: secret, region: region, created: now, used: now}
	opened.live, opened.cancel = context.WithCancel(context.Background())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byCookie == nil {
		s.byCookie = map[hash]*session{}
	}
	s.makeSpace(accessKeyID)
	key := hashOf(cookie)
	s.byCookie[key] = opened
	opened.expiry = time.AfterFunc(idleTime, func() { s.remove(key) })
	return cookie, opened
}

// makeSpace ends the session that a new one of a key leaves no space for.
func (s *sessions) makeSpace(accessKeyID string) {
	ofKey, ofAccounts := 0, map[string]int{}
	largest := ""
	for _, open := range s.byCookie {
		if open.accessKeyID == accessKeyID {
			ofKey++
		}
		if ofAccounts[open.account]++; ofAccounts[open.account] > ofAccounts[largest] {
			largest = open.account
		}
	}
	switch {
	case ofKey >= maxKeySessions:
		s.dropOldest(func(open *session) bool { return open.accessKeyID == accessKeyID })
	case len(s.byCookie) >= maxSessions:
		s.dropOldest(func(open *session) bool { return open.account == largest })
	}
}

// dropOldest ends that of some sessions which was unused for longest.
func (s *sessions) dropOldest(isOf func(*session) bool) {
	var oldest hash
	var unused *session
	for key, open := range s.byCookie {
		if isOf(open) && (unused == nil || open.used.Before(unused.used)) {
			oldest, unused = key, open
		}
	}
	s.drop(oldest)
}

// use returns the session of a cookie, which stays open for longer; nil if there is none.
func (s *sessions) use(cookie string) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	used := s.byCookie[hashOf(cookie)]
	if used != nil {
		used.used = time.Now()
		used.expiry.Reset(min(idleTime, maxAge-time.Since(used.created)))
	}
	return used
}

// end ends the session of a cookie.
func (s *sessions) end(cookie string) { s.remove(hashOf(cookie)) }

// A credential is an access key with its secret, as a session was opened with it.
type credential struct {
	accessKeyID string
	secret      hash
}

// credentials are those of the open sessions.
func (s *sessions) credentials() map[credential]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[credential]bool{}
	for _, open := range s.byCookie {
		all[credential{open.accessKeyID, open.secret}] = true
	}
	return all
}

// endIf ends the sessions whose credential a function names.
func (s *sessions) endIf(names func(credential) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, open := range s.byCookie {
		if names(credential{open.accessKeyID, open.secret}) {
			s.drop(key)
		}
	}
}

func (s *sessions) remove(key hash) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(key)
}

// drop ends a session. The mutex is locked.
func (s *sessions) drop(key hash) {
	if ended := s.byCookie[key]; ended != nil {
		delete(s.byCookie, key)
		ended.expiry.Stop()
		ended.cancel()
	}
}

// close ends all sessions.
func (s *sessions) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.byCookie {
		s.drop(key)
	}
}
