package realtime

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"rostrum/internal/wire"
)

// Config says how a stage is joined. The zero value is usable.
type Config struct {
	// Network is which transports media may use; empty is AnyNetwork.
	Network Network
	// Rejoin is how long lost connections are tried again, with doubling pauses: 0 is 30 s,
	// NoRejoin ends the stage with its events, and media when they are lost.
	Rejoin time.Duration
	// Client makes HTTP requests; nil is one with a timeout of 15 s.
	Client *http.Client
	// EarlySubscriptions is how many publishers of a stage on a Connection are subscribed to in
	// the request to join it, before it is known who they are: their media come a round trip
	// earlier. Subscribe takes these subscriptions, unless its config is AudioOnly or NoRED.
	// Those that are not taken within two seconds after Join end. 0, the default, makes none.
	EarlySubscriptions int
	// NoQualityReports reports nothing of how well media get through to the server's quality
	// history.
	NoQualityReports bool
}

// A Stage is a stage that was joined. It is the participant's presence: others see it until
// Close. Its methods may be called from any goroutine.
type Stage struct {
	cfg        Config
	socket     *socket
	attachment string      // on a connection; empty on a socket of its own
	connection *Connection // nil without
	early      *earlySubscriptions
	events     *eventQueue

	ready   chan struct{} // closed after the first whole state
	leaving chan struct{} // closed when the stage ends, or Close was called
	done    chan struct{} // closed when all has ended

	mu      sync.Mutex // guards what follows
	err     error      // why it ended; set before leaving is closed
	token   Token
	roster  roster
	joined  bool      // ready is closed
	lost    bool      // ConnectionLost was sent
	seen    uint64    // the last sequence number
	refused time.Time // since when attaching it again is refused; zero while it is not
	mediaState
}

// mediaState is what a stage knows of its media; the Stage's mutex guards it.
type mediaState struct {
	muted         [2]bool  // by Kind
	unused        []string // layers that nobody receives
	publication   *Publication
	subscriptions []*Subscription
	exchange      chan error // of the exchange that waits for its end; else nil
	exchanging    Token
}

func newStage(token Token, cfg Config) *Stage {
	s := &Stage{
		cfg: cfg, token: token, events: newEventQueue(),
		ready: make(chan struct{}), leaving: make(chan struct{}), done: make(chan struct{}),
	}
	s.roster = roster{self: token.ParticipantID, emit: s.events.add}
	return s
}

// Join joins the stage of a participant token and returns once its participants are known;
// ctx bounds that. A refusal of the server is a *Problem with a Code. The caller closes the
// Stage.
func Join(ctx context.Context, token string, cfg Config) (*Stage, error) {
	t, err := ReadToken(token)
	if err != nil {
		return nil, err
	}
	s := newStage(t, cfg)
	s.socket = &socket{client: cfg.Client, rejoin: rejoinLimit(cfg.Rejoin), owner: s}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.end(s.socket.run(running))
	}()
	go s.finish(func() { stop(); <-ended })
	return s.awaitReady(ctx)
}

// awaitReady waits until the stage is joined, or closes it.
func (s *Stage) awaitReady(ctx context.Context) (*Stage, error) {
	select {
	case <-s.ready:
		return s, nil
	case <-s.leaving:
		<-s.done
		return nil, fmt.Errorf("join the stage: %w", s.Err())
	case <-ctx.Done():
		s.end(ErrClosed)
		<-s.done
		return nil, fmt.Errorf("join the stage: %w", ctx.Err())
	}
}

// end ends the stage, once.
func (s *Stage) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
		close(s.leaving)
	}
}

// finish closes media, and then the events, once the stage ends. Until then it reports their
// quality.
func (s *Stage) finish(release func()) {
	ctx, stop := context.WithCancel(context.Background())
	var reporting sync.WaitGroup
	if !s.cfg.NoQualityReports {
		reporting.Go(func() { s.reportQuality(ctx) })
	}
	<-s.leaving
	stop()
	reporting.Wait()
	s.closeMedia()
	s.early.wait()
	release()
	s.events.close()
	close(s.done)
}

func (s *Stage) closeMedia() {
	s.mu.Lock()
	publication, subscriptions := s.publication, slices.Clone(s.subscriptions)
	s.mu.Unlock()
	var closing sync.WaitGroup
	if publication != nil {
		closing.Go(func() { _ = publication.Close() }) // its Err has it
	}
	for _, sub := range subscriptions {
		closing.Go(func() { _ = sub.Close() })
	}
	closing.Wait()
}

// Close leaves the stage, with all its media. It returns when nothing is left: no goroutine
// runs, and no function of the caller's is called any more. It may be called twice.
func (s *Stage) Close() error {
	s.end(ErrClosed)
	<-s.done
	return nil
}

// Done is closed when the stage has ended.
func (s *Stage) Done() <-chan struct{} { return s.done }

// Err is nil until the stage ends. Then it says why: ErrClosed; a *Problem, whose Code says
// whether joining again makes sense; or the error of the last attempt to reconnect.
func (s *Stage) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Events are the events of the stage, in order, beginning with the participants that were
// there. The channel is closed when the stage has ended. Of events that are not received 1024
// wait; further ones are dropped and counted by Missed.
func (s *Stage) Events() <-chan Event { return s.events.out }

// Participants are all that are on the stage now, in order of arrival; of large stages the
// publishers and the local participant.
func (s *Stage) Participants() []Participant {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.roster.participants)
}

// Token is the participant's newest token.
func (s *Stage) Token() Token {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.token
}

// address implements socketOwner.
func (s *Stage) address() (string, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token.EventsURL == "" || s.token.StageID == "" {
		return "", "", errors.New("the token has no events_url or no topic: it has no events")
	}
	u, err := url.JoinPath(s.token.EventsURL, url.PathEscape(s.token.StageID))
	if err != nil {
		return "", "", fmt.Errorf("the token's events_url: %w", err)
	}
	u += "?changes=only"
	if s.seen > 0 {
		u += "&after=" + strconv.FormatUint(s.seen, 10)
	}
	return u, s.token.Raw, nil
}

// firstMessages implements socketOwner.
func (s *Stage) firstMessages(connected func()) [][]byte {
	s.restored()
	connected()
	return s.state()
}

// restored reports that the events are back, if they were lost. Those that were missed follow.
func (s *Stage) restored() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused = time.Time{}
	if s.lost {
		s.lost = false
		s.events.add(ConnectionRestored{})
	}
}

// state is what the server does not know of a new socket.
func (s *Stage) state() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.muted == [2]bool{} {
		return nil
	}
	return [][]byte{to(s.attachment, wire.Encode(0, s.mute()))}
}

// handle implements socketOwner.
func (s *Stage) handle(m wire.Message) error {
	if closing, ok := m.Payload.(wire.Closing); ok {
		if _, restarts := closing.(wire.GoingAway); restarts {
			return errGoingAway
		}
		return problemOfClosing(closing)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = max(s.seen, m.Sequence)
	s.apply(m.Payload)
	return nil
}

// apply takes a message; s.mu is held.
func (s *Stage) apply(p wire.Payload) {
	s.roster.apply(p)
	switch p := p.(type) {
	case wire.StageState:
		if !s.joined {
			s.joined = true
			close(s.ready)
		}
	case wire.Layers:
		s.events.add(layersChanged(p))
	case wire.LayerSelected:
		s.events.add(layerSelected(p))
	case wire.ActiveSpeaker:
		s.events.add(ActiveSpeaker{p.ParticipantID})
	case wire.LayersUnused:
		s.pauseLayers(p.Labels)
	case wire.TokenExchanged:
		if s.exchange != nil {
			s.token = s.exchanging
			s.endExchange(nil)
		}
	}
}

// disconnected implements socketOwner. Without events all layers are sent.
func (s *Stage) disconnected(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pauseLayers(nil)
	if s.exchange != nil {
		s.endExchange(fmt.Errorf("exchange the token: %w", err))
	}
	if s.joined && !s.lost && s.err == nil {
		s.lost = true
		s.events.add(ConnectionLost{Err: err})
	}
}

// ExchangeToken replaces the participant's token, which may have other attributes,
// capabilities and times. A token that the server does not accept ends the stage with a
// *Problem.
func (s *Stage) ExchangeToken(ctx context.Context, token string) error {
	t, err := ReadToken(token)
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	s.mu.Lock()
	if s.exchange != nil {
		s.mu.Unlock()
		return errors.New("another exchange of the token is not complete")
	}
	s.exchange, s.exchanging = done, t
	s.mu.Unlock()
	if err := s.socket.send(ctx, s.attachment, wire.ExchangeToken{Token: t.Raw}); err != nil {
		s.mu.Lock()
		s.endExchange(nil)
		s.mu.Unlock()
		return fmt.Errorf("exchange the token: %w", err)
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// endExchange ends the exchange that waits, if any; s.mu is held.
func (s *Stage) endExchange(err error) {
	if s.exchange != nil {
		s.exchange <- err
		s.exchange = nil
	}
}
