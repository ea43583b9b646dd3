package loadtest

import (
	"context"
	"errors"
	"hash/maphash"
	"sync"
	"time"

	"rostrum/internal/media"
	"rostrum/internal/testpattern"
	"rostrum/realtime"
)

// A Publisher sends a Clip and a tone.
type Publisher struct {
	clip         *Clip
	tone         *testpattern.Tone
	pacer        *realtime.Pacer // nil sends whole pictures at once
	video, audio *realtime.LocalTrack
	publication  *realtime.Publication

	mu   sync.Mutex           // guards what follows
	sent map[uint64]time.Time // when a picture was last sent, by its beginning
}

// Publish connects to an endpoint and returns when media can flow; Run sends the clip. With
// bursts pictures are sent whole, otherwise paced as in browsers.
func Publish(ctx context.Context, at realtime.Endpoint, clip *Clip, identity uint16, bursts bool) (*Publisher, error) {
	tone, err := testpattern.NewTone(identity)
	if err != nil {
		return nil, err
	}
	p := &Publisher{clip: clip, tone: tone, video: realtime.NewTrack(media.H264, clip.rids()...), audio: realtime.NewTrack(media.Opus), sent: map[uint64]time.Time{}}
	p.video.OnFirstPacket(p.recordSent)
	if !bursts {
		p.pacer = realtime.NewPacer(clip.bitrate)
		p.video.Pace(p.pacer)
	}
	p.publication, err = realtime.Publish(ctx, at, realtime.PublishConfig{Network: realtime.UDPOnly, Rejoin: realtime.NoRejoin}, p.audio, p.video)
	return p, err
}

var seed = maphash.MakeSeed()

// beginning identifies a picture of a clip by the payload of its first packet.
func beginning(payload []byte) uint64 { return maphash.Bytes(seed, payload[:min(len(payload), 64)]) }

// recordSent records that a picture's first packet is sent. The pictures of a clip bound the
// entries.
func (p *Publisher) recordSent(payload []byte) {
	key, now := beginning(payload), time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent[key] = now
}

// sentAt is when the picture with this beginning was last sent. A clip is longer than any
// realistic latency, so the last time is the right one.
func (p *Publisher) sentAt(payload []byte) (at time.Time, ok bool) {
	key := beginning(payload)
	p.mu.Lock()
	defer p.mu.Unlock()
	at, ok = p.sent[key]
	return at, ok
}

// Run sends until ctx or the connection ends.
func (p *Publisher) Run(ctx context.Context) error {
	if p.pacer != nil {
		ctx, cancel := context.WithCancel(ctx)
		var pacing sync.WaitGroup
		pacing.Go(func() { p.pacer.Run(ctx) })
		defer pacing.Wait()
		defer cancel()
	}
	pictureTime, audioTime := time.Second/time.Duration(p.clip.fps), testpattern.PacketTime
	start := time.Now()
	next := make([]int, len(p.clip.layers)) // by layer
	timer := time.NewTimer(0)
	defer timer.Stop()
	for pictures, packets := time.Duration(0), time.Duration(0); ; {
		timer.Reset(time.Until(start.Add(min(pictures*pictureTime, packets*audioTime))))
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil
		case <-p.publication.Done():
			return p.publication.Err()
		}
		var err error
		if packets*audioTime <= pictures*pictureTime {
			err = p.audio.WriteSample(0, realtime.Sample{Time: packets * audioTime, Duration: audioTime, Keyframe: true, Data: p.tone.Packet(uint32(packets))})
			packets++
		} else {
			err = p.writePicture(pictures*pictureTime, next)
			pictures++
		}
		if err != nil {
			return err
		}
	}
}

// keyframeInterval is the minimum between two keyframes, as in browsers' encoders.
const keyframeInterval = 300 * time.Millisecond

// writePicture sends the next picture of each layer. A keyframe request restarts the clip.
func (p *Publisher) writePicture(at time.Duration, next []int) error {
	var errs []error
	for i, layer := range p.clip.layers {
		if next[i] >= p.clip.fps*int(keyframeInterval/time.Millisecond)/1000 {
			select {
			case <-p.video.KeyframeWanted(i):
				next[i] = 0
			default:
			}
		}
		n := next[i]
		next[i] = (n + 1) % len(layer.units)
		errs = append(errs, p.video.WriteSample(i, realtime.Sample{Time: at, Keyframe: n == 0, Data: layer.units[n]}))
	}
	return errors.Join(errs...)
}

// Close ends the publication.
func (p *Publisher) Close() error { return p.publication.Close() }
