//go:build cgo

package compositor

import (
	"maps"
	"math"
	"sync"
	"time"

	"rostrum/internal/codec"
	"rostrum/internal/layout"
	"rostrum/internal/media"
)

// A ParticipantConfig describes a participant that joins.
type ParticipantConfig struct {
	ID         string
	UserID     string
	Attributes map[string]string
}

// A Participant is one of a Stage. Its methods may be called by several goroutines;
// after Leave they do nothing.
type Participant struct {
	id      string
	arrival uint64
	joined  time.Duration
	stage   *Stage
	video   videoTrack

	mu         sync.Mutex // guards what follows
	userID     string
	attributes map[string]string
	request    func() // a keyframe; may be nil
	declared   declaredMedia
	placed     bool // it has a place in layouts
	left       bool
	playout    playout
	audioTrack
}

// declaredMedia is what a participant's side says of its media, whatever comes.
type declaredMedia struct {
	audioMuted   bool
	videoStopped bool
	videoAbsent  bool // it publishes none
}

// audioTrack is the audio of one participant.
type audioTrack struct {
	audio        audioBuffer
	audioDecoder *codec.AudioDecoder
}

// reset drops the audio that is not heard yet.
func (a *audioTrack) reset() {
	a.audio = audioBuffer{}
	a.closeDecoder()
}

func (a *audioTrack) closeDecoder() {
	if a.audioDecoder != nil {
		a.audioDecoder.Close()
		a.audioDecoder = nil
	}
}

// videoWait is for how long a participant without a picture has no place in layouts. Until
// then its first keyframe may be on its way.
const videoWait = 2 * time.Second

// BeginStream prepares for the frames of a new stream, whose timestamps continue nothing.
// The last picture stays until there is a new one. requestKeyframe is called when decoding
// needs a keyframe; it must not block, and may be nil.
func (p *Participant) BeginStream(requestKeyframe func()) {
	p.mu.Lock()
	p.request = requestKeyframe
	p.playout = playout{exact: p.stage.recorded}
	p.audioTrack.reset()
	p.mu.Unlock()
	p.video.begin()
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
	request := p.request
	ticks := p.playout.insert(f.Codec, f.Timestamp, f.Captured, arrived)
	if f.Codec.Kind() == media.Audio {
		p.decodeAudio(f, ticks)
		p.mu.Unlock()
		return
	}
	p.mu.Unlock()
	if p.video.decode(f, ticks, arrived) && request != nil {
		request()
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

// SetMetadata replaces the user id and the attributes, as a token exchange does. The
// next picture is laid out by them.
func (p *Participant) SetMetadata(userID string, attributes map[string]string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.userID, p.attributes = userID, maps.Clone(attributes)
}

// SetAudioMuted says whether the participant muted its audio. Audio that still comes is not
// heard.
func (p *Participant) SetAudioMuted(muted bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.declared.audioMuted = muted
}

// SetVideoStopped says whether the participant stopped its video. Pictures that still come
// are not shown.
func (p *Participant) SetVideoStopped(stopped bool) {
	p.mu.Lock()
	p.declared.videoStopped = stopped
	p.mu.Unlock()
	if stopped {
		p.video.discard()
	}
}

// SetVideoAbsent says whether the participant publishes no video.
func (p *Participant) SetVideoAbsent(absent bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.declared.videoAbsent = absent
}

// Leave removes the participant. Its audio fades out.
func (p *Participant) Leave() {
	p.mu.Lock()
	left := p.left
	p.left = true
	p.closeDecoder()
	p.mu.Unlock()
	if !left {
		p.stage.remove(p)
		p.video.close()
	}
}

// forLayout describes the participant to a layout. placed is false for one that has no place
// yet: it gets one with its first picture, or once none can be expected.
func (p *Participant) forLayout(now time.Duration) (described layout.Participant, placed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	video := p.video.state(p.videoPosition(now), now)
	shown := video.due && !p.declared.videoStopped
	if shown || p.declared.videoStopped || p.declared.videoAbsent || video.hidden || now-p.joined >= videoWait {
		p.placed = true
	}
	return layout.Participant{ID: p.id, UserID: p.userID, Attributes: p.attributes, Picture: video.size, Stopped: !shown}, p.placed
}

// videoPosition is the timestamp, in ticks, of the video that is due; p.mu is held. Before
// the first frame of a stream it is before all others.
func (p *Participant) videoPosition(at time.Duration) (ticks int64) {
	if p.playout.timelines[media.Video].rate == 0 {
		return math.MinInt32
	}
	return p.playout.position(media.Video, at)
}

// picture is the one to show at a time, if it is another than the one drawn.
func (p *Participant) picture(at time.Duration, c *cadence, drawn uint64) (timedPicture, bool) {
	p.mu.Lock()
	ticks := p.videoPosition(at)
	p.mu.Unlock()
	return p.video.due(ticks, c, drawn)
}

// mix adds the audio due from a time on to out. It reports whether that was the last.
func (p *Participant) mix(r *audioReader, at time.Duration, out []float32) (done bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	source, due := &p.audio, r.position
	if p.declared.audioMuted {
		source = &audioBuffer{}
	}
	if p.playout.timelines[media.Audio].rate != 0 {
		due = p.playout.position(media.Audio, at)
	}
	r.mix(source, due, out, p.left)
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
	size, video := p.video.figures()
	p.mu.Lock()
	defer p.mu.Unlock()
	return ParticipantStats{ID: p.id, Width: size.Width, Height: size.Height, Delay: p.playout.addedDelay(), Video: video}
}
