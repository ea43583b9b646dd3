package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"

	"rostrum/internal/media"
	"rostrum/internal/rtmp"
	"rostrum/internal/sfu"
	"rostrum/internal/worker"
	"rostrum/ivsrealtime"
)

// unknownLevel is that of audio which is not decoded here.
const unknownLevel = 127

// configureAudio opens the transcoder. Encoders may send the configuration again; a changed
// one begins a new stream there.
func (p *publication) configureAudio(config []byte) error {
	if p.audio != nil && bytes.Equal(config, p.audioConfig) {
		return nil
	}
	if err := checkAAC(config); err != nil {
		return err
	}
	if p.audio != nil {
		p.audio.Close()
	}
	p.audioConfig = config
	var err error
	p.audio, err = p.transcoder.Open(config, p.transcoded)
	if errors.Is(err, worker.ErrNoProgram) {
		p.log.Error("audio of encoders needs rostrum-media beside this program", "who", p.stream.Who())
	}
	if err != nil {
		return fail(ivsrealtime.ErrorInternalServer, "the server can't transcode audio now: %v", err)
	}
	return nil
}

// transcoded publishes what the transcoder made.
func (p *publication) transcoded(m worker.StreamMessage) {
	if m.Kind == worker.StreamError {
		reason := string(m.Data)
		p.audioErr.Store(&reason)
		return
	}
	p.stream.WriteFrame(sfu.LocalFrame{Kind: media.Audio, Units: [][]byte{m.Data}, Time: m.Time, Level: m.Level})
}

// Rates of AAC (ISO 14496-3 §1.6.3.4).
const minAACRate, maxAACRate = 7350, 96000

// checkAAC refuses what the transcoder can't decode.
func checkAAC(config []byte) error {
	var c mpeg4audio.AudioSpecificConfig
	err := c.Unmarshal(config)
	rate := max(c.SampleRate, c.ExtensionSampleRate)
	if err == nil && (c.SampleRate < minAACRate || rate > maxAACRate) {
		err = fmt.Errorf("it has %d samples a second", rate)
	}
	if err != nil {
		return fail(ivsrealtime.ErrorInvalidAudioCodec, "the AAC configuration can't be used: %v; set AAC-LC, 48 kHz, stereo", err)
	}
	return nil
}

// checkOpus refuses what browsers don't decode: more channels than two.
func checkOpus(header []byte) error {
	var h opus.IDHeader
	if h.Unmarshal(header) != nil || h.ChannelCount < 1 || h.ChannelCount > 2 || h.ChannelMappingFamily != 0 {
		return fail(ivsrealtime.ErrorInvalidAudioCodec, "the Opus audio is not mono or stereo: set one or two channels")
	}
	return nil
}

const (
	maxOpusPacket   = 1200                   // bytes: a packet is not split over several of RTP
	maxOpusDuration = 120 * time.Millisecond // of a packet (RFC 6716 §3.2.5)
)

// writeOpus publishes a packet as it is. The copy does not keep the rest of the message, which may
// have other tracks, for as long as the packet may be retransmitted.
func (p *publication) writeOpus(f rtmp.Frame) error {
	packet := f.Units[0]
	if len(packet) > maxOpusPacket {
		return fail(ivsrealtime.ErrorInvalidAudioCodec, "an Opus packet has %d bytes: set 160 kbit/s or less, with frames of 20 ms", len(packet))
	}
	duration := time.Duration(opus.PacketDuration2(packet)) * time.Second / time.Duration(media.Opus.ClockRate())
	if duration <= 0 || duration > maxOpusDuration {
		return fail(ivsrealtime.ErrorInvalidAudioCodec, "an Opus packet is damaged")
	}
	p.sawAudio = true
	at := p.opus.time(p.clock.time(f.Decode, time.Now()), duration)
	p.stream.WriteFrame(sfu.LocalFrame{Kind: media.Audio, Units: [][]byte{bytes.Clone(packet)}, Time: at, Level: unknownLevel})
	return nil
}

// maxOpusShift is how far the timestamps of packets may be from their durations: they are in
// milliseconds, and the clocks of sound card and timestamps differ.
const maxOpusShift = 15 * time.Millisecond

// An opusClock gives packets the times that their durations make: a decoder would hear each
// difference.
type opusClock struct {
	started bool
	next    time.Duration
}

func (c *opusClock) time(timestamp, duration time.Duration) time.Duration {
	if d := timestamp - c.next; !c.started || d > maxOpusShift || d < -maxOpusShift {
		c.started, c.next = true, timestamp
	}
	at := c.next
	c.next += duration
	return at
}
