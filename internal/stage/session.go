package stage

import (
	"context"
	"errors"
	"runtime/debug"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"rostrum/internal/arn"
	"rostrum/internal/authority"
	"rostrum/internal/event"
	"rostrum/internal/sfu"
	"rostrum/internal/store"
	"rostrum/internal/wire"
	"rostrum/ivsrealtime"
)

// A Session is one session of a stage: an actor, whose goroutine owns all that
// is not constant (doc.go). This file runs the actor; the files session_*.go
// have what it does.
type Session struct {
	registry *Registry
	stageARN string
	stageID  string
	owner    store.Owner
	id       string
	home     store.Home // without it nothing is stored
	router   *sfu.Router
	physical *sfu.Router // of physical participants; nil while there was none
	inbox    *inbox
	done     chan struct{} // closed when the goroutine has ended
	counts   atomic.Pointer[Counts]

	stored        bool // it is in the store, because somebody visible joined
	ended         bool
	homeLost      bool        // another node has the home
	handsOver     bool        // it ends here, and goes on at another node
	lingerTimer   *time.Timer // ends the session
	participants  map[string]*participant
	order         uint64        // of the last join
	joined        int           // visible participants
	publishers    int           // slots acquired
	subscribers   int           // slots acquired
	subscriptions int           // of the account: a subscriber has one for each subscription
	failureLimit  *rate.Limiter // of failed attempts in the history: anyone with a token can cause them

	pending pendingWrites
	sockets sockets
}

// Failed attempts beyond this rate, a second and session, are not recorded.
const (
	failureRate  = 5
	failureBurst = 200
)

// pendingWrites is what the batch has to write, and the callers that wait
// until it is written.
type pendingWrites struct {
	changes []func(tx *store.Tx) error
	waiting []waiter
}

// A waiter gets result once the batch is stored.
type waiter struct {
	done   chan<- error
	result error
}

func newSession(r *Registry, g authority.Grant, home store.Home) *Session {
	s := &Session{
		registry: r, stageARN: g.StageARN, stageID: g.StageID, owner: store.Owner{Account: g.Account, Region: g.Region},
		id: arn.NewSessionID(), home: home, inbox: newInbox(), done: make(chan struct{}),
		participants: map[string]*participant{}, failureLimit: rate.NewLimiter(failureRate, failureBurst),
	}
	s.sockets.open = map[*Socket]*participant{}
	s.sockets.sequence = uint64(time.Now().UnixMicro()) // above all numbers of earlier sessions
	s.router = r.engine.NewRouter(sfu.RouterConfig{Notify: s.routerEvent})
	return s
}

// run is the session's goroutine. It runs what the inbox holds, stores all
// that follows from it in one transaction, and sends messages and results
// after that.
func (s *Session) run() {
	defer close(s.done)
	for !s.ended {
		<-s.inbox.ready
		s.runBatch()
		s.endIfNeverStored()
	}
	s.commit()
	s.releaseAllSlots()
	s.router.Close()
	if s.physical != nil {
		s.physical.Close()
	}
	s.registry.releaseHome(s)
	s.registry.removeSession(s)
	s.inbox.close()
	for all := s.inbox.take(); len(all) > 0; all = s.inbox.take() {
		for _, f := range all { // each finds that the session ended
			f()
		}
		s.commit()
	}
}

// runBatch runs what the inbox holds. A panic in one session must not end the
// others: it ends this one, which is then closed like that of a dead node.
func (s *Session) runBatch() {
	calls := s.inbox.take()
	defer func() {
		fault := recover()
		if fault == nil {
			return
		}
		s.registry.cfg.Log.Error("stage session failed", "stage", s.stageARN, "session", s.id, "fault", fault, "stack", string(debug.Stack()))
		s.endFailed()
		for _, f := range calls { // each finds that the session ended
			f()
		}
	}()
	for len(calls) > 0 {
		f := calls[0]
		calls = calls[1:]
		f()
	}
	s.commit()
}

// endFailed ends the session without relying on its state.
func (s *Session) endFailed() {
	s.ended = true
	for _, w := range s.pending.waiting {
		w.done <- authority.Failure("continue the session", nil)
	}
	s.pending = pendingWrites{}
	for sock := range s.sockets.open {
		sock.cfg.Deliver(Message{Data: wire.Encode(0, goingAway), Last: true})
		s.registry.releaseSocket()
	}
	s.sockets = sockets{}
	s.registry.releaseSession(s)
	if err := s.registry.closeFailed(context.Background(), s.stageARN, s.id); err != nil {
		s.registry.cfg.Log.Error("store the end of a failed stage session", "stage", s.stageARN, "session", s.id, "error", err)
	}
}

// endIfNeverStored ends a session that nobody joined.
func (s *Session) endIfNeverStored() {
	if !s.stored && !s.ended && len(s.participants) == 0 {
		s.ended = true
	}
}

// call runs f on the session's goroutine and returns its error, once what f
// added to the batch is stored.
func (s *Session) call(f func() error) error { return s.callWith(f, false) }

// callAndCommit is call, and waits as well for what was added to the batch
// before f.
func (s *Session) callAndCommit(f func() error) error { return s.callWith(f, true) }

func (s *Session) callWith(f func() error, alwaysCommit bool) error {
	done := make(chan error, 1)
	posted := s.inbox.put(func() {
		ran := false
		defer func() {
			if !ran {
				done <- authority.Failure("continue the session", nil)
			}
		}()
		before := len(s.pending.changes)
		err := s.unlessEnded(f)
		ran = true
		if len(s.pending.changes) == before && (err != nil || !alwaysCommit) {
			done <- err
			return
		}
		s.pending.waiting = append(s.pending.waiting, waiter{done, err})
	})
	if !posted {
		return errSessionEnded
	}
	return <-done
}

func (s *Session) unlessEnded(f func() error) error {
	if s.ended {
		return errSessionEnded
	}
	return f()
}

// post runs f on the session's goroutine, unless the session ends before.
func (s *Session) post(f func()) {
	s.inbox.put(func() {
		if !s.ended {
			f()
		}
	})
}

// postAfter posts f when d has passed.
func (s *Session) postAfter(d time.Duration, f func()) *time.Timer {
	return time.AfterFunc(d, func() { s.post(f) })
}

// addWrite adds a change to the batch's transaction. f may run more than once.
func (s *Session) addWrite(f func(tx *store.Tx) error) {
	s.pending.changes = append(s.pending.changes, f)
}

// emitEvent adds an event to the batch's transaction.
func (s *Session) emitEvent(e event.Event) {
	s.addWrite(func(tx *store.Tx) error {
		tx.Emit(e)
		return nil
	})
}

// record adds to the history of a participant that is stored, and emits the event that belongs
// to it.
func (s *Session) record(p *participant, e ivsrealtime.Event, emitted event.Event) {
	if p.stored() {
		s.recordEvent(p.id, e)
		s.emitEvent(emitted)
	}
}

// recordEvent adds to the history of a participant, in the batch's
// transaction.
func (s *Session) recordEvent(participantID string, e ivsrealtime.Event) {
	e.ParticipantID = participantID
	ref := s.ref(participantID)
	s.addWrite(func(tx *store.Tx) error { return tx.RecordEvent(ref, e) })
}

func (s *Session) ref(participantID string) store.ParticipantRef {
	return store.ParticipantRef{StageARN: s.stageARN, SessionID: s.id, ParticipantID: participantID}
}

// commit writes the batch, then sends results and messages.
func (s *Session) commit() {
	var err error
	if len(s.pending.changes) > 0 {
		err = s.write(s.pending.changes)
	}
	waiting := s.pending.waiting
	s.pending = pendingWrites{}
	for _, w := range waiting {
		if w.result == nil {
			w.result = err
		}
		w.done <- w.result
	}
	if s.homeLost && !s.ended {
		s.registry.cfg.Log.Warn("a stage session ends, because another node took its home", "stage", s.stageARN, "session", s.id)
		s.registry.endReplications(func(k replicationKey) bool { return k.source == s.stageARN }) // no reconnect window outlives the home
		s.end(goingAway)
		s.commit()
		return
	}
	s.sendNotices()
	s.counts.Store(&Counts{s.stageID, s.joined, s.publishers, s.subscribers, len(s.sockets.open)})
}

// write writes changes with retries, so that the stage survives a disk that is
// full for a moment. A change that the store refuses must not undo the others.
func (s *Session) write(changes []func(tx *store.Tx) error) error {
	if s.homeLost {
		return homeLost(store.ErrHomeLost)
	}
	err := s.writeWithRetries(changes)
	if errors.Is(err, store.ErrHomeLost) {
		s.homeLost = true
		return homeLost(err)
	}
	var decided *ivsrealtime.Error
	if errors.As(err, &decided) && len(changes) > 1 {
		for _, f := range changes {
			_ = s.write([]func(tx *store.Tx) error{f}) // each logs its own error
		}
		return nil
	}
	if err != nil {
		s.registry.cfg.Log.Error("store changes of a stage session", "stage", s.stageARN, "session", s.id, "changes", len(changes), "error", err)
		return authority.Failure("store the change", err)
	}
	return nil
}

// writeWithRetries writes changes in one transaction, several times if it
// must.
func (s *Session) writeWithRetries(changes []func(tx *store.Tx) error) error {
	const first, last = 20 * time.Millisecond, 2 * time.Second
	for pause := first; ; pause *= 2 {
		err := s.registry.store.Write(context.Background(), func(tx *store.Tx) error {
			if err := tx.RequireHome(s.stageARN, s.home); err != nil {
				return err
			}
			for _, f := range changes {
				if err := f(tx); err != nil {
					return err
				}
			}
			return nil
		})
		var decided *ivsrealtime.Error
		if err == nil || pause > last || errors.Is(err, store.ErrClosed) || errors.Is(err, store.ErrHomeLost) || errors.As(err, &decided) {
			return err
		}
		time.Sleep(pause)
	}
}

// ensureStored creates the session in the store, when the first visible
// participant joins.
func (s *Session) ensureStored() error {
	if s.stored {
		return nil
	}
	now := timestamp()
	err := s.registry.store.Write(context.Background(), func(tx *store.Tx) error {
		if err := tx.RequireHome(s.stageARN, s.home); err != nil {
			return err
		}
		tx.Emit(event.SessionStarted(s.stageARN, s.id, now))
		return tx.OpenSession(store.Session{StageARN: s.stageARN, ID: s.id, Start: now, Node: s.registry.nodeID})
	})
	switch {
	case errors.Is(err, store.ErrHomeLost):
		s.homeLost = true
		return homeLost(err)
	case errors.Is(err, ivsrealtime.ResourceNotFound):
		return authority.Refuse(authority.NotFound, authority.StageDeleted, "the stage does not exist or was deleted")
	case errors.Is(err, ivsrealtime.Conflict):
		return &authority.Refusal{Code: authority.Failed, Kind: authority.Unavailable, Detail: "the stage's session runs on another server, or on one that just ended", RetryAfter: 5 * time.Second, Err: err}
	case err != nil:
		return authority.Failure("start a session", err)
	}
	s.stored = true
	return nil
}

// timestamp is the current time, as the API shows times.
func timestamp() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }
