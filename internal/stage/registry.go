package stage

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"

	"rostrum/internal/authority"
	"rostrum/internal/bus"
	"rostrum/internal/node"
	"rostrum/internal/relay"
	"rostrum/internal/sfu"
	"rostrum/internal/store"
	"rostrum/internal/wire"
)

// A Config tunes a Registry. Its zero value uses the defaults.
type Config struct {
	Limits Limits

	// Linger is how long a session goes on after its last participant left.
	// Default 30 s.
	Linger time.Duration
	// Grace is how long a participant whose connections were lost may take to
	// come back before it has left. Default 10 s.
	Grace time.Duration
	// Return is how long the participants of a session may take to come back after
	// that went on at this node, and another was its home before. Default 15 s.
	Return time.Duration
	// MaxSockets bounds the events sockets of this node. Default 50,000.
	MaxSockets int

	// Bus reaches the other nodes; nil where there are none.
	Bus *bus.Bus
	// Relay has media of other nodes here, and those of this one there; nil like Bus.
	Relay *relay.Relay

	// Recorder records participants; nil records none.
	Recorder Recorder
	// Quality takes what clients report about their media; nil ignores it.
	Quality Quality

	// Log takes messages for the operator. Default slog.Default().
	Log *slog.Logger
}

// A Recorder records the participants of stages that are configured for it. Its methods do not
// block.
type Recorder interface {
	PublishStarted(p Publication)
	PublishStopped(stageARN, participantID string)
}

// A Publication is media of a participant that can be recorded.
type Publication struct {
	StageARN, SessionID, ParticipantID string
	Replica                            bool
	Publisher                          *sfu.Publisher
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		to        *time.Duration
		otherwise time.Duration
	}{{&c.Linger, 30 * time.Second}, {&c.Grace, 10 * time.Second}, {&c.Return, 15 * time.Second}} {
		if *d.to <= 0 {
			*d.to = d.otherwise
		}
	}
	if c.MaxSockets <= 0 {
		c.MaxSockets = 50_000
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c
}

// A Registry holds all live stages of this node. It is safe for concurrent
// use.
type Registry struct {
	cfg       Config
	store     *store.Store
	engine    *sfu.Engine
	authority *authority.Authority
	node      *node.Node
	nodeID    string
	opening   singleflight.Group // of sessions, by stage
	quotas    *accountQuotas
	wg        sync.WaitGroup // sessions
	exchanges exchanges

	failureLimit *rate.Limiter // of failed attempts on stages where nobody is

	mu           sync.Mutex // guards what follows
	sessions     map[string]*Session
	connections  map[string]*Connection // by id
	replaced     []string               // ids of those that newer ones replaced lately, oldest first
	replications map[replicationKey]*replication
	ingests      map[string]int       // streams of each ingest configuration, by its ARN
	denied       map[string]time.Time // participants and stages that were just disconnected, until when
	deniedSwept  time.Time            // when expired entries of denied were last removed
	sockets      int                  // that are open
	closed       bool
}

// NewRegistry makes the registry of a node.
func NewRegistry(s *store.Store, e *sfu.Engine, a *authority.Authority, n *node.Node, cfg Config) *Registry {
	cfg = cfg.withDefaults()
	r := &Registry{
		cfg: cfg, store: s, engine: e, authority: a, node: n, nodeID: n.ID(), quotas: newQuotas(cfg.Limits),
		sessions: map[string]*Session{}, connections: map[string]*Connection{},
		replications: map[replicationKey]*replication{}, denied: map[string]time.Time{},
		failureLimit: rate.NewLimiter(failureRate, failureBurst),
		ingests:      map[string]int{},
	}
	n.OnDead(r.closeDead)
	if cfg.Bus != nil {
		r.serveBus(cfg.Bus)
	}
	if cfg.Relay != nil {
		cfg.Relay.Serve(r.findRelayed)
	}
	return r
}

// Close ends all sessions on this node, with a close notice to every client, and returns
// once their events are stored. Other nodes go on with those on which somebody is. The media
// engine closes after it, the store last.
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
	others := r.others()
	for _, s := range sessions {
		s.inbox.put(func() { s.leaveHere(len(others) > 0) })
	}
	for _, s := range sessions {
		<-s.done
	}
	r.handOver(sessions, others)
	r.wg.Wait()
	return nil
}

// errSessionEnded says that a session ended before it could run a function;
// the stage's next session can.
var errSessionEnded = errors.New("session is over")

// withSession runs f with the stage's session. It creates one if there is
// none, or if the old one ends meanwhile.
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

// findSession returns the stage's session, nil when there is none.
func (r *Registry) findSession(stageARN string) *Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sessions[stageARN]
}

// removeSession makes way for the stage's next session.
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

// maxReplaced bounds the ids of replaced connections.
const maxReplaced = 1000

// addReplaced remembers that a newer connection replaced c: its client, which
// finds it gone, must not reconnect by itself.
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

// OpenSocket opens a participant's events socket. It replaces an older one of
// the participant. Errors are *authority.Refusal.
func (r *Registry) OpenSocket(g authority.Grant, cfg SocketConfig) (sock *Socket, err error) {
	err = r.withSession(g, func(s *Session) error {
		sock = &Socket{session: s, cfg: cfg, opened: g}
		return s.callAndCommit(func() error { return s.openSocket(sock, g) })
	})
	if err != nil && sock != nil {
		sock.Close() // the socket may be open although the join was not stored
	}
	return sock, err
}

// releaseSession drops the replications and connections of a session that
// failed.
func (r *Registry) releaseSession(s *Session) {
	r.endReplications(func(k replicationKey) bool { return k.source == s.stageARN || k.destination == s.stageARN })
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.connections, func(_ string, c *Connection) bool { return c.session == s })
}

func (r *Registry) acquireSocket() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sockets >= r.cfg.MaxSockets {
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

// denyFor is longer than any request takes from its authorization to its
// admission.
const denyFor = time.Minute

// deny refuses requests that were authorized before the participant was
// disconnected, or the stage deleted.
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

// allowAgain ends a denial of the participant from before a time: what the store says since
// then is newer.
func (r *Registry) allowAgain(stageARN, participantID string, before time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if until, ok := r.denied[stageARN+"|"+participantID]; ok && until.Add(-denyFor).Before(before) {
		delete(r.denied, stageARN+"|"+participantID)
	}
}

func (r *Registry) isDenied(stageARN, participantID string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	until, ok := r.denied[stageARN+"|"+participantID]
	return ok && time.Now().Before(until)
}

// disconnectHere ends a participant's connections to this node.
func (r *Registry) disconnectHere(d disconnection) error {
	stageARN, participantID := d.StageARN, d.ParticipantID
	r.deny(stageARN, participantID)
	r.endReplications(func(k replicationKey) bool {
		return (k.source == stageARN || k.destination == stageARN) && k.participant == participantID
	})
	s := r.findSession(stageARN)
	if s == nil {
		return nil
	}
	err := s.callAndCommit(func() error {
		if p := s.participants[participantID]; p != nil && p.replica == nil {
			s.disconnect(p, kicked(wire.ReasonDisconnected, d.Reason))
		}
		return nil
	})
	if errors.Is(err, errSessionEnded) {
		return nil
	}
	return err
}

// stageDeletedHere ends the session of a deleted stage on this node.
func (r *Registry) stageDeletedHere(ctx context.Context, stageARN string) error {
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

// Counts are the numbers of participants and connections of a live stage.
type Counts struct {
	StageID      string
	Participants int // without hidden ones
	Publishers   int // with replicas
	Subscribers  int // participants that subscribe
	Sockets      int
}

// Counts returns the counts of all live stages, as of their last change.
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

// A Presence describes a participant that is connected now.
type Presence struct {
	SessionID  string
	Publishing bool
	Replica    bool
}

// Participant finds a participant that is connected to a stage now.
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
// stage. Each costs a turn of a shard, a millisecond or so under load: this is
// for periodic sampling, not for requests.
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
