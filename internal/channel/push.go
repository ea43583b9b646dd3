package channel

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"

	"rostrum/internal/event"
	"rostrum/internal/inbound"
	"rostrum/internal/outbound"
	"rostrum/internal/rtmp"
	"rostrum/internal/store"
)

// A push sends a session's stream to another platform, for as long as the
// session lasts. It reconnects after the peer refuses or fails. The session
// never waits for it.
type push struct {
	address     string // contains the peer's stream key: a secret
	host        string
	audioConfig []byte // AudioSpecificConfig; nil for none
	about       event.Channel
	denyPrivate bool // refuse private addresses
	store       *store.Store
	tls         *tls.Config
	log         *slog.Logger
	panics      *inbound.Panics

	frames   chan queuedFrame
	queued   atomic.Int64 // bytes
	skipping bool         // frames until the next keyframe; belongs to the caller of enqueue
	cancel   context.CancelFunc
	done     chan struct{}

	up         atomic.Bool
	reconnects atomic.Uint64
	dropped    atomic.Uint64 // frames
}

// A queuedFrame has the parameter sets that apply to it, if it is a keyframe.
type queuedFrame struct {
	rtmp.Frame
	sets [][]byte // SPS and all PPS
}

func (f queuedFrame) size() (n int64) {
	for _, u := range f.Units {
		n += int64(len(u))
	}
	return n
}

// Bounds and durations of a push.
const (
	maxPushFrames = 512
	maxPushBytes  = 16 << 20
	minPushRetry  = time.Second // before the second attempt; doubled with each
	maxPushRetry  = 30 * time.Second
	stablePush    = time.Minute     // a connection that lasted so long resets the pause
	pushDrainTime = 2 * time.Second // to send the queue after the session ended
	maxPushReason = 400             // bytes; the peer may have written it
)

// startPush starts to send a session's stream to an address.
func startPush(s *Session, address string, audioConfig []byte) *push {
	r := s.registry
	host := ""
	if u, err := url.Parse(address); err == nil {
		host = u.Host
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &push{
		address: address, host: host, audioConfig: audioConfig, about: s.about, denyPrivate: !r.cfg.PushPrivate, store: r.store, tls: r.cfg.PushTLS,
		log: r.cfg.Log.With("channel", s.about.ARN, "push", host), panics: r.cfg.Panics,
		frames: make(chan queuedFrame, maxPushFrames), cancel: cancel, done: make(chan struct{}),
	}
	go p.run(ctx)
	return p
}

// enqueue adds a frame to the queue. If the queue is full, frames are dropped
// until the next keyframe that finds room.
func (p *push) enqueue(f rtmp.Frame, sets [][]byte) {
	keyframe := f.Kind == rtmp.Video && f.Keyframe
	if p.skipping && !keyframe {
		return
	}
	item := queuedFrame{Frame: f}
	if keyframe {
		item.sets = sets
	}
	if p.queued.Load() < maxPushBytes {
		select {
		case p.frames <- item:
			p.queued.Add(item.size())
			p.skipping = false
			return
		default:
		}
	}
	p.skipping = true
	p.dropped.Add(1)
}

// close ends the push once the queue is sent, or after some time; at once if
// it is not connected.
func (p *push) close() {
	close(p.frames)
	if p.up.Load() {
		late := time.AfterFunc(pushDrainTime, p.cancel)
		defer late.Stop()
	} else {
		p.cancel()
	}
	<-p.done
	p.cancel()
}

func (p *push) dequeue() (queuedFrame, bool) {
	f, ok := <-p.frames
	p.queued.Add(-f.size())
	return f, ok
}

// run connects, sends, and reconnects, until the session ends.
func (p *push) run(ctx context.Context) {
	defer close(p.done)
	interruptionSaved := false // that it is interrupted
	for pause := minPushRetry; ; {
		began := time.Now()
		err := p.connectAndSend(ctx, func() { interruptionSaved = false })
		p.up.Store(false)
		if err == nil || ctx.Err() != nil {
			break
		}
		if time.Since(began) > stablePush {
			pause = minPushRetry
		}
		reason := p.reason(err)
		p.log.Warn("push is interrupted", "reason", reason, "again", pause)
		if !interruptionSaved {
			now := time.Now()
			p.saveState(&store.Push{Host: p.host, Since: now.UTC(), Reason: reason}, event.PushInterrupted(p.about, now, p.host, reason))
			interruptionSaved = true
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		pause = min(2*pause, maxPushRetry)
		p.reconnects.Add(1)
		if !p.discardQueue() {
			break
		}
	}
	p.saveState(nil, event.PushEnded(p.about, time.Now(), p.host))
	p.log.Info("push ended")
}

// discardQueue drops what was queued while the peer was away; false when the
// session ended.
func (p *push) discardQueue() bool {
	for {
		select {
		case f, ok := <-p.frames:
			if !ok {
				return false
			}
			p.queued.Add(-f.size())
			p.dropped.Add(1)
		default:
			return true
		}
	}
}

// connectAndSend is one connection, from a keyframe on; its error is nil when
// the session ended.
func (p *push) connectAndSend(ctx context.Context, connected func()) (err error) {
	defer func() {
		if fault := recover(); fault != nil { // what the peer sends must not end more
			p.panics.Record("push", fault, "channel", p.about.ARN)
			err = errors.New("the server failed to send")
		}
	}()
	f, ok := p.dequeue()
	for ; ok && f.sets == nil; f, ok = p.dequeue() { // until a keyframe
	}
	if !ok {
		return nil
	}
	about := rtmp.Stream{Sets: f.sets, Audio: p.audioConfig, Guard: outbound.Guard(!p.denyPrivate), TLS: p.tls}
	var format h264.SPS
	if format.Unmarshal(f.sets[0]) == nil {
		about.Width, about.Height, about.FrameRate = format.Width(), format.Height(), format.FPS()
	}
	to, err := rtmp.Dial(ctx, p.address, about)
	if err != nil {
		return err
	}
	defer to.Close()
	stop := context.AfterFunc(ctx, to.Abort)
	defer stop()
	p.up.Store(true)
	connected()
	p.log.Info("push started")
	now := time.Now()
	p.saveState(&store.Push{Host: p.host, Up: true, Since: now.UTC()}, event.PushStarted(p.about, now, p.host))
	first, sets := f.Decode, f.sets
	for ; ok; f, ok = p.dequeue() {
		f.Decode, f.Present = f.Decode-first, f.Present-first
		if f.Decode < 0 { // audio from before the first keyframe
			continue
		}
		if f.sets != nil && !slices.EqualFunc(f.sets, sets, bytes.Equal) {
			sets = f.sets
			if err := to.Send(rtmp.Frame{Kind: rtmp.VideoConfig, Decode: f.Decode, Units: sets}); err != nil {
				return err
			}
		}
		if err := to.Send(f.Frame); err != nil {
			return err
		}
	}
	return nil
}

// reason is the text of an error for events. It never contains the peer's
// stream key, even where the peer's answer does.
func (p *push) reason(err error) string {
	if errors.Is(err, outbound.ErrPrivate) {
		return outbound.ErrPrivate.Error()
	}
	text := err.Error()
	if i := strings.LastIndexByte(p.address, '/'); i >= 0 && i < len(p.address)-1 {
		text = strings.ReplaceAll(text, p.address[i+1:], "***")
	}
	return strings.ToValidUTF8(text[:min(len(text), maxPushReason)], "")
}

// saveState stores the state of the push, with its event.
func (p *push) saveState(state *store.Push, e event.Event) {
	err := p.store.Write(context.Background(), func(tx *store.Tx) error {
		_, err := tx.Channels().Update(p.about.ARN, func(c *store.Channel) error {
			c.Push = state
			return checkLive(c, p.about)
		})
		tx.Emit(e)
		return err
	})
	if err != nil {
		p.log.Error("store the state of the push", "error", err)
	}
}
