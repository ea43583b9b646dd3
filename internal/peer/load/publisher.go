package load

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"rostrum/internal/media"
	"rostrum/internal/peer"
	"rostrum/internal/peer/container"
	"rostrum/internal/peer/pattern"
)

// A Clip is two seconds of pictures from a keyframe on, in each layer, encoded
// once for all who publish it.
type Clip struct {
	fps    int
	layers []clipLayer
}

type clipLayer struct {
	rid   string
	units [][]byte // access units; the first is a keyframe
}

// ClipConfig says what a Clip shows. Zero values take the default.
type ClipConfig struct {
	Width, Height int  // of the best layer; 1280x720
	Bitrate       int  // of the best layer, bits a second; 1.7 million
	Simulcast     bool // three layers, each half as wide and high as the one before
}

const (
	clipFPS    = 30
	clipLength = 2 * clipFPS // pictures from keyframe to keyframe
	markLayer  = 1 << 10     // marks count from there on, for each layer
)

// NewClip draws and encodes a clip, which takes a while.
func NewClip(c ClipConfig) (*Clip, error) {
	if c.Width == 0 && c.Height == 0 {
		c.Width, c.Height = 1280, 720
	}
	if c.Bitrate == 0 {
		c.Bitrate = 1_700_000
	}
	clip := &Clip{fps: clipFPS}
	for i, share := range []struct {
		rid  string
		rate float64
	}{{"hi", 1}, {"mid", 0.41}, {"low", 0.12}} {
		if i > 0 && !c.Simulcast {
			break
		}
		video, err := pattern.NewVideo(pattern.VideoConfig{Width: c.Width >> i &^ 1, Height: c.Height >> i &^ 1, FPS: clipFPS, Bitrate: int(float64(c.Bitrate) * share.rate)})
		if err != nil {
			return nil, fmt.Errorf("draw layer %s: %w", share.rid, err)
		}
		layer := clipLayer{rid: share.rid}
		for n := range uint32(clipLength) {
			unit, _ := video.Frame(uint32(i)*markLayer+n, time.Now(), n == 0)
			layer.units = append(layer.units, append([]byte(nil), unit...))
		}
		clip.layers = append(clip.layers, layer)
	}
	return clip, nil
}

// rids name the layers, if there is a choice.
func (c *Clip) rids() (all []string) {
	if len(c.layers) > 1 {
		for _, l := range c.layers {
			all = append(all, l.rid)
		}
	}
	return all
}

// A Publisher sends a Clip and a tone.
type Publisher struct {
	clip         *Clip
	tone         *pattern.Tone
	video, audio *peer.Outlet
	publication  *peer.Publication
	sent         [][]atomic.Int64 // by layer and picture, when it was last sent, in nanoseconds since zero
	zero         time.Time
}

// Publish offers a clip at an endpoint and returns when it can be heard; Run sends it.
func Publish(ctx context.Context, at peer.Endpoint, clip *Clip, identity uint16) (*Publisher, error) {
	tone, err := pattern.NewTone(identity)
	if err != nil {
		return nil, err
	}
	p := &Publisher{clip: clip, tone: tone, video: peer.NewOutlet(media.H264, clip.rids()...), audio: peer.NewOutlet(media.Opus), zero: time.Now()}
	for range clip.layers {
		p.sent = append(p.sent, make([]atomic.Int64, clipLength))
	}
	p.publication, err = peer.Publish(ctx, at, peer.UDPOnly, p.audio, p.video)
	return p, err
}

// sentAt is when the picture of a mark was last sent. A clip is longer than any
// latency worth the name, so the last time is the one that is meant.
func (p *Publisher) sentAt(mark uint32) (time.Time, bool) {
	layer, n := int(mark/markLayer), int(mark%markLayer)
	if layer >= len(p.sent) || n >= clipLength {
		return time.Time{}, false
	}
	at := p.sent[layer][n].Load()
	return p.zero.Add(time.Duration(at)), at != 0
}

// Run sends until ctx or the connection ends.
func (p *Publisher) Run(ctx context.Context) error {
	picture, sound := time.Second/time.Duration(p.clip.fps), pattern.PacketTime
	start := time.Now()
	next := make([]int, len(p.clip.layers)) // of each layer
	timer := time.NewTimer(0)
	defer timer.Stop()
	for pictures, packets := time.Duration(0), time.Duration(0); ; {
		timer.Reset(time.Until(start.Add(min(pictures*picture, packets*sound))))
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil
		case <-p.publication.Done():
			return p.publication.Err()
		}
		var err error
		if packets*sound <= pictures*picture {
			err = p.audio.Write(0, container.Frame{Time: packets * sound, Duration: sound, Keyframe: true, Data: p.tone.Packet(uint32(packets))})
			packets++
		} else {
			err = p.picture(pictures*picture, next)
			pictures++
		}
		if err != nil {
			return err
		}
	}
}

// picture sends the next picture of each layer. Who asks for a keyframe gets the
// clip from its beginning.
func (p *Publisher) picture(at time.Duration, next []int) error {
	var errs []error
	for i, layer := range p.clip.layers {
		select {
		case <-p.video.KeyframeWanted(i):
			next[i] = 0
		default:
		}
		n := next[i]
		next[i] = (n + 1) % clipLength
		p.sent[i][n].Store(int64(time.Since(p.zero)))
		errs = append(errs, p.video.Write(i, container.Frame{Time: at, Keyframe: n == 0, Data: layer.units[n]}))
	}
	return errors.Join(errs...)
}

// Sent is what left so far: RTP packets, and their payload in bytes.
func (p *Publisher) Sent() (packets, bytes uint64) {
	vp, vb := p.video.Sent()
	ap, ab := p.audio.Sent()
	return vp + ap, vb + ab
}

// Close ends the publication.
func (p *Publisher) Close() error { return p.publication.Close() }
