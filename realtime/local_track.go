package realtime

import (
	"math/rand/v2"

	"github.com/pion/rtp"
)

// A LocalTrack is one medium that a Publication sends, in one or more layers. It outlives
// the Publication, and may be published again. What is written while it is not published, or
// while its media connection is interrupted, is dropped and counted.
type LocalTrack struct {
	codec  Codec
	layers []*localLayer
}

// SendStats are a LocalTrack's figures since it was made, over all its layers.
type SendStats struct {
	Packets, Bytes uint64 // sent; bytes of RTP payload
	Samples        uint64 // sent; 0 where packets are written
	Dropped        uint64 // samples and packets that were written while they could not be sent, while the track was muted, or on a paused layer
}

// NewTrack makes a track of a codec. Each name is a layer of simulcast, the best first: "hi",
// "mid" and "low" are usual. Without any there is one layer without a name.
func NewTrack(codec Codec, layers ...string) *LocalTrack {
	t := &LocalTrack{codec: codec}
	if len(layers) == 0 {
		layers = []string{""}
	}
	for _, rid := range layers {
		t.layers = append(t.layers, &localLayer{
			codec: codec, rid: rid, payloader: newPayloader(codec),
			sequence: uint16(rand.Uint32()), base: rand.Uint32(), keyframes: make(chan struct{}, 1),
			onFirstPacket: func([]byte) {},
		})
	}
	return t
}

// Codec is the track's codec.
func (t *LocalTrack) Codec() Codec { return t.codec }

// Layers is the number of layers.
func (t *LocalTrack) Layers() int { return len(t.layers) }

// KeyframeWanted has a value after the server requested a keyframe of a layer: the encoder
// sends one with its next picture. Requests while one waits are one request.
func (t *LocalTrack) KeyframeWanted(layer int) <-chan struct{} { return t.layers[layer].keyframes }

// WriteSample sends a sample on a layer, 0 being the best or only one. Samples of one layer
// come from one goroutine, each at its time: they are sent at once.
func (t *LocalTrack) WriteSample(layer int, s Sample) error {
	return t.layers[layer].write(s)
}

// WriteRTP sends a packet on a layer, with its own sequence number, timestamp and marker; the
// payload type, SSRC and header extensions are the track's. A payload of at most 1,160 bytes
// passes every path. A track takes samples or packets, not both.
func (t *LocalTrack) WriteRTP(layer int, p *rtp.Packet) error {
	return t.layers[layer].writeRTP(p)
}

// Pace sends samples through p, which the caller runs. It is called before the track is
// published.
func (t *LocalTrack) Pace(p *Pacer) {
	for _, l := range t.layers {
		l.pacer = p
	}
}

// OnFirstPacket calls a function with the payload of each sample's first packet when it is
// sent, to measure latencies. It is called before the track is published.
func (t *LocalTrack) OnFirstPacket(onFirstPacket func(payload []byte)) {
	for _, l := range t.layers {
		l.onFirstPacket = onFirstPacket
	}
}

// Stats are the figures so far.
func (t *LocalTrack) Stats() SendStats {
	var all SendStats
	for _, l := range t.layers {
		l.mu.Lock()
		all.Packets += l.stats.Packets
		all.Bytes += l.stats.Bytes
		all.Samples += l.stats.Samples
		all.Dropped += l.stats.Dropped
		l.mu.Unlock()
	}
	return all
}

// pauseLayers pauses the layers of these names, and resumes all others: a paused layer drops
// what is written. One that is resumed requests a keyframe.
func (t *LocalTrack) pauseLayers(rids []string) {
	for _, l := range t.layers {
		l.pause(rids)
	}
}

// IsPaused reports whether a layer is paused because nobody receives it: its samples need
// not be encoded.
func (t *LocalTrack) IsPaused(layer int) bool {
	l := t.layers[layer]
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.paused
}

// setMuted drops what is written from now on, or sends it again, beginning with a keyframe.
func (t *LocalTrack) setMuted(muted bool) {
	for _, l := range t.layers {
		l.mute(muted)
	}
}
