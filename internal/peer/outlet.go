package peer

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"rostrum/internal/container"
	"rostrum/internal/media"
)

// maxPayload bounds RTP payloads: with header, extensions, SRTP, UDP and IPv6 a packet stays
// below 1,280 bytes, which every path carries.
const maxPayload = 1160

// An Outlet is one medium that a Publication sends, in one or more layers. Frames that are
// written before it is published are dropped.
type Outlet struct {
	codec  media.Codec
	layers []*outletLayer
}

// NewOutlet makes an outlet for a codec. Each rid is a layer of simulcast, the best first;
// without any there is one layer without a name.
func NewOutlet(codec media.Codec, rids ...string) *Outlet {
	o := &Outlet{codec: codec}
	if len(rids) == 0 {
		rids = []string{""}
	}
	for _, rid := range rids {
		o.layers = append(o.layers, &outletLayer{
			codec: codec, rid: rid, payloader: newPayloader(codec),
			sequence: uint16(rand.Uint32()), base: rand.Uint32(), keyframes: make(chan struct{}, 1),
			onFirstPacket: func([]byte) {},
		})
	}
	return o
}

func newPayloader(c media.Codec) rtp.Payloader {
	switch c {
	case media.H264:
		return &codecs.H264Payloader{}
	case media.VP8:
		return &codecs.VP8Payloader{EnablePictureID: true}
	case media.VP9:
		return &codecs.VP9Payloader{}
	case media.AV1:
		return &codecs.AV1Payloader{}
	default:
		return &codecs.OpusPayloader{}
	}
}

// Layers is the number of layers.
func (o *Outlet) Layers() int { return len(o.layers) }

// KeyframeWanted has a value after the server requested a keyframe of a layer.
func (o *Outlet) KeyframeWanted(layer int) <-chan struct{} { return o.layers[layer].keyframes }

// Write sends a frame on a layer. Its Track is ignored. Frames of one layer come from one
// goroutine, in order of their times.
func (o *Outlet) Write(layer int, f container.Frame) error {
	return o.layers[layer].write(f)
}

// Pace sends frames through p, which the caller runs. It is called before the outlet is
// published.
func (o *Outlet) Pace(p *Pacer) {
	for _, l := range o.layers {
		l.pacer = p
	}
}

// OnFirstPacket calls a function with the payload of each frame's first packet when it is
// sent. It is called before the outlet is published.
func (o *Outlet) OnFirstPacket(onFirstPacket func(payload []byte)) {
	for _, l := range o.layers {
		l.onFirstPacket = onFirstPacket
	}
}

// Sent counts what all layers sent: RTP packets, and their payload in bytes.
func (o *Outlet) Sent() (packets, bytes uint64) {
	for _, l := range o.layers {
		l.mu.Lock()
		packets, bytes = packets+l.packets, bytes+l.bytes
		l.mu.Unlock()
	}
	return packets, bytes
}

// PauseLayers pauses the layers of these names, and resumes all others: a paused layer drops
// what is written. One that is resumed requests a keyframe.
func (o *Outlet) PauseLayers(rids []string) {
	for _, l := range o.layers {
		l.mu.Lock()
		wasPaused := l.paused
		l.paused = slices.Contains(rids, l.rid)
		resumed := wasPaused && !l.paused
		l.mu.Unlock()
		if resumed {
			l.requestKeyframe()
		}
	}
}

// IsPaused reports whether a layer is paused: its frames need not be encoded.
func (o *Outlet) IsPaused(layer int) bool {
	l := o.layers[layer]
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.paused
}

// An outletLayer is one encoding of an outlet. It implements TrackLocal, since Pion's own
// choose random timestamps and do not send the layer's name.
type outletLayer struct {
	codec         media.Codec
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
	paused   bool // frames are dropped
	packets  uint64
	bytes    uint64
}

// audioLevel is voice at -20 dBov (RFC 6464 §3). Nothing is decoded here, so it is sent with
// all audio.
const audioLevel = 0x80 | 20

func (l *outletLayer) write(f container.Frame) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.out == nil || l.paused {
		return nil
	}
	h := l.header
	h.Timestamp = l.base + ticks(f.Time, l.codec.ClockRate())
	payloads := l.payloader.Payload(maxPayload, f.Data)
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

// An outgoing packet is one to send.
type outgoing struct {
	layer   *outletLayer
	header  rtp.Header
	payload []byte
	first   bool // of its frame
}

// send sends a packet; l.mu is held.
func (l *outletLayer) send(o *outgoing) error {
	if l.out == nil {
		return nil
	}
	if o.first {
		l.onFirstPacket(o.payload)
	}
	if _, err := l.out.WriteRTP(&o.header, o.payload); err != nil {
		return fmt.Errorf("send %s: %w", l.codec, err)
	}
	l.packets++
	l.bytes += uint64(len(o.payload))
	return nil
}

// ticks is a time in ticks of an RTP clock, which wraps.
func ticks(t time.Duration, rate uint32) uint32 {
	complete := int64(t / time.Second)
	return uint32(complete*int64(rate) + int64(t%time.Second)*int64(rate)/int64(time.Second))
}

// Bind is called by Pion after the answer.
func (l *outletLayer) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
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
func (l *outletLayer) Unbind(webrtc.TrackLocalContext) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out = nil
	return nil
}

func (l *outletLayer) ID() string       { return l.codec.Kind().String() }
func (l *outletLayer) RID() string      { return l.rid }
func (l *outletLayer) StreamID() string { return "rostrum" }

func (l *outletLayer) Kind() webrtc.RTPCodecType {
	if l.codec.Kind() == media.Audio {
		return webrtc.RTPCodecTypeAudio
	}
	return webrtc.RTPCodecTypeVideo
}

// setMID sets the MID, which simulcast packets carry besides the layer's own name.
func (l *outletLayer) setMID(mid string, extensions []webrtc.RTPHeaderExtensionParameter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range extensions {
		if e.URI == sdp.SDESMidURI && l.rid != "" {
			_ = l.header.SetExtension(uint8(e.ID), []byte(mid)) // Pion's MIDs are short
		}
	}
}

func (l *outletLayer) ssrc() uint32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.header.SSRC
}

// handleFeedback handles keyframe requests.
func (l *outletLayer) handleFeedback(packets []rtcp.Packet) {
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

func (l *outletLayer) requestKeyframe() {
	select {
	case l.keyframes <- struct{}{}:
	default:
	}
}
