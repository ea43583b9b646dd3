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

// A Session is one sitting of a stage: an actor, whose goroutine alone touches
// what is not constant. What it may do is in transition.go; here is how it is
// made to do it.
type Session struct {
	registry *Registry
	stageARN string
	stageID  string
	world    world
	id       string
	router   *sfu.Router
	inbox    *inbox
	over     chan struct{} // closed when the goroutine has ended
	counts   atomic.Pointer[Counts]

	opened       bool // it is in the store: somebody visible has joined
	ended        bool
	idle         *time.Timer // ends the session
	participants map[string]*participant
	order        uint64        // of the last join
	joined       int           // visible participants
	publishers   int           // slots taken
	subscribers  int           // slots taken
	subscribed   int           // slots of the account taken: a subscriber has one for each subscription
	complaints   *rate.Limiter // of failed attempts in the history: anyone with a token can fail at will

	journal  journal
	audience audience
}

// Failed attempts beyond this rate, a second and session, are not recorded.
const (
	complaintRate  = 5
	complaintBurst = 200
)

// A journal is what a batch of transitions has to write, and whom to answer
// once it is written.
type journal struct {
	changes []func(tx *store.Tx) error
	waiting []waiter
}

// A waiter is answered with result once the batch is kept.
type waiter struct {
	done   chan<- error
	result error
}

func newSession(r *Registry, g authority.Grant) *Session {
	s := &Session{
		registry: r, stageARN: g.StageARN, stageID: g.StageID, world: world{g.Account, g.Region},
		id: arn.NewSessionID(), inbox: newInbox(), over: make(chan struct{}),
		participants: map[string]*participant{}, complaints: rate.NewLimiter(complaintRate, complaintBurst),
	}
	s.audience.listeners = map[*Attendance]*participant{}
	s.audience.sequence = uint64(time.Now().UnixMicro()) // above all numbers of earlier sessions
	s.router = r.engine.NewRouter(sfu.RouterConfig{Notify: s.routerEvent})
	return s
}

// run is the session's goroutine. It takes what has come, writes all that
// follows from it in one transaction, and only then tells anybody.
func (s *Session) run() {
	defer close(s.over)
	for !s.ended {
		<-s.inbox.ready
		s.batch()
		s.endIfAbandoned()
	}
	s.commit()
	s.giveBack()
	s.router.Close()
	s.registry.forget(s)
	s.inbox.close()
	for all := s.inbox.take(); len(all) > 0; all = s.inbox.take() {
		for _, f := range all { // each finds that the session has ended
			f()
		}
		s.commit()
	}
}

// batch does what has come. A fault in one session must not end the others: it
// ends this one, which is then closed as if its node had died.
func (s *Session) batch() {
	todo := s.inbox.take()
	defer func() {
		fault := recover()
		if fault == nil {
			return
		}
		s.registry.cfg.Log.Error("a stage session failed", "stage", s.stageARN, "session", s.id, "fault", fault, "stack", string(debug.Stack()))
		s.abandon()
		for _, f := range todo { // each finds that the session has ended
			f()
		}
	}()
	for len(todo) > 0 {
		f := todo[0]
		todo = todo[1:]
		f()
	}
	s.commit()
}

// abandon ends the session without relying on what it knows.
func (s *Session) abandon() {
	s.ended = true
	for _, w := range s.journal.waiting {
		w.done <- authority.Failure("go on with the session", nil)
	}
	s.journal = journal{}
	for a := range s.audience.listeners {
		a.how.Deliver(Message{Data: wire.Encode(0, goingAway), Last: true})
		s.registry.giveAttendance()
	}
	s.audience = audience{}
	s.registry.release(s)
	if err := s.registry.closeFailed(context.Background(), s.stageARN, s.id); err != nil {
		s.registry.cfg.Log.Error("the end of a failed stage session is lost", "stage", s.stageARN, "session", s.id, "error", err)
	}
}

// endIfAbandoned ends a session that nobody entered after all.
func (s *Session) endIfAbandoned() {
	if !s.opened && !s.ended && len(s.participants) == 0 {
		s.ended = true
	}
}

// ask has the session run f and returns its error, once anything that f noted is kept.
func (s *Session) ask(f func() error) error { return s.wait(f, false) }

// do is ask, and what was noted before f is kept too.
func (s *Session) do(f func() error) error { return s.wait(f, true) }

func (s *Session) wait(f func() error, always bool) error {
	done := make(chan error, 1)
	put := s.inbox.put(func() {
		ran := false
		defer func() {
			if !ran {
				done <- authority.Failure("go on with the session", nil)
			}
		}()
		noted := len(s.journal.changes)
		err := s.unlessEnded(f)
		ran = true
		if len(s.journal.changes) == noted && (err != nil || !always) {
			done <- err
			return
		}
		s.journal.waiting = append(s.journal.waiting, waiter{done, err})
	})
	if !put {
		return errOver
	}
	return <-done
}

func (s *Session) unlessEnded(f func() error) error {
	if s.ended {
		return errOver
	}
	return f()
}

// soon has the session run f, unless it ends before.
func (s *Session) soon(f func()) {
	s.inbox.put(func() {
		if !s.ended {
			f()
		}
	})
}

// after has the session run f when d has passed.
func (s *Session) after(d time.Duration, f func()) *time.Timer {
	return time.AfterFunc(d, func() { s.soon(f) })
}

// note adds a change to the batch's transaction. f may run more than once.
func (s *Session) note(f func(tx *store.Tx) error) { s.journal.changes = append(s.journal.changes, f) }

// emit adds an event to the batch's transaction.
func (s *Session) emit(e event.Event) {
	s.note(func(tx *store.Tx) error {
		tx.Emit(e)
		return nil
	})
}

// record adds to the history of a participant in the batch's transaction.
func (s *Session) record(participantID string, e ivsrealtime.Event) {
	e.ParticipantID = participantID
	ref := s.ref(participantID)
	s.note(func(tx *store.Tx) error { return tx.RecordEvent(ref, e) })
}

func (s *Session) ref(participantID string) store.ParticipantRef {
	return store.ParticipantRef{StageARN: s.stageARN, SessionID: s.id, ParticipantID: participantID}
}

// commit writes the batch, answers those who wait for it and tells the audience.
func (s *Session) commit() {
	var err error
	if len(s.journal.changes) > 0 {
		err = s.keep(s.journal.changes)
	}
	waiting := s.journal.waiting
	s.journal = journal{}
	for _, w := range waiting {
		if w.result == nil {
			w.result = err
		}
		w.done <- w.result
	}
	s.spread()
	s.counts.Store(&Counts{s.stageID, s.joined, s.publishers, s.subscribers, len(s.audience.listeners)})
}

// keep writes changes, patiently: the stage goes on while a disk is full for a
// moment. A change that the store refuses must not take the others with it.
func (s *Session) keep(changes []func(tx *store.Tx) error) error {
	err := s.insist(changes)
	var decided *ivsrealtime.Error
	if errors.As(err, &decided) && len(changes) > 1 {
		for _, f := range changes {
			_ = s.keep([]func(tx *store.Tx) error{f}) // each is logged by itself
		}
		return nil
	}
	if err != nil {
		s.registry.cfg.Log.Error("changes of a stage session are lost", "stage", s.stageARN, "session", s.id, "changes", len(changes), "error", err)
		return authority.Failure("keep the change", err)
	}
	return nil
}

// insist writes changes in one transaction, several times if it must.
func (s *Session) insist(changes []func(tx *store.Tx) error) error {
	const first, last = 20 * time.Millisecond, 2 * time.Second
	for pause := first; ; pause *= 2 {
		err := s.registry.store.Write(context.Background(), func(tx *store.Tx) error {
			for _, f := range changes {
				if err := f(tx); err != nil {
					return err
				}
			}
			return nil
		})
		var decided *ivsrealtime.Error
		if err == nil || pause > last || errors.Is(err, store.ErrClosed) || errors.As(err, &decided) {
			return err
		}
		time.Sleep(pause)
	}
}

// open begins the sitting in the store, when the first visible participant joins.
func (s *Session) open() error {
	if s.opened {
		return nil
	}
	now := moment()
	err := s.registry.store.Write(context.Background(), func(tx *store.Tx) error {
		tx.Emit(event.SessionStarted(s.stageARN, s.id, now))
		return tx.OpenSession(store.Session{StageARN: s.stageARN, ID: s.id, Start: now, Node: s.registry.node})
	})
	switch {
	case errors.Is(err, ivsrealtime.ResourceNotFound):
		return authority.Refuse(authority.NotFound, authority.StageDeleted, "the stage does not exist or was deleted")
	case errors.Is(err, ivsrealtime.Conflict):
		return &authority.Refusal{Code: authority.Failed, Kind: authority.Unavailable, Detail: "the stage's session runs on another server, or one that just ended", RetryAfter: 5 * time.Second, Err: err}
	case err != nil:
		return authority.Failure("begin a session", err)
	}
	s.opened = true
	return nil
}

// moment is now, as the API shows times.
func moment() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }
