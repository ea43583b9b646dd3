//go:build cgo

package compositor

import (
	"maps"
	"sync"
	"time"

	"rostrum/internal/codec"
	"rostrum/internal/layout"
	"rostrum/internal/media"
)

// A ParticipantConfig describes a participant that joins.
type ParticipantConfig struct {
	ID         string
	Attributes map[string]string
	// RequestKeyframe is called when decoding needs a keyframe. It must not block. May
	// be nil.
	RequestKeyframe func()
}

// A Participant is one of a Stage. Its methods may be called by several goroutines;
// after Leave they do nothing.
type Participant struct {
	id              string
	arrival         uint64
	stage           *Stage
	requestKeyframe func()
	video           videoTrack

	mu           sync.Mutex // guards what follows
	attributes   map[string]string
	videoStopped bool
	left         bool
	playout      playout
	audio        audioBuffer
	audioDecoder *codec.AudioDecoder
	wasFlowing   bool // whether pictures came lately, when a layout was last told
}

// Write takes the next frame of either medium and decodes it. The frames of one medium
// must come one after the other. Data that cannot be decoded is skipped.
func (p *Participant) Write(f Frame) {
	arrived := p.stage.since(f.Arrived)
	p.mu.Lock()
	if p.left {
		p.mu.Unlock()
		return
	}
	ticks := p.playout.insert(f.Codec, f.Timestamp, f.Captured, arrived)
	if f.Codec.Kind() == media.Audio {
		p.decodeAudio(f, ticks)
		p.mu.Unlock()
		return
	}
	p.mu.Unlock()
	keyframeNeeded, resized := p.video.decode(f, ticks, arrived)
	if resized {
		p.stage.layoutChanged()
	}
	if keyframeNeeded && p.requestKeyframe != nil {
		p.requestKeyframe()
	}
}

// decodeAudio decodes a packet; p.mu is held.
func (p *Participant) decodeAudio(f Frame, ticks int64) {
	if p.audioDecoder == nil {
		d, err := codec.NewAudioDecoder(codec.Opus, nil)
		if err != nil {
			return // the libraries have no Opus: the participant is silent
		}
		p.audioDecoder = d
	}
	samples, err := p.audioDecoder.Decode(f.Data)
	if err != nil {
		return // concealed like a packet that was lost
	}
	p.audio.write(ticks, samples)
}

// SetAttributes replaces the attributes, as a token exchange does.
func (p *Participant) SetAttributes(a map[string]string) {
	p.mu.Lock()
	same := maps.Equal(p.attributes, a)
	p.attributes = maps.Clone(a)
	p.mu.Unlock()
	if !same {
		p.stage.layoutChanged()
	}
}

// SetVideoStopped says whether the participant stopped its video.
func (p *Participant) SetVideoStopped(stopped bool) {
	p.mu.Lock()
	same := p.videoStopped == stopped
	p.videoStopped = stopped
	p.mu.Unlock()
	if !same {
		p.stage.layoutChanged()
	}
}

// Leave removes the participant. Its audio fades out.
func (p *Participant) Leave() {
	p.mu.Lock()
	left := p.left
	p.left = true
	if p.audioDecoder != nil && !left {
		p.audioDecoder.Close()
		p.audioDecoder = nil
	}
	p.mu.Unlock()
	if !left {
		p.stage.remove(p)
		p.video.close()
	}
}

// forLayout describes the participant to a layout.
func (p *Participant) forLayout(now time.Duration) layout.Participant {
	size, flowing, _ := p.video.state(now)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wasFlowing = flowing
	return layout.Participant{ID: p.id, Attributes: p.attributes, Picture: size, Stopped: p.videoStopped || !flowing}
}

// flowChanged reports whether pictures stopped or began to come since forLayout.
func (p *Participant) flowChanged(now time.Duration) bool {
	_, flowing, _ := p.video.state(now)
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.wasFlowing != flowing
}

// picture is the one due at a time, if it is another than the one shown.
func (p *Participant) picture(at time.Duration, shown uint64) (timedPicture, bool) {
	p.mu.Lock()
	begun := p.playout.timelines[media.Video].rate != 0
	var ticks int64
	if begun {
		ticks = p.playout.position(media.Video, at)
	}
	p.mu.Unlock()
	if !begun {
		return timedPicture{}, false
	}
	return p.video.due(ticks, shown)
}

// mix adds the audio due from a time on to out. It reports whether that was the last.
func (p *Participant) mix(r *audioReader, at time.Duration, out []float32) (done bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.playout.timelines[media.Audio].rate != 0 {
		r.mix(&p.audio, p.playout.position(media.Audio, at), out, p.left)
	}
	return p.left
}

// ParticipantStats describe a participant's media.
type ParticipantStats struct {
	ID            string
	Width, Height int
	Delay         time.Duration // that is added to the shortest transit time
	Video         VideoStats
}

// Stats returns the current figures.
func (p *Participant) Stats() ParticipantStats {
	size, _, video := p.video.state(0)
	p.mu.Lock()
	defer p.mu.Unlock()
	return ParticipantStats{ID: p.id, Width: size.Width, Height: size.Height, Delay: p.playout.addedDelay(), Video: video}
}
