package stage

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"time"

	"rostrum/internal/authority"
	"rostrum/internal/node"
	"rostrum/internal/sfu"
	"rostrum/internal/store"
	"rostrum/internal/wire"
)

// A Config tunes a Registry. Its zero value is good for one node alone.
type Config struct {
	Limits Limits

	// Linger is how long a session goes on after its last participant left.
	// Default 30 s.
	Linger time.Duration
	// Grace is how long a participant whose connections were lost may take to
	// come back before it has left. Default 10 s.
	Grace time.Duration
	// MaxAttendances bounds the events sockets of this node. Default 50,000.
	MaxAttendances int

	// Log takes what an operator should know. Default slog.Default().
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		to        *time.Duration
		otherwise time.Duration
	}{{&c.Linger, 30 * time.Second}, {&c.Grace, 10 * time.Second}} {
		if *d.to <= 0 {
			*d.to = d.otherwise
		}
	}
	if c.MaxAttendances <= 0 {
		c.MaxAttendances = 50_000
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c
}

// A Registry is all live stages of this node. It may be used by all goroutines
// at once.
type Registry struct {
	cfg       Config
	store     *store.Store
	engine    *sfu.Engine
	authority *authority.Authority
	nodeID    string
	quotas    *accountQuotas
	wg        sync.WaitGroup // sessions
	exchanges exchanges

	mu           sync.Mutex // guards what follows
	sessions     map[string]*Session
	connections  map[string]*Connection // by id
	replaced     []string               // ids of those that newer ones took over lately, the oldest first
	replications map[replicationKey]*replication
	denied       map[string]time.Time // participants and stages just sent away, until when
	deniedSwept  time.Time            // when barred was last rid of those whose time is over
	sockets      int
	closed       bool
}

// NewRegistry makes the registry of a node.
func NewRegistry(s *store.Store, e *sfu.Engine, a *authority.Authority, n *node.Node, cfg Config) *Registry {
	cfg = cfg.withDefaults()
	r := &Registry{
		cfg: cfg, store: s, engine: e, authority: a, nodeID: n.ID(), quotas: newQuotas(cfg.Limits),
		sessions: map[string]*Session{}, connections: map[string]*Connection{},
		replications: map[replicationKey]*replication{}, denied: map[string]time.Time{},
	}
	n.OnDead(r.closeDead)
	return r
}

// Close tells everybody that the node goes away, ends all sessions with their
// events, and returns once that is kept. The media engine closes after it, the
// store last.
func (r *Registry) Close() error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil
	}
	r.closed = true
	sessions := make([]*Session, 0, len(r.sessions))
	for _, s := range r.sessions {
		sessions = append(sessions, s)
	}
	r.mu.Unlock()
	r.endReplications(func(replicationKey) bool { return true })
	for _, s := range sessions {
		s.inbox.put(func() { s.end(goingAway) })
	}
	for _, s := range sessions {
		<-s.done
	}
	r.wg.Wait()
	return nil
}

// errSessionEnded says that a session ended before it could do what it was asked; the
// stage's next session can.
var errSessionEnded = errors.New("session is over")

// withSession has f work with the stage's session, a new one if there is none or the old
// one ends meanwhile.
func (r *Registry) withSession(g authority.Grant, f func(s *Session) error) error {
	for {
		s, err := r.findOrCreateSession(g)
		if err != nil {
			return err
		}
		if err := f(s); !errors.Is(err, errSessionEnded) {
			return err
		}
		<-s.done
	}
}

// findOrCreateSession finds the stage's session or begins one.
func (r *Registry) findOrCreateSession(g authority.Grant) (*Session, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, &authority.Refusal{Code: authority.StageAtCapacity, Kind: authority.Unavailable, Detail: "this server is going down", RetryAfter: time.Second}
	}
	s, ok := r.sessions[g.StageARN]
	if !ok {
		s = newSession(r, g)
		r.sessions[g.StageARN] = s
		r.wg.Go(s.run)
	}
	return s, nil
}

// findSession finds the stage's session; nil when there is none.
func (r *Registry) findSession(stageARN string) *Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sessions[stageARN]
}

// removeSession makes place for the stage's next session.
func (r *Registry) removeSession(s *Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sessions[s.stageARN] == s {
		delete(r.sessions, s.stageARN)
	}
}

// addConnection makes a connection known by its id.
func (r *Registry) addConnection(c *Connection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.connections[c.id] = c
}

// maxReplaced bounds the connections that are known to have been taken over.
const maxReplaced = 1000

// addReplaced notes that a newer connection takes over from c: its client, who finds it
// gone, must not come back by itself.
func (r *Registry) addReplaced(c *Connection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.replaced) == maxReplaced {
		r.replaced = append(r.replaced[:0], r.replaced[1:]...)
	}
	r.replaced = append(r.replaced, c.id)
}

func (r *Registry) removeConnection(c *Connection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.connections, c.id)
}

// OpenSocket opens a participant's events socket. An older one of the participant
// is taken over. Errors are *authority.Refusal.
func (r *Registry) OpenSocket(g authority.Grant, how SocketConfig) (a *Socket, err error) {
	err = r.withSession(g, func(s *Session) error {
		a = &Socket{session: s, cfg: how}
		return s.callAndCommit(func() error { return s.openSocket(a, g) })
	})
	if err != nil && a != nil {
		a.Close() // it may be in, and only not kept
	}
	return a, err
}

// releaseSession forgets the replications and connections of a session that failed.
func (r *Registry) releaseSession(s *Session) {
	r.endReplications(func(k replicationKey) bool { return k.source == s.stageARN || k.destination == s.stageARN })
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.connections, func(_ string, c *Connection) bool { return c.session == s })
}

func (r *Registry) acquireSocket() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sockets >= r.cfg.MaxAttendances {
		return false
	}
	r.sockets++
	return true
}

func (r *Registry) releaseSocket() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sockets--
}

// denyFor is longer than any request takes from its judging to its admission.
const denyFor = time.Minute

// deny keeps out those whose token was judged before it lost its worth, and who
// are on their way in.
func (r *Registry) deny(stageARN, participantID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if now.Sub(r.deniedSwept) > denyFor {
		r.deniedSwept = now
		maps.DeleteFunc(r.denied, func(_ string, until time.Time) bool { return now.After(until) })
	}
	r.denied[stageARN+"|"+participantID] = now.Add(denyFor)
}

func (r *Registry) isDenied(stageARN, participantID string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	until, ok := r.denied[stageARN+"|"+participantID]
	return ok && time.Now().Before(until)
}

// Disconnect ends a participant's connections on a stage and shows its client
// the reason. Its tokens must have been revoked in the store before. A
// participant that isn't there is no error.
func (r *Registry) Disconnect(_ context.Context, stageARN, participantID, reason string) error {
	r.deny(stageARN, participantID)
	r.endReplications(func(k replicationKey) bool { return k.source == stageARN && k.participant == participantID })
	s := r.findSession(stageARN)
	if s == nil {
		return nil
	}
	err := s.callAndCommit(func() error {
		if p := s.participants[participantID]; p != nil && p.replica == nil {
			s.disconnect(p, kicked(wire.ReasonDisconnected, reason))
		}
		return nil
	})
	if errors.Is(err, errSessionEnded) {
		return nil
	}
	return err
}

// StageDeleted ends a stage's session and disconnects everybody, after the
// stage is gone from the store.
func (r *Registry) StageDeleted(ctx context.Context, stageARN string) error {
	r.deny(stageARN, "")
	r.endReplications(func(k replicationKey) bool { return k.source == stageARN || k.destination == stageARN })
	s := r.findSession(stageARN)
	if s == nil {
		return nil
	}
	s.inbox.put(func() {
		s.end(wire.StageDeleted{CloseNotice: wire.CloseNotice{Reason: wire.ReasonStageDeleted, Detail: "the stage was deleted"}})
	})
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Counts are how many of what a live stage has.
type Counts struct {
	StageID      string
	Participants int // hidden ones aside
	Publishers   int // replicas too
	Subscribers  int // participants that subscribe
	Sockets      int
}

// Counts tells of all live stages, as of their last change.
func (r *Registry) Counts() []Counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Counts, 0, len(r.sessions))
	for _, s := range r.sessions {
		if c := s.counts.Load(); c != nil {
			all = append(all, *c)
		}
	}
	return all
}

// A Presence is what is known of a participant that is connected now.
type Presence struct {
	SessionID  string
	Publishing bool
	Replica    bool
}

// Participant looks up a participant that is connected to a stage now.
func (r *Registry) Participant(stageARN, participantID string) (found Presence, ok bool) {
	s := r.findSession(stageARN)
	if s == nil {
		return found, false
	}
	err := s.call(func() error {
		if p := s.participants[participantID]; p != nil && p.joined && !p.grant.Hidden {
			found, ok = Presence{s.id, p.publishing, p.replica != nil}, true
		}
		return nil
	})
	return found, ok && err == nil
}

// MediaSamples asks the media engine about every connection of every live
// stage. It takes a turn of a shard for each of them, a millisecond or so under
// load: it is for who samples now and then, not for who waits.
func (r *Registry) MediaSamples() []MediaSample {
	r.mu.Lock()
	sessions := make([]*Session, 0, len(r.sessions))
	for _, s := range r.sessions {
		sessions = append(sessions, s)
	}
	r.mu.Unlock()
	samples := make([]MediaSample, 0, len(sessions))
	for _, s := range sessions {
		samples = append(samples, s.mediaSample())
	}
	return samples
}
