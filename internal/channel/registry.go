// Package channel is the channels on air: who may send to one, what it shows,
// and who watches. An encoder's session begins with a stream key and ends with
// its connection; in between its pictures and sound go out as low-latency HLS.
// Nothing of a stream survives the process: what a crash left live is ended by
// another node, or at the next start.
package channel

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/event"
	"rostrum/internal/inbound"
	"rostrum/internal/ivs"
	"rostrum/internal/node"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// What an encoder is told when it is refused.
var (
	ErrKey      = errors.New("the stream key is not known")
	ErrInsecure = errors.New("the channel takes RTMPS alone: use it, or set insecureIngest")
	ErrLive     = errors.New("the channel has an encoder already")
	ErrFull     = errors.New("too many streams are live")
	ErrClosing  = errors.New("the server is stopping")
)

// Config is where channels are reached, and how many may be live.
type Config struct {
	Ingest  string // host, and port unless it is that of RTMPS; empty when encoders have no door
	Local   string // address at which this machine's own workers send, HOST:PORT; empty for none
	Public  string // URL under which PlaybackPath is served
	Streams int    // live at once in an account and region; 0 for no limit
	Pixels  int    // of a picture that an encoder may send; 0 for no limit
	Bitrate int    // bits a second that an encoder may send for long; 0 for no limit
	Log     *slog.Logger
	Panics  *inbound.Panics // takes faults in pushing

	PushPrivate bool        // streams may be sent on to private addresses
	PushTLS     *tls.Config // of those that go by RTMPS; nil takes the system's roots
}

// A Registry has the sessions of this process.
type Registry struct {
	store *store.Store
	node  string // this process in the store
	cfg   Config

	mu       sync.Mutex          // guards what follows
	sessions map[string]*Session // by channel ARN
	byID     map[string]*Session // by the last part of it
	tickets  map[[sha256.Size]byte]string
	full     map[store.Owner]time.Time // when it was last told of one that has all it may
	order    int64
	closed   bool
	open     sync.WaitGroup // sessions
}

// NewRegistry makes the registry of a node.
func NewRegistry(s *store.Store, n *node.Node, cfg Config) *Registry {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	r := &Registry{
		store: s, node: n.ID(), cfg: cfg, sessions: map[string]*Session{}, byID: map[string]*Session{},
		tickets: map[[sha256.Size]byte]string{}, full: map[store.Owner]time.Time{},
	}
	n.OnDead(r.closeDead)
	return r
}

// closeDead ends the streams that a dead node left live, as of its last heartbeat.
func (r *Registry) closeDead(ctx context.Context, dead store.Node) error {
	var held []string
	err := r.store.Read(ctx, func(tx *store.Tx) (err error) {
		held, err = tx.Held(dead.ID)
		return err
	})
	for _, name := range held {
		if a, parsed := arn.Parse(name); parsed != nil || a.Type != arn.Channel {
			continue
		}
		err = errors.Join(err, r.store.Write(ctx, func(tx *store.Tx) error { return end(tx, name, dead.ID, dead.Seen, nil) }))
	}
	return err
}

// end takes a channel that a node holds offline, with its events; why is nil for
// a stream that did not fail. A channel that the node no longer holds is left as
// it is: another node has ended the stream.
func end(tx *store.Tx, channelARN, node string, at time.Time, why error) error {
	if held, err := tx.Release(channelARN, node); err != nil || !held {
		return err
	}
	var was store.Channel
	_, err := tx.Channels().Update(channelARN, func(c *store.Channel) error {
		was = *c
		c.StreamID, c.SessionStart, c.StreamStart, c.Push = "", time.Time{}, time.Time{}, nil
		return nil
	})
	if err != nil {
		return err
	}
	for _, start := range []time.Time{was.SessionStart, was.StreamStart} {
		if at.Before(start) {
			at = start
		}
	}
	about := event.Channel{ARN: was.ARN, Name: was.Name, StreamID: was.StreamID}
	if why != nil {
		tx.Emit(event.StreamFailed(about, at, why.Error()))
	}
	if !was.StreamStart.IsZero() || was.SessionStart.IsZero() { // older versions kept neither
		tx.Emit(event.StreamEnded(about, at))
	}
	tx.Emit(event.StreamSessionEnded(about, at))
	return nil
}

// A Source is how an encoder reached the door.
type Source struct {
	Secure bool   // by TLS, or without leaving this machine
	Drop   func() // ends its connection
}

// Begin judges a stream key and puts its channel on air. The errors that an
// encoder may be told are those above.
func (r *Registry) Begin(ctx context.Context, key string, from Source) (*Session, error) {
	name, ticket, err := r.channelOf(ctx, key)
	if err != nil {
		return nil, err
	}
	s := newSession(r, name, from.Drop)
	if !ticket { // what our own workers send was bounded when it was configured
		s.most = r.cfg.Bitrate
	}
	err = r.enter(s)
	if errors.Is(err, ErrLive) && r.relieve(ctx, name) {
		err = r.enter(s)
	}
	if errors.Is(err, ErrFull) {
		r.tellFull(s)
	}
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC()
	err = r.store.Write(ctx, func(tx *store.Tx) error {
		switch err := tx.Hold(name, r.node); {
		case errors.Is(err, ivsrealtime.Conflict):
			return ErrLive
		case err != nil:
			return err
		}
		_, err := tx.Channels().Update(name, func(c *store.Channel) error {
			switch {
			case c.StreamID != "":
				return ErrLive
			case !from.Secure && !ticket && !c.InsecureIngest:
				return ErrInsecure
			}
			c.StreamID, c.SessionStart = s.about.StreamID, now
			s.about.Name, s.pushURL = c.Name, c.Tags[ivs.TagPushURL]
			return nil
		})
		if err != nil {
			return err
		}
		tx.Emit(event.StreamSessionCreated(s.about, now))
		return nil
	})
	if err != nil {
		r.leave(s)
		if errors.Is(err, ivsrealtime.ResourceNotFound) { // deleted since its key was found
			err = ErrKey
		}
		return nil, err
	}
	return s, nil
}

// fullEvery is how often it is told that an account has all the streams it may:
// encoders knock again at once.
const fullEvery = time.Minute

// tellFull tells that a session was refused because its owner has all it may.
func (r *Registry) tellFull(s *Session) {
	now := time.Now()
	r.mu.Lock()
	told := now.Sub(r.full[s.owner]) < fullEvery
	if !told {
		r.full[s.owner] = now
	}
	r.mu.Unlock()
	if !told {
		s.tell(event.BroadcastsExceeded(s.about, now, r.cfg.Streams))
	}
}

// relieveAfter is how long an encoder may send nothing before another takes its
// place: one whose network broke comes back before its old connection is known
// to be dead.
const relieveAfter = 4 * time.Second

// relieve drops the encoder of a channel if it is silent, and reports whether the
// channel is free.
func (r *Registry) relieve(ctx context.Context, channelARN string) bool {
	s := r.session(channelARN)
	if s == nil {
		return true
	}
	if time.Since(s.heard()) < relieveAfter {
		return false
	}
	r.Stop(ctx, channelARN)
	return true
}

// channelOf is the channel that a key opens. Keys are looked up by a keyed hash,
// so that the time it takes tells nothing about those there are.
func (r *Registry) channelOf(ctx context.Context, key string) (name string, ticket bool, err error) {
	r.mu.Lock()
	name, ticket = r.tickets[sha256.Sum256([]byte(key))]
	r.mu.Unlock()
	if ticket {
		return name, true, nil
	}
	err = r.store.Read(ctx, func(tx *store.Tx) error {
		k, err := tx.StreamKey(key)
		if err == nil {
			name = k.ChannelARN
		}
		return err
	})
	if errors.Is(err, ivsrealtime.ResourceNotFound) {
		err = ErrKey
	}
	return name, false, err
}

// enter takes a session in, unless its channel has one or there are too many.
func (r *Registry) enter(s *Session) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return ErrClosing
	}
	if r.sessions[s.about.ARN] != nil {
		return ErrLive
	}
	n := 0
	for _, other := range r.sessions {
		if other.owner == s.owner {
			n++
		}
	}
	if r.cfg.Streams > 0 && n >= r.cfg.Streams {
		return ErrFull
	}
	r.order++
	s.order = r.order
	r.sessions[s.about.ARN], r.byID[s.id] = s, s
	r.open.Add(1)
	return nil
}

func (r *Registry) leave(s *Session) {
	r.mu.Lock()
	delete(r.sessions, s.about.ARN)
	delete(r.byID, s.id)
	r.mu.Unlock()
	close(s.over)
	r.open.Done()
}

// session is a channel's, nil while it has none.
func (r *Registry) session(channelARN string) *Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sessions[channelARN]
}

// Stream is what a channel shows; false while it is offline.
func (r *Registry) Stream(channelARN string) (ivs.Stream, bool) {
	s := r.session(channelARN)
	if s == nil {
		return ivs.Stream{}, false
	}
	return s.stream()
}

// Streams are what an owner's channels show, oldest first, from a position on,
// with the position of the next page; 0 ends the list.
func (r *Registry) Streams(o store.Owner, health ivs.Health, p store.Page) (page []ivs.Stream, next int64) {
	r.mu.Lock()
	var mine []*Session
	for _, s := range r.sessions {
		if s.owner == o && s.order > p.After {
			mine = append(mine, s)
		}
	}
	r.mu.Unlock()
	slices.SortFunc(mine, func(a, b *Session) int { return int(a.order - b.order) })
	last := int64(0)
	for _, s := range mine {
		shown, ok := s.stream()
		if !ok || health != "" && shown.Health != health {
			continue
		}
		if len(page) == p.Limit {
			return page, last
		}
		page, last = append(page, shown), s.order
	}
	return page, 0
}

// stopTime bounds how long Stop waits.
const stopTime = 5 * time.Second

// Stop drops the encoder of a channel, and returns once the channel is off air, or
// ctx ends; false while it is offline.
func (r *Registry) Stop(ctx context.Context, channelARN string) bool {
	s := r.session(channelARN)
	if s == nil {
		return false
	}
	s.drop()
	ctx, cancel := context.WithTimeout(ctx, stopTime)
	defer cancel()
	select {
	case <-s.over:
	case <-ctx.Done():
	}
	return true
}

// Close drops all encoders and waits until their channels are off air.
func (r *Registry) Close() error {
	r.mu.Lock()
	r.closed = true
	all := make([]*Session, 0, len(r.sessions))
	for _, s := range r.sessions {
		all = append(all, s)
	}
	r.mu.Unlock()
	for _, s := range all {
		s.drop()
	}
	r.open.Wait()
	return nil
}
