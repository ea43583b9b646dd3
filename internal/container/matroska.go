package container

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"rostrum/internal/media"
)

// A matroskaReader reads Matroska and WebM (RFC 9559) sequentially, without index and seek
// tables.
type matroskaReader struct {
	io.Closer
	in      *bufio.Reader
	scale   uint64 // nanoseconds a tick
	tracks  []Track
	entries map[uint64]matroskaTrack // by track number
	cluster uint64                   // its timestamp, in ticks
	queue   []Frame
	begun   bool
	first   time.Duration
	last    map[int]time.Duration // by track: times must not decrease
}

// A matroskaTrack is a track that is read.
type matroskaTrack struct {
	index int
	avc   avcConfig
}

var matroskaCodecs = map[string]media.Codec{
	"V_MPEG4/ISO/AVC": media.H264, "V_VP8": media.VP8, "V_VP9": media.VP9, "V_AV1": media.AV1, "A_OPUS": media.Opus,
}

func newMatroskaReader(in *bufio.Reader, c io.Closer, o Options) (*matroskaReader, error) {
	r := &matroskaReader{Closer: c, in: in, scale: 1_000_000, entries: map[uint64]matroskaTrack{}, last: map[int]time.Duration{}}
	for r.tracks == nil {
		if err := r.step(o); err != nil {
			if err == io.EOF {
				err = errors.New("the Matroska file has no tracks")
			}
			return nil, err
		}
	}
	return r, nil
}

func (r *matroskaReader) Tracks() []Track { return r.tracks }

func (r *matroskaReader) Next() (Frame, error) {
	for len(r.queue) == 0 {
		if err := r.step(Options{}); err != nil {
			return Frame{}, endOfFile(err)
		}
	}
	f := r.queue[0]
	r.queue = r.queue[1:]
	if !r.begun {
		r.begun, r.first = true, f.Time
	}
	if f.Time -= r.first; f.Time < 0 {
		f.Time = 0 // audio that begins slightly before the first block
	}
	if last, ok := r.last[f.Track]; ok && f.Time < last {
		if r.tracks[f.Track].Codec.Kind() == media.Video {
			return Frame{}, &Unsupported{path: "this file", problems: []problem{reordered(f.Track + 1)}}
		}
		f.Time = last
	}
	r.last[f.Track] = f.Time
	return f, nil
}

// step reads the next element. It enters those that contain others, whose size may be
// unknown, and skips unknown ones.
func (r *matroskaReader) step(o Options) error {
	id, size, err := readElement(r.in)
	if err != nil {
		return err
	}
	switch id {
	case idSegment, idCluster:
		return nil
	case idInfo, idTracks, idTimestamp, idSimpleBlock, idBlockGroup:
		body, err := readBody(r.in, size, frameBytes)
		if err != nil {
			return err
		}
		return r.handle(id, body, o)
	}
	if size == unknownSize {
		return fmt.Errorf("%w: element %X has no size", errEBML, id)
	}
	if _, err := io.CopyN(io.Discard, r.in, int64(min(size, 1<<62))); err != nil {
		return unexpected(err)
	}
	return nil
}

func (r *matroskaReader) handle(id uint32, body []byte, o Options) error {
	switch id {
	case idTimestamp:
		r.cluster = child{body: body}.uint()
		return nil
	case idSimpleBlock:
		return r.block(body)
	}
	parts, err := children(body)
	if err != nil {
		return err
	}
	if id == idTracks {
		return r.describe(parts, o)
	}
	for _, c := range parts {
		switch {
		case id == idInfo && c.id == idTimestampScale && c.uint() > 0:
			r.scale = c.uint()
		case id == idBlockGroup && c.id == idBlock:
			return r.block(c.body)
		}
	}
	return nil
}

// describe reads the tracks and chooses among them.
func (r *matroskaReader) describe(parts []child, o Options) error {
	var all []trackInfo
	var numbers []uint64
	var found []Track
	var configs []avcConfig
	for _, p := range parts {
		if p.id != idTrackEntry {
			continue
		}
		c, number, t, config, err := trackEntry(p.body)
		if err != nil {
			return err
		}
		if c.name != "" {
			all, numbers, found, configs = append(all, c), append(numbers, number), append(found, t), append(configs, config)
		}
	}
	video, audio, err := choose(all, o)
	if err != nil {
		return err
	}
	for _, i := range []int{video, audio} {
		if i >= 0 {
			r.entries[numbers[i]] = matroskaTrack{index: len(r.tracks), avc: configs[i]}
			r.tracks = append(r.tracks, found[i])
		}
	}
	return nil
}

// trackEntry reads one track's description. info has no name if it is neither video nor
// audio.
func trackEntry(body []byte) (info trackInfo, number uint64, t Track, config avcConfig, err error) {
	parts, err := children(body)
	if err != nil {
		return info, 0, t, config, err
	}
	var kind uint64
	var private []byte
	var codec string
	for _, p := range parts {
		switch p.id {
		case idTrackNumber:
			number = p.uint()
		case idTrackType:
			kind = p.uint()
		case idCodecID:
			codec = string(p.body)
		case idCodecPrivate:
			private = p.body
		case idEncodings:
			codec += " (compressed once more by Matroska)"
		case idVideo, idAudio:
			inner, err := children(p.body)
			if err != nil {
				return info, 0, t, config, err
			}
			for _, q := range inner {
				switch q.id {
				case idPixelWidth:
					t.Width = int(min(q.uint(), 1<<16))
				case idPixelHeight:
					t.Height = int(min(q.uint(), 1<<16))
				case idChannels:
					t.Channels = int(min(q.uint(), 255))
				}
			}
		}
	}
	switch kind {
	case 1:
		info = trackInfo{number: int(number), kind: media.Video, name: codec}
	case 2:
		info = trackInfo{number: int(number), kind: media.Audio, name: codec}
	default:
		return trackInfo{}, 0, t, config, nil
	}
	info.codec = matroskaCodecs[codec]
	t.Codec = info.codec
	if info.codec == media.H264 {
		config, err = parseAVCConfig(private)
	}
	return info, number, t, config, err
}

// block reads the frames of a (Simple)Block (RFC 9559 §10).
func (r *matroskaReader) block(b []byte) error {
	number, n := vint(b, false)
	if n == 0 || len(b) < n+3 {
		return errEBML
	}
	entry, ours := r.entries[number]
	if !ours {
		return nil
	}
	relative := int16(binary.BigEndian.Uint16(b[n:]))
	flags := b[n+2]
	frames, err := unlace(b[n+3:], flags>>1&3)
	if err != nil {
		return err
	}
	at := time.Duration((int64(min(r.cluster, 1<<40)) + int64(relative)) * int64(min(r.scale, 1<<20)))
	for _, data := range frames {
		f := Frame{Track: entry.index, Time: at, Data: data}
		codec := r.tracks[entry.index].Codec
		switch codec {
		case media.H264:
			if f.Data, f.Keyframe, err = entry.avc.annexB(data); err != nil {
				return err
			}
		case media.Opus:
			f.Keyframe, f.Duration = true, OpusDuration(data)
			at += f.Duration
		default:
			f.Keyframe = isKeyframe(codec, data)
		}
		r.queue = append(r.queue, f)
	}
	return nil
}

// unlace splits the frames of a block (RFC 9559 §10.3). Lacing 0 is one frame, 1 Xiph
// lacing, 2 fixed-size lacing, 3 EBML lacing.
func unlace(b []byte, lacing byte) ([][]byte, error) {
	if lacing == 0 {
		return [][]byte{b}, nil
	}
	if len(b) < 1 {
		return nil, errEBML
	}
	count := int(b[0]) + 1
	b = b[1:]
	var sizes []int // of all but the last
	var err error
	switch lacing {
	case 2:
		if len(b)%count != 0 {
			return nil, errEBML
		}
		sizes = slices.Repeat([]int{len(b) / count}, count-1)
	case 1:
		sizes, b, err = xiphSizes(b, count-1)
	case 3:
		sizes, b, err = ebmlSizes(b, count-1)
	}
	if err != nil {
		return nil, err
	}
	frames := make([][]byte, 0, count)
	for _, n := range sizes {
		if n < 0 || n > len(b) {
			return nil, errEBML
		}
		frames = append(frames, b[:n])
		b = b[n:]
	}
	return append(frames, b), nil
}

// xiphSizes reads sizes that are runs of bytes; only the last byte of a run is below 255.
func xiphSizes(b []byte, count int) (sizes []int, rest []byte, err error) {
	for range count {
		size := 0
		for last := false; !last; b = b[1:] {
			if len(b) == 0 {
				return nil, nil, errEBML
			}
			size += int(b[0])
			last = b[0] < 255
		}
		sizes = append(sizes, size)
	}
	return sizes, b, nil
}

// ebmlSizes reads a size, and the difference of each following one from its predecessor.
func ebmlSizes(b []byte, count int) (sizes []int, rest []byte, err error) {
	size := 0
	for i := range count {
		v, n := vint(b, false)
		if n == 0 || v > frameBytes {
			return nil, nil, errEBML
		}
		b = b[n:]
		if i == 0 {
			size = int(v)
		} else {
			size += int(v) - (1<<(7*n-1) - 1) // a signed difference
		}
		sizes = append(sizes, size)
	}
	return sizes, b, nil
}
