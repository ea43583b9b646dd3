package channel

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/url"
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

// A push sends a session's stream on to another platform, for as long as the
// session lasts: a peer that refuses it or goes away is tried again. The session
// never waits for it.
type push struct {
	address string // with the peer's stream key: a secret
	host    string
	sound   []byte // AudioSpecificConfig; nil for none
	about   event.Channel
	guard   bool // refuse addresses that are private
	store   *store.Store
	tls     *tls.Config
	log     *slog.Logger
	panics  *inbound.Panics

	frames chan pushed
	queued atomic.Int64 // bytes
	skips  bool         // until the next keyframe; of who offers
	cancel context.CancelFunc
	ended  chan struct{}

	up         atomic.Bool
	reconnects atomic.Uint64
	dropped    atomic.Uint64 // frames
}

// A pushed frame has the parameter sets in force with it, if it is a keyframe.
type pushed struct {
	rtmp.Frame
	sps, pps []byte
}

func (f pushed) size() (n int64) {
	for _, u := range f.Units {
		n += int64(len(u))
	}
	return n
}

// Bounds and pace of a push.
const (
	pushFrames   = 512
	pushBytes    = 16 << 20
	pushAgain    = time.Second // before the second attempt, doubled with each
	pushAgainMax = 30 * time.Second
	pushGood     = time.Minute     // a connection of that length was none that fails
	pushFarewell = 2 * time.Second // for what is queued when the session ends
	pushWords    = 400             // bytes of a reason, which may be the peer's
)

// startPush begins to send a session's stream to an address.
func startPush(s *Session, address string, sound []byte) *push {
	r := s.registry
	host := ""
	if u, err := url.Parse(address); err == nil {
		host = u.Host
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &push{
		address: address, host: host, sound: sound, about: s.about, guard: !r.cfg.PushPrivate, store: r.store, tls: r.cfg.PushTLS,
		log: r.cfg.Log.With("channel", s.about.ARN, "push", host), panics: r.cfg.Panics,
		frames: make(chan pushed, pushFrames), cancel: cancel, ended: make(chan struct{}),
	}
	go p.run(ctx)
	return p
}

// offer hands a frame over if the push keeps up; if not, it misses all until the
// next keyframe that finds room.
func (p *push) offer(f rtmp.Frame, sps, pps []byte) {
	keyframe := f.Kind == rtmp.Video && f.Keyframe
	if p.skips && !keyframe {
		return
	}
	item := pushed{Frame: f}
	if keyframe {
		item.sps, item.pps = sps, pps
	}
	if p.queued.Load() < pushBytes {
		select {
		case p.frames <- item:
			p.queued.Add(item.size())
			p.skips = false
			return
		default:
		}
	}
	p.skips = true
	p.dropped.Add(1)
}

// close ends the push once the peer has what was offered, or after some time; at
// once if the peer is not there.
func (p *push) close() {
	close(p.frames)
	if p.up.Load() {
		late := time.AfterFunc(pushFarewell, p.cancel)
		defer late.Stop()
	} else {
		p.cancel()
	}
	<-p.ended
	p.cancel()
}

func (p *push) take() (pushed, bool) {
	f, ok := <-p.frames
	p.queued.Add(-f.size())
	return f, ok
}

// run connects, sends, and connects again, until the session ends.
func (p *push) run(ctx context.Context) {
	defer close(p.ended)
	told := false // that it is interrupted
	for pause := pushAgain; ; {
		began := time.Now()
		err := p.attempt(ctx, func() { told = false })
		p.up.Store(false)
		if err == nil || ctx.Err() != nil {
			break
		}
		if time.Since(began) > pushGood {
			pause = pushAgain
		}
		why := p.reason(err)
		p.log.Warn("push is interrupted", "reason", why, "again", pause)
		if !told {
			now := time.Now()
			p.keep(&store.Push{Host: p.host, Since: now.UTC(), Reason: why}, event.PushInterrupted(p.about, now, p.host, why))
			told = true
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		pause = min(2*pause, pushAgainMax)
		p.reconnects.Add(1)
		if !p.forget() {
			break
		}
	}
	p.keep(nil, event.PushEnded(p.about, time.Now(), p.host))
	p.log.Info("push ended")
}

// forget drops what waited for a peer that was not there; false when the session
// has ended.
func (p *push) forget() bool {
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

// attempt is one connection, from a keyframe on; nil when the session ended.
func (p *push) attempt(ctx context.Context, connected func()) (err error) {
	defer func() {
		if fault := recover(); fault != nil { // what the peer sends must not end more
			p.panics.Record("push", fault, "channel", p.about.ARN)
			err = errors.New("the server failed to send")
		}
	}()
	f, ok := p.take()
	for ; ok && f.sps == nil; f, ok = p.take() { // until a keyframe
	}
	if !ok {
		return nil
	}
	about := rtmp.Stream{SPS: f.sps, PPS: f.pps, Audio: p.sound, Guard: outbound.Guard(!p.guard), TLS: p.tls}
	var format h264.SPS
	if format.Unmarshal(f.sps) == nil {
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
	p.log.Info("push goes on air")
	now := time.Now()
	p.keep(&store.Push{Host: p.host, Up: true, Since: now.UTC()}, event.PushStarted(p.about, now, p.host))
	first, sets := f.Decode, string(f.sps)+string(f.pps)
	for ; ok; f, ok = p.take() {
		f.Decode, f.Present = f.Decode-first, f.Present-first
		if f.Decode < 0 { // sound of before the first picture
			continue
		}
		if these := string(f.sps) + string(f.pps); f.sps != nil && these != sets {
			sets = these
			if err := to.Send(rtmp.Frame{Kind: rtmp.VideoConfig, Decode: f.Decode, Units: [][]byte{f.sps, f.pps}}); err != nil {
				return err
			}
		}
		if err := to.Send(f.Frame); err != nil {
			return err
		}
	}
	return nil
}

// reason is what may be told of an error: it never shows the peer's stream key,
// not even where the peer does.
func (p *push) reason(err error) string {
	if errors.Is(err, outbound.ErrPrivate) {
		return outbound.ErrPrivate.Error()
	}
	text := err.Error()
	if i := strings.LastIndexByte(p.address, '/'); i >= 0 && i < len(p.address)-1 {
		text = strings.ReplaceAll(text, p.address[i+1:], "***")
	}
	return strings.ToValidUTF8(text[:min(len(text), pushWords)], "")
}

// keep keeps how it goes, and the event that tells of it.
func (p *push) keep(state *store.Push, e event.Event) {
	err := p.store.Write(context.Background(), func(tx *store.Tx) error {
		_, err := tx.Channels().Update(p.about.ARN, func(c *store.Channel) error {
			c.Push = state
			return checkLive(c, p.about)
		})
		tx.Emit(e)
		return err
	})
	if err != nil {
		p.log.Error("keep how the push goes", "error", err)
	}
}
