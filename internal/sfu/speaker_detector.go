package sfu

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	speechLevel       = 50 // -dBov; quieter is background
	speechHold        = 1500 * time.Millisecond
	speechMargin      = 1.3 // how much louder another must be to take over
	minSpeechLoudness = 20  // smoothed loudness that counts as speech
)

// A voice is how loud a publisher is by its audio levels (RFC 6464). Its shard writes it,
// others read it.
type loudnessMeter struct {
	loudness atomic.Int64 // smoothed, in thousandths; 0 is silence, 127,000 the loudest
	spokeAt  atomic.Int64 // when it was last above speechLevel
}

// hear notes the level of one packet.
func (v *loudnessMeter) record(level uint8, now time.Duration) {
	loudness := int64(0)
	if level < speechLevel {
		loudness = int64(127-level) * 1000
		v.spokeAt.Store(int64(now))
	}
	old := v.loudness.Load()
	v.loudness.Store(old + (loudness-old)/10) // over about ten packets, 200 ms
}

// speakers finds out who speaks in a Router.
type speakerDetector struct {
	mu        sync.Mutex // guards what follows
	active    *Publisher
	updatedAt time.Duration
}

// decide tells the Router's listener when somebody else speaks, at most four times a second.
func (k *speakerDetector) update(r *Router, now time.Duration) {
	if !k.mu.TryLock() {
		return // another publisher's shard is at it
	}
	defer k.mu.Unlock()
	if now-k.updatedAt < surveyInterval {
		return
	}
	k.updatedAt = now
	var best *Publisher
	var loudest float64
	for _, p := range *r.publisherList.Load() {
		loudness, silent := float64(p.loudness.loudness.Load())/1000, now-time.Duration(p.loudness.spokeAt.Load())
		if p == k.active {
			loudness *= speechMargin
			if silent < speechHold {
				loudness = max(loudness, minSpeechLoudness)
			}
		}
		if p.loudness.spokeAt.Load() > 0 && silent < speechHold && loudness >= minSpeechLoudness && loudness > loudest {
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
	r.events.enqueue(r.cfg.Notify, ActiveSpeakerChanged{who})
}

// speaker returns who speaks, nil for nobody.
func (k *speakerDetector) activeSpeaker() *Publisher {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.active
}
