package realtime

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"rostrum/internal/media"
)

// maxPayload bounds RTP payloads: with header, extensions, SRTP, UDP and IPv6 a packet stays
// below 1,280 bytes, which every path carries.
const maxPayload = 1160

func newPayloader(c Codec) rtp.Payloader {
	switch c {
	case H264:
		return h264Payloader{}
	case VP8:
		return &codecs.VP8Payloader{EnablePictureID: true}
	case VP9:
		return &codecs.VP9Payloader{}
	case AV1:
		return &codecs.AV1Payloader{}
	default:
		return &codecs.OpusPayloader{}
	}
}

// A localLayer is one encoding of a track. It implements TrackLocal, since Pion's own
// choose random timestamps and do not send the layer's name.
type localLayer struct {
	codec         Codec
	rid           string
	payloader     rtp.Payloader
	base          uint32 // RTP timestamp of time 0
	keyframes     chan struct{}
	pacer         *Pacer // nil sends at once
	onFirstPacket func(payload []byte)

	mu       sync.Mutex // guards what follows
	out      webrtc.TrackLocalWriter
	header   rtp.Header // common to all packets
	sequence uint16
	paused   bool // nobody receives the layer: samples are dropped
	muted    bool // samples are dropped
	sei      []waitingSEI
	stats    SendStats
}

// audioLevel is voice at -20 dBov (RFC 6464 §3). Nothing is decoded here, so it is sent with
// all audio.
const audioLevel = 0x80 | 20

// flows reports whether what is written is sent, and counts it otherwise; l.mu is held.
func (l *localLayer) flows() bool {
	if l.out == nil || l.paused || l.muted {
		l.stats.Dropped++
		return false
	}
	return true
}

func (l *localLayer) writeRTP(p *rtp.Packet) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.flows() {
		return nil
	}
	h := l.header
	h.SequenceNumber, h.Timestamp, h.Marker = p.SequenceNumber, p.Timestamp, p.Marker
	return l.send(&outgoing{layer: l, header: h, payload: p.Payload})
}

func (l *localLayer) write(s Sample) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.flows() {
		return nil
	}
	l.stats.Samples++
	h := l.header
	h.Timestamp = l.base + ticks(s.Time, l.codec.ClockRate())
	payloads := l.payloader.Payload(maxPayload, l.withSEI(s.Data))
	for i, p := range payloads {
		h.SequenceNumber = l.sequence
		h.Marker = l.codec.Kind() == media.Video && i == len(payloads)-1
		l.sequence++
		packet := outgoing{layer: l, header: h, payload: p, first: i == 0}
		if l.pacer != nil {
			l.pacer.add(packet)
		} else if err := l.send(&packet); err != nil {
			return err
		}
	}
	return nil
}

// pause pauses the layer if it is among these, and resumes it otherwise.
func (l *localLayer) pause(rids []string) {
	l.mu.Lock()
	wasPaused := l.paused
	if l.paused = slices.Contains(rids, l.rid); l.paused {
		l.sei = nil
	}
	resumed := wasPaused && !l.paused
	l.mu.Unlock()
	if resumed {
		l.requestKeyframe()
	}
}

// mute drops what is written, or sends it again.
func (l *localLayer) mute(muted bool) {
	l.mu.Lock()
	resumed := l.muted && !muted
	l.muted = muted
	l.mu.Unlock()
	if resumed {
		l.requestKeyframe()
	}
}

// An outgoing packet is one to send.
type outgoing struct {
	layer   *localLayer
	header  rtp.Header
	payload []byte
	first   bool // of its frame
}

// send sends a packet; l.mu is held.
func (l *localLayer) send(o *outgoing) error {
	if l.out == nil || l.muted {
		return nil
	}
	if o.first {
		l.onFirstPacket(o.payload)
	}
	if _, err := l.out.WriteRTP(&o.header, o.payload); err != nil {
		return fmt.Errorf("send %s: %w", l.codec, err)
	}
	l.stats.Packets++
	l.stats.Bytes += uint64(len(o.payload))
	return nil
}

// ticks is a time in ticks of an RTP clock, which wraps.
func ticks(t time.Duration, rate uint32) uint32 {
	complete := int64(t / time.Second)
	return uint32(complete*int64(rate) + int64(t%time.Second)*int64(rate)/int64(time.Second))
}

// Bind is called by Pion after the answer.
func (l *localLayer) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	for _, p := range c.CodecParameters() {
		if p.MimeType != mimeType(l.codec) {
			continue
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.header = rtp.Header{Version: 2, PayloadType: uint8(p.PayloadType), SSRC: uint32(c.SSRC())}
		for _, e := range c.HeaderExtensions() {
			var err error
			switch {
			case e.URI == sdp.AudioLevelURI && l.codec.Kind() == media.Audio:
				err = l.header.SetExtension(uint8(e.ID), []byte{audioLevel})
			case e.URI == sdp.SDESRTPStreamIDURI && l.rid != "":
				err = l.header.SetExtension(uint8(e.ID), []byte(l.rid))
			}
			if err != nil {
				return webrtc.RTPCodecParameters{}, err
			}
		}
		l.out = c.WriteStream()
		return p, nil
	}
	return webrtc.RTPCodecParameters{}, fmt.Errorf("the server does not support %s", l.codec)
}

// Unbind is called by Pion when sending ends.
func (l *localLayer) Unbind(webrtc.TrackLocalContext) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out = nil
	return nil
}

func (l *localLayer) ID() string       { return l.codec.Kind().String() }
func (l *localLayer) RID() string      { return l.rid }
func (l *localLayer) StreamID() string { return "rostrum" }

func (l *localLayer) Kind() webrtc.RTPCodecType {
	if l.codec.Kind() == media.Audio {
		return webrtc.RTPCodecTypeAudio
	}
	return webrtc.RTPCodecTypeVideo
}

// setMID sets the MID, which simulcast packets carry besides the layer's own name.
func (l *localLayer) setMID(mid string, extensions []webrtc.RTPHeaderExtensionParameter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range extensions {
		if e.URI == sdp.SDESMidURI && l.rid != "" {
			_ = l.header.SetExtension(uint8(e.ID), []byte(mid)) // Pion's MIDs are short
		}
	}
}

func (l *localLayer) ssrc() uint32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.header.SSRC
}

// handleFeedback handles keyframe requests.
func (l *localLayer) handleFeedback(packets []rtcp.Packet) {
	for _, p := range packets {
		switch p := p.(type) {
		case *rtcp.PictureLossIndication:
			if p.MediaSSRC == l.ssrc() {
				l.requestKeyframe()
			}
		case *rtcp.FullIntraRequest:
			for _, f := range p.FIR {
				if f.SSRC == l.ssrc() {
					l.requestKeyframe()
				}
			}
		}
	}
}

func (l *localLayer) requestKeyframe() {
	select {
	case l.keyframes <- struct{}{}:
	default:
	}
}
