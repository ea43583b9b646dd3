package record

import (
	"context"
	"testing"
	"time"

	"rostrum/internal/testpattern"
	"rostrum/realtime"
)

const (
	frameTime    = 40 * time.Millisecond
	audioPerTick = 2 // packets of audio for each picture
)

// A pattern publishes a picture and two packets of audio each frameTime, with any timestamps.
type pattern struct {
	t           *testing.T
	publication *realtime.Publication
	audio       *realtime.LocalTrack
	picture     *realtime.LocalTrack
	tone        *testpattern.Tone
	video       *testpattern.Video
	frames      uint32
	begun       bool // what the video has now
}

func patternOf(t *testing.T, width, height int) *testpattern.Video {
	t.Helper()
	v, err := testpattern.NewVideo(testpattern.VideoConfig{Width: width, Height: height, FPS: int(time.Second / frameTime), Keyframe: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// publishPattern connects a publisher that sends nothing yet.
func publishPattern(t *testing.T, raw string) *pattern {
	t.Helper()
	token, err := realtime.ReadToken(raw)
	if err != nil {
		t.Fatal(err)
	}
	at, err := token.PublishAt()
	if err != nil {
		t.Fatal(err)
	}
	tone, err := testpattern.NewTone(1)
	if err != nil {
		t.Fatal(err)
	}
	p := &pattern{t: t, audio: realtime.NewTrack(realtime.Opus), picture: realtime.NewTrack(realtime.H264), tone: tone, video: patternOf(t, 320, 180)}
	ctx, cancel := context.WithTimeout(t.Context(), maxWait)
	defer cancel()
	if p.publication, err = realtime.Publish(ctx, at, realtime.PublishConfig{}, p.audio, p.picture); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.publication.Close() }) // it may be closed
	return p
}

// write sends what belongs to one frameTime, with the timestamp at.
func (p *pattern) write(at time.Duration, now time.Time) {
	wanted := !p.begun
	p.begun = true
	select {
	case <-p.picture.KeyframeWanted(0):
		wanted = true
	default:
	}
	data, keyframe := p.video.Frame(p.frames, now, wanted)
	if err := p.picture.WriteSample(0, realtime.Sample{Time: at, Duration: frameTime, Keyframe: keyframe, Data: data}); err != nil {
		p.t.Error(err)
	}
	for i := range uint32(audioPerTick) {
		packet := p.tone.Packet(audioPerTick*p.frames + i)
		sample := realtime.Sample{Time: at + time.Duration(i)*testpattern.PacketTime, Duration: testpattern.PacketTime, Keyframe: true, Data: packet}
		if err := p.audio.WriteSample(0, sample); err != nil {
			p.t.Error(err)
		}
	}
	p.frames++
}

// play calls write at each frameTime, for a while. passed is the time since it began.
func play(lasts time.Duration, write func(passed time.Duration, now time.Time)) {
	tick := time.NewTicker(frameTime / 2)
	defer tick.Stop()
	began := time.Now()
	for next := time.Duration(0); next < lasts; {
		now := <-tick.C
		for ; next <= now.Sub(began) && next < lasts; next += frameTime {
			write(next, now)
		}
	}
}
