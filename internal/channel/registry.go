// Package channel runs the live channels of this node. An encoder's session
// begins with a stream key and ends with its connection; in between its video
// and audio are served as low-latency HLS. A stream does not survive the
// process: another node, or the next start, ends what a crash left live.
package channel

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/bus"
	"rostrum/internal/event"
	"rostrum/internal/hls"
	"rostrum/internal/inbound"
	"rostrum/internal/ivs"
	"rostrum/internal/node"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// Errors that refuse an encoder.
var (
	ErrKey      = errors.New("unknown stream key")
	ErrInsecure = errors.New("the channel accepts RTMPS only: use it, or set insecureIngest")
	ErrLive     = errors.New("the channel has an encoder already")
	ErrFull     = errors.New("too many streams are live")
	ErrClosing  = errors.New("the server is stopping")
)

// A Config has the addresses of channels, and their limits.
type Config struct {
	Ingest  string // host, and port unless it is that of RTMPS; empty without a listener for encoders
	Local   string // address for workers of this machine, HOST:PORT; empty for none
	Public  string // URL under which PlaybackPath is served
	Streams int    // live at once in an account and region; 0 for no limit
	Pixels  int    // of a video frame; 0 for no limit
	Bitrate int    // bits a second over some time; 0 for no limit
	Log     *slog.Logger
	Panics  *inbound.Panics // takes faults in pushing

	Bus *bus.Bus // reaches the other nodes; nil where there are none

	PushPrivate bool        // streams may be pushed to private addresses
	PushTLS     *tls.Config // for pushes over RTMPS; nil uses the system's roots
}

// A Registry has the sessions of this node. It is safe for concurrent use.
type Registry struct {
	store  *store.Store
	node   *node.Node
	nodeID string // this process in the store
	cfg    Config

	elsewhere elsewhere

	mu          sync.Mutex           // guards what follows
	sessions    map[string]*Session  // by channel ARN
	playbacks   map[string]*playback // by channel id
	workerKeys  map[[sha256.Size]byte]reservation
	quotaEvents map[store.Owner]time.Time // when the last event about a reached quota was stored
	order       int64
	closed      bool
	running     sync.WaitGroup // sessions
}

// NewRegistry makes the registry of a node.
func NewRegistry(s *store.Store, n *node.Node, cfg Config) *Registry {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	r := &Registry{
		store: s, node: n, nodeID: n.ID(), cfg: cfg, sessions: map[string]*Session{}, playbacks: map[string]*playback{},
		workerKeys: map[[sha256.Size]byte]reservation{}, quotaEvents: map[store.Owner]time.Time{},
	}
	n.OnDead(r.closeDead)
	if cfg.Bus != nil {
		r.serveBus(cfg.Bus)
	}
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

// end takes a channel that a node holds offline, with its events; cause is nil for
// a stream that did not fail. A channel that the node no longer holds is left as
// it is: another node has ended the stream.
func end(tx *store.Tx, channelARN, nodeID string, at time.Time, cause error) error {
	if held, err := tx.Release(channelARN, nodeID); err != nil || !held {
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
	if cause != nil {
		tx.Emit(event.StreamFailed(about, at, cause.Error()))
	}
	if !was.StreamStart.IsZero() || was.SessionStart.IsZero() { // older versions store neither
		tx.Emit(event.StreamEnded(about, at))
	}
	tx.Emit(event.StreamSessionEnded(about, at))
	return nil
}

// A Source is how an encoder connected.
type Source struct {
	Secure bool   // by TLS, or from this machine
	Drop   func() // ends the connection
}

// Begin checks a stream key and makes its channel live. The errors that an
// encoder may be recent are those above.
func (r *Registry) Begin(ctx context.Context, key string, from Source) (*Session, error) {
	name, ofWorker, err := r.findChannel(ctx, key)
	if err != nil {
		return nil, err
	}
	s := newSession(r, name, from.Drop)
	if !ofWorker { // the encoder configuration bounds what workers send
		s.maxBitrate = r.cfg.Bitrate
	}
	err = r.addSession(s)
	if errors.Is(err, ErrLive) && r.dropSilent(ctx, name) {
		err = r.addSession(s)
	}
	if errors.Is(err, ErrFull) {
		r.emitQuotaExceeded(s)
	}
	if err != nil {
		return nil, err
	}
	err = r.goLive(ctx, s, from.Secure || ofWorker)
	if err != nil {
		_ = s.muxer.Close() // it wrote nothing
		r.removeSession(s)
		if errors.Is(err, ivsrealtime.ResourceNotFound) { // deleted since its key was found
			err = ErrKey
		}
		return nil, err
	}
	return s, nil
}

// goLive stores that a session's channel is live, on this node.
func (r *Registry) goLive(ctx context.Context, s *Session, secure bool) error {
	name, now := s.about.ARN, time.Now().UTC()
	return r.store.Write(ctx, func(tx *store.Tx) error {
		switch err := tx.Hold(name, r.nodeID); {
		case errors.Is(err, ivsrealtime.Conflict):
			return ErrLive
		case err != nil:
			return err
		}
		_, err := tx.Channels().Update(name, func(c *store.Channel) error {
			switch {
			case c.StreamID != "":
				return ErrLive
			case !secure && !c.InsecureIngest:
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
}

// quotaEventInterval is the least time between events about the reached quota
// of an account: encoders retry at once.
const quotaEventInterval = time.Minute

// emitQuotaExceeded stores the event that a session was refused because its
// owner's quota is reached.
func (r *Registry) emitQuotaExceeded(s *Session) {
	now := time.Now()
	r.mu.Lock()
	recent := now.Sub(r.quotaEvents[s.owner]) < quotaEventInterval
	if !recent {
		r.quotaEvents[s.owner] = now
	}
	r.mu.Unlock()
	if !recent {
		s.emitEvent(event.BroadcastsExceeded(s.about, now, r.cfg.Streams))
	}
}

// silentAfter is how long an encoder may send nothing before another may
// replace it: after a network failure an encoder reconnects before its old
// connection is known to be dead.
const silentAfter = 4 * time.Second

// dropSilent drops the encoder of a channel if it is silent, and reports
// whether the channel is free.
func (r *Registry) dropSilent(ctx context.Context, channelARN string) bool {
	s := r.findSession(channelARN)
	if s == nil {
		return true
	}
	if time.Since(s.lastHeard()) < silentAfter {
		return false
	}
	r.stopHere(ctx, channelARN)
	return true
}

// findChannel finds the channel of a stream key. The lookup uses a keyed hash,
// so that its duration reveals nothing about existing keys.
func (r *Registry) findChannel(ctx context.Context, key string) (name string, ofWorker bool, err error) {
	r.mu.Lock()
	reserved, ofWorker := r.workerKeys[sha256.Sum256([]byte(key))]
	r.mu.Unlock()
	if ofWorker {
		return reserved.channel, true, nil
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

// addSession registers a session, unless its channel has one or the quota is
// reached.
func (r *Registry) addSession(s *Session) error {
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
	r.order = max(r.order+1, time.Now().UnixMicro()) // streams of several nodes are listed in one order
	s.order = r.order
	r.sessions[s.about.ARN] = s
	s.muxer = hls.NewMuxer(r.beginPlayback(s).live)
	r.running.Add(1)
	return nil
}

func (r *Registry) removeSession(s *Session) {
	r.mu.Lock()
	delete(r.sessions, s.about.ARN)
	r.endPlayback(s)
	r.mu.Unlock()
	close(s.done)
	r.running.Done()
}

// findSession returns a channel's session, nil when it has none.
func (r *Registry) findSession(channelARN string) *Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sessions[channelARN]
}

// streamHere describes a stream of this node; false while the channel is offline here.
func (r *Registry) streamHere(channelARN string) (ivs.Stream, bool) {
	s := r.findSession(channelARN)
	if s == nil {
		return ivs.Stream{}, false
	}
	return s.stream()
}

// streamsHere lists the streams of this node that a query asks for, oldest first.
func (r *Registry) streamsHere(q streamQuery) (page []positioned) {
	r.mu.Lock()
	var mine []*Session
	for _, s := range r.sessions {
		if s.owner == q.Owner && s.order > q.After {
			mine = append(mine, s)
		}
	}
	r.mu.Unlock()
	slices.SortFunc(mine, func(a, b *Session) int { return cmp.Compare(a.order, b.order) })
	for _, s := range mine {
		shown, ok := s.stream()
		if !ok || q.Health != "" && shown.Health != q.Health {
			continue
		}
		if page = append(page, positioned{shown, s.order}); len(page) > q.Limit {
			break
		}
	}
	return page
}

// stopTimeout bounds how long Stop waits.
const stopTimeout = 5 * time.Second

// stopHere drops the encoder of a channel on this node, and returns once the channel is
// offline, or ctx ends; false when it was offline.
func (r *Registry) stopHere(ctx context.Context, channelARN string) bool {
	s := r.findSession(channelARN)
	if s == nil {
		return false
	}
	s.drop()
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	select {
	case <-s.done:
	case <-ctx.Done():
	}
	return true
}

// Close drops all encoders and waits until their channels are offline.
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
	r.running.Wait()
	r.closePlaybacks()
	return nil
}

// Stats returns those of the channels that are live on this node, by id.
func (r *Registry) Stats() []Stats {
	r.mu.Lock()
	sessions := make([]*Session, 0, len(r.sessions))
	for _, s := range r.sessions {
		sessions = append(sessions, s)
	}
	r.mu.Unlock()
	var all []Stats
	for _, s := range sessions {
		if shown, ok := s.stats(); ok {
			all = append(all, shown)
		}
	}
	slices.SortFunc(all, func(a, b Stats) int { return strings.Compare(a.ChannelID, b.ChannelID) })
	return all
}
