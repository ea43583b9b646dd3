package sfu

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	speechLevel  = 50 // -dBov; quieter is background
	speechHold   = int64(1500 * time.Millisecond)
	speechMargin = 1.3 // how much louder another must be to take over
	speechLeast  = 20  // smoothed loudness that counts as speech
)

// A voice is how loud a publisher is by its audio levels (RFC 6464). Its shard writes it,
// others read it.
type voice struct {
	loudness atomic.Int64 // smoothed, in thousandths; 0 is silence, 127,000 the loudest
	spoke    atomic.Int64 // when it was last above speechLevel
}

// hear notes the level of one packet.
func (v *voice) hear(level uint8, now int64) {
	loudness := int64(0)
	if level < speechLevel {
		loudness = int64(127-level) * 1000
		v.spoke.Store(now)
	}
	old := v.loudness.Load()
	v.loudness.Store(old + (loudness-old)/10) // over about ten packets, 200 ms
}

// speakers finds out who speaks in a Router.
type speakers struct {
	mu      sync.Mutex // guards what follows
	active  *Publisher
	decided int64
}

// decide tells the Router's listener when somebody else speaks, at most four times a second.
func (k *speakers) decide(r *Router, now int64) {
	if !k.mu.TryLock() {
		return // another publisher's shard is at it
	}
	defer k.mu.Unlock()
	if now-k.decided < surveyEvery {
		return
	}
	k.decided = now
	var best *Publisher
	var loudest float64
	for _, p := range *r.stage.Load() {
		loudness, silent := float64(p.voice.loudness.Load())/1000, now-p.voice.spoke.Load()
		if p == k.active {
			loudness *= speechMargin
			if silent < speechHold {
				loudness = max(loudness, speechLeast)
			}
		}
		if p.voice.spoke.Load() > 0 && silent < speechHold && loudness >= speechLeast && loudness > loudest {
			best, loudest = p, loudness
		}
	}
	if best == k.active {
		return
	}
	k.active = best
	who := ""
	if best != nil {
		who = best.cfg.Participant
	}
	r.herald.tell(r.cfg.Notify, ActiveSpeakerChanged{who})
}

// speaker returns who speaks, nil for nobody.
func (k *speakers) speaker() *Publisher {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.active
}
