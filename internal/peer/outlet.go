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

// payloadBytes is the largest RTP payload: with header, extensions, SRTP, UDP and
// IPv6 it stays below 1,280 bytes, which every path carries.
const payloadBytes = 1160

// An Outlet is one medium that a Publication sends, in one or more layers. It may
// be written to before it is published: the frames are dropped.
type Outlet struct {
	codec  media.Codec
	layers []*outletLayer
}

// NewOutlet makes an outlet for a codec. Each rid is a layer of simulcast, the
// best first; without any there is one layer that needs no name.
func NewOutlet(codec media.Codec, rids ...string) *Outlet {
	o := &Outlet{codec: codec}
	if len(rids) == 0 {
		rids = []string{""}
	}
	for _, rid := range rids {
		o.layers = append(o.layers, &outletLayer{
			codec: codec, rid: rid, payloader: newPayloader(codec),
			sequence: uint16(rand.Uint32()), base: rand.Uint32(), wanted: make(chan struct{}, 1),
			leaves: func([]byte) {},
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

// KeyframeWanted has a value after the server asked a layer for a keyframe.
// Requests that nobody took are one.
func (o *Outlet) KeyframeWanted(layer int) <-chan struct{} { return o.layers[layer].wanted }

// Write sends a frame on a layer. Its Track is not looked at. Frames of one layer
// come from one goroutine, their times not going back.
func (o *Outlet) Write(layer int, f container.Frame) error {
	return o.layers[layer].write(f)
}

// Pace has frames leave through p, which the caller runs. It is called before the
// outlet is published.
func (o *Outlet) Pace(p *Pacer) {
	for _, l := range o.layers {
		l.pacer = p
	}
}

// Watch has leaves called with the payload of each frame's first packet at the moment
// when it leaves. It is called before the outlet is published.
func (o *Outlet) Watch(leaves func(payload []byte)) {
	for _, l := range o.layers {
		l.leaves = leaves
	}
}

// Sent is what left through all layers: RTP packets, and their payload in bytes.
func (o *Outlet) Sent() (packets, bytes uint64) {
	for _, l := range o.layers {
		l.mu.Lock()
		packets, bytes = packets+l.packets, bytes+l.bytes
		l.mu.Unlock()
	}
	return packets, bytes
}

// Rest has the layers of these names, and no others, drop what is written to them. One that
// goes on wants a keyframe first.
func (o *Outlet) Rest(rids []string) {
	for _, l := range o.layers {
		l.mu.Lock()
		was := l.resting
		l.resting = slices.Contains(rids, l.rid)
		woken := was && !l.resting
		l.mu.Unlock()
		if woken {
			l.want()
		}
	}
}

// Resting tells whether a layer drops what is written: it need not be made.
func (o *Outlet) Resting(layer int) bool {
	l := o.layers[layer]
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.resting
}

// outletLayer is one encoding of an outlet. It is a TrackLocal of its own making,
// as Pion's leave timestamps and the layer's name to chance.
type outletLayer struct {
	codec     media.Codec
	rid       string
	payloader rtp.Payloader
	base      uint32 // RTP timestamp of time 0
	wanted    chan struct{}
	pacer     *Pacer // nil sends at once
	leaves    func(payload []byte)

	mu       sync.Mutex // guards what follows
	out      webrtc.TrackLocalWriter
	header   rtp.Header // what all packets have in common
	sequence uint16
	resting  bool // what is written is dropped
	packets  uint64
	bytes    uint64
}

// audioLevel says "speech, 20 dB below the loudest" (RFC 6464 §3): nothing is
// decoded here, so that is claimed of whatever is sent.
const audioLevel = 0x80 | 20

func (l *outletLayer) write(f container.Frame) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.out == nil || l.resting {
		return nil
	}
	h := l.header
	h.Timestamp = l.base + ticks(f.Time, l.codec.ClockRate())
	payloads := l.payloader.Payload(payloadBytes, f.Data)
	for i, p := range payloads {
		h.SequenceNumber = l.sequence
		h.Marker = l.codec.Kind() == media.Video && i == len(payloads)-1
		l.sequence++
		one := outgoing{layer: l, header: h, payload: p, first: i == 0}
		if l.pacer != nil {
			l.pacer.add(one)
		} else if err := l.send(&one); err != nil {
			return err
		}
	}
	return nil
}

// outgoing is a packet on its way.
type outgoing struct {
	layer   *outletLayer
	header  rtp.Header
	payload []byte
	first   bool // of its frame
}

// send is called with the lock held.
func (l *outletLayer) send(o *outgoing) error {
	if l.out == nil {
		return nil
	}
	if o.first {
		l.leaves(o.payload)
	}
	if _, err := l.out.WriteRTP(&o.header, o.payload); err != nil {
		return fmt.Errorf("send %s: %w", l.codec, err)
	}
	l.packets++
	l.bytes += uint64(len(o.payload))
	return nil
}

// ticks is a time in units of an RTP clock, which wraps.
func ticks(t time.Duration, rate uint32) uint32 {
	whole := int64(t / time.Second)
	return uint32(whole*int64(rate) + int64(t%time.Second)*int64(rate)/int64(time.Second))
}

// Bind is called by Pion once the answer says how to send.
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
	return webrtc.RTPCodecParameters{}, fmt.Errorf("the server takes no %s", l.codec)
}

// Unbind is called by Pion when nothing may be sent any more.
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

// name tells the layer its media section, which simulcast packets carry beside
// the layer's own name.
func (l *outletLayer) name(mid string, extensions []webrtc.RTPHeaderExtensionParameter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range extensions {
		if e.URI == sdp.SDESMidURI && l.rid != "" {
			_ = l.header.SetExtension(uint8(e.ID), []byte(mid)) // a mid of Pion's making is short enough
		}
	}
}

func (l *outletLayer) ssrc() uint32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.header.SSRC
}

// take looks through what the receiver reports for requests of a keyframe.
func (l *outletLayer) take(packets []rtcp.Packet) {
	for _, p := range packets {
		switch p := p.(type) {
		case *rtcp.PictureLossIndication:
			if p.MediaSSRC == l.ssrc() {
				l.want()
			}
		case *rtcp.FullIntraRequest:
			for _, f := range p.FIR {
				if f.SSRC == l.ssrc() {
					l.want()
				}
			}
		}
	}
}

func (l *outletLayer) want() {
	select {
	case l.wanted <- struct{}{}:
	default:
	}
}
