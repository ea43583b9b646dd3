package sfu

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	speakerInterval   = 250 * time.Millisecond
	speechLevel       = 50 // -dBov; quieter is background
	speechHold        = 1500 * time.Millisecond
	speechMargin      = 1.3 // how much louder another participant must be to become the active speaker
	minSpeechLoudness = 20  // smoothed loudness that counts as speech
)

// loudnessMeter measures how loud a publisher is, by its audio levels (RFC 6464). Its shard
// writes it, others read it.
type loudnessMeter struct {
	loudness atomic.Int64 // smoothed, in thousandths; 0 is silence, 127,000 the loudest
	spokeAt  atomic.Int64 // engine time in ns when it was last above speechLevel
}

// record records the level of one packet.
func (m *loudnessMeter) record(level uint8, now time.Duration) {
	loudness := int64(0)
	if level < speechLevel {
		loudness = int64(127-level) * 1000
		m.spokeAt.Store(int64(now))
	}
	old := m.loudness.Load()
	m.loudness.Store(old + (loudness-old)/10) // over about ten packets, 200 ms
}

// speakerDetector finds the active speaker among publishers.
type speakerDetector struct {
	mu        sync.Mutex // guards what follows
	active    *Publisher
	updatedAt time.Duration
}

// update chooses the active speaker, at most four times per second, and calls changed if it is
// another one than before.
func (d *speakerDetector) update(publishers []*Publisher, now time.Duration, changed func(speaker *Publisher)) {
	if !d.mu.TryLock() {
		return // another publisher's shard is doing it
	}
	defer d.mu.Unlock()
	if now-d.updatedAt < speakerInterval {
		return
	}
	d.updatedAt = now
	var best *Publisher
	var loudest float64
	for _, p := range publishers {
		loudness, spokeAt := float64(p.loudness.loudness.Load())/1000, time.Duration(p.loudness.spokeAt.Load())
		silent := now - spokeAt
		if p == d.active {
			loudness *= speechMargin
			if silent < speechHold {
				loudness = max(loudness, minSpeechLoudness)
			}
		}
		if spokeAt > 0 && silent < speechHold && loudness >= minSpeechLoudness && loudness > loudest {
			best, loudest = p, loudness
		}
	}
	if best != d.active {
		d.active = best
		changed(best)
	}
}

// speaker returns the active speaker, nil for nobody.
func (d *speakerDetector) speaker() *Publisher {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.active
}
