package loadtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"rostrum/internal/container"
	"rostrum/internal/media"
	"rostrum/internal/testpattern"
)

// A Clip is some seconds of pictures from a keyframe on, in each layer, which all publishers
// repeat.
type Clip struct {
	fps     int
	bitrate int // of all layers
	layers  []clipLayer
}

type clipLayer struct {
	rid   string
	units [][]byte // access units; the first is a keyframe
}

// ClipConfig describes a Clip. Zero values take the default.
type ClipConfig struct {
	Width, Height int    // of the best layer; 1280x720
	Bitrate       int    // of the best layer, bits a second; 2.5 million
	Simulcast     bool   // three layers, each with half the width and height of the one before
	GOP           int    // pictures from keyframe to keyframe; 60
	File          string // H.264 in a file is sent instead; it has one layer
}

const (
	clipFPS        = 30
	clipGOP        = 2 * clipFPS
	keyframeWeight = 5    // times another picture's size
	maxPacket      = 1200 // bytes with all headers
	maxFragment    = 1158 // bytes of a picture in one packet of an Outlet (RFC 6184 §5.8)
)

// NewClip generates a clip, or reads one.
func NewClip(c ClipConfig) (*Clip, error) {
	if c.Width == 0 && c.Height == 0 {
		c.Width, c.Height = 1280, 720
	}
	if c.Bitrate == 0 {
		c.Bitrate = 2_500_000
	}
	if c.GOP == 0 {
		c.GOP = clipGOP
	}
	if c.File != "" {
		return readClip(c.File)
	}
	clip := &Clip{fps: clipFPS}
	for i, share := range []struct {
		rid  string
		rate float64
	}{{"hi", 1}, {"mid", 0.41}, {"low", 0.12}} {
		if i > 0 && !c.Simulcast {
			break
		}
		rate := int(float64(c.Bitrate) * share.rate)
		layer, err := makeLayer(c.Width>>i&^1, c.Height>>i&^1, rate, c.GOP, byte(i))
		if err != nil {
			return nil, fmt.Errorf("make layer %s: %w", share.rid, err)
		}
		layer.rid = share.rid
		clip.bitrate += rate
		clip.layers = append(clip.layers, layer)
	}
	return clip, nil
}

// makeLayer makes units with the sizes of an encoder's pictures and valid beginnings. The
// rest is no picture: servers do not read it, and drawing 720p takes long. Pictures fill
// their packets, as in browsers.
func makeLayer(width, height, bitrate, length int, index byte) (clipLayer, error) {
	video, err := testpattern.NewVideo(testpattern.VideoConfig{Width: width, Height: height, FPS: clipFPS})
	if err != nil {
		return clipLayer{}, err
	}
	drawn, _ := video.Frame(0, time.Now(), true)
	var sets []byte // SPS and PPS of a real encoder
	for _, unit := range bytes.Split(drawn, startCode) {
		if len(unit) > 0 && (unit[0]&31 == nalSPS || unit[0]&31 == nalPPS) {
			sets = append(append(sets, startCode...), unit...)
		}
	}
	packets := max(1, bitrate/8*length/clipFPS/(length-1+keyframeWeight)/maxPacket)
	layer := clipLayer{}
	for n := range length {
		head, size := byte(nalSlice), packets
		var unit []byte
		if n == 0 {
			head, size, unit = nalIDR, packets*keyframeWeight, append(unit, sets...)
		}
		body := bytes.Repeat([]byte{0xa5}, size*maxFragment)
		copy(body, []byte{0x88, index + 1, byte(n) + 1}) // a different beginning for each picture
		layer.units = append(layer.units, append(append(append(unit, startCode...), 3<<5|head), body...))
	}
	return layer, nil
}

var startCode = []byte{0, 0, 0, 1}

// Types of NAL units (H.264 table 7-1).
const (
	nalSlice = 1
	nalIDR   = 5
	nalSPS   = 7
	nalPPS   = 8
)

const maxClip = 10 * time.Minute // of a file

// readClip reads the pictures of a file.
func readClip(path string) (*Clip, error) {
	r, err := container.Open(path, container.Options{NoAudio: true})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if tracks := r.Tracks(); len(tracks) != 1 || tracks[0].Codec != media.H264 {
		return nil, fmt.Errorf("%s: must be H.264", path)
	}
	layer, size, end := clipLayer{}, 0, time.Duration(0)
	for {
		f, err := r.Next()
		if errors.Is(err, io.EOF) || err == nil && f.Time > maxClip {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if len(layer.units) == 0 && !f.Keyframe {
			continue
		}
		layer.units = append(layer.units, bytes.Clone(f.Data))
		size, end = size+len(f.Data), max(end, f.Time)
	}
	if len(layer.units) < 2 || end <= 0 {
		return nil, fmt.Errorf("%s: too short", path)
	}
	length := end.Seconds() * float64(len(layer.units)) / float64(len(layer.units)-1) // with the last picture's duration
	return &Clip{
		fps: max(1, int(float64(len(layer.units))/length+0.5)), bitrate: int(8 * float64(size) / length),
		layers: []clipLayer{layer},
	}, nil
}

// rids are the names of the layers; none for a single layer.
func (c *Clip) rids() (all []string) {
	if len(c.layers) > 1 {
		for _, l := range c.layers {
			all = append(all, l.rid)
		}
	}
	return all
}
