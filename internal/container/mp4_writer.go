package container

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"rostrum/internal/media"
)

// An mp4Writer writes fragmented MP4, so that the file is readable at any time.
type mp4Writer struct {
	f       *os.File
	tracks  []Track
	inits   []*fmp4.InitTrack // nil until it can be described
	records map[int][]byte    // by track of H.264: the content of its avcC
	began   bool
	named   []bool // by track: the header describes it
	count   uint32
	held    [][]Frame // by track; the duration of the last one is not known yet
	since   time.Duration
}

const fragmentTime = 2 * time.Second

func newMP4Writer(f *os.File, tracks []Track) (Writer, error) {
	return &mp4Writer{f: f, tracks: tracks, inits: make([]*fmp4.InitTrack, len(tracks)), records: map[int][]byte{}, named: make([]bool, len(tracks)), held: make([][]Frame, len(tracks))}, nil
}

func (w *mp4Writer) Write(f Frame) error {
	if w.inits[f.Track] == nil {
		w.inits[f.Track] = w.describe(f)
	}
	w.held[f.Track] = append(w.held[f.Track], f)
	if f.Time-w.since < fragmentTime {
		return nil
	}
	w.since = f.Time
	return w.flush(1)
}

// describe makes a track's description from its first frame; nil where that is not
// possible.
func (w *mp4Writer) describe(f Frame) *fmp4.InitTrack {
	t := &fmp4.InitTrack{ID: f.Track + 1, TimeScale: 90000}
	track := w.tracks[f.Track]
	switch track.Codec {
	case media.H264:
		sps, pps := parameterSets(f.Data)
		if len(sps) < 4 || len(pps) == 0 {
			return nil
		}
		t.Codec = &codecs.H264{SPS: sps, PPS: pps[0]}
		if len(pps) > 1 {
			w.records[f.Track], _ = avcRecord(f.Data) // the sets are there
		}
	case media.VP9:
		t.Codec = &codecs.VP9{Width: track.Width, Height: track.Height, Profile: 0, BitDepth: 8, ChromaSubsampling: 1}
	case media.AV1:
		var units av1.Bitstream
		if units.Unmarshal(f.Data) != nil {
			return nil
		}
		for _, u := range units {
			if len(u) > 0 && u[0]>>3&15 == 1 {
				t.Codec = &codecs.AV1{SequenceHeader: u}
			}
		}
		if t.Codec == nil {
			return nil
		}
	default:
		t.TimeScale = 48000
		t.Codec = &codecs.Opus{ChannelCount: max(track.Channels, 1)}
	}
	return t
}

// flush writes the held frames, without the last keep frames of each track.
func (w *mp4Writer) flush(keep int) error {
	if !w.began {
		if err := w.begin(); err != nil {
			return err
		}
	}
	part := fmp4.Part{SequenceNumber: w.count}
	for i := range w.tracks {
		if !w.named[i] || len(w.held[i]) <= keep {
			continue
		}
		part.Tracks = append(part.Tracks, w.fragment(i, len(w.held[i])-keep))
	}
	if len(part.Tracks) == 0 {
		return nil
	}
	w.count++
	return w.write(part.Marshal)
}

// begin writes the header. Tracks without a frame are omitted from the file.
func (w *mp4Writer) begin() error {
	var header fmp4.Init
	records := map[int][]byte{} // by track of the header
	for i, t := range w.inits {
		if t != nil {
			if r := w.records[i]; r != nil {
				records[len(header.Tracks)] = r
			}
			header.Tracks = append(header.Tracks, t)
			w.named[i] = true
		}
	}
	if len(header.Tracks) == 0 {
		return nil
	}
	w.began = true
	var b seekablebuffer.Buffer
	if err := header.Marshal(&b); err != nil {
		return err
	}
	data := b.Bytes()
	for track, record := range records { // the muxer writes one PPS
		data = replaceBox(data, avcPath, track, record)
	}
	_, err := w.f.Write(data)
	return err
}

// A boxStep is a box within another one, behind a header of its own.
type boxStep struct {
	kind   string
	header int
}

// avcPath leads to the configuration of H.264.
var avcPath = []boxStep{{"moov", 0}, {"trak", 0}, {"mdia", 0}, {"minf", 0}, {"stbl", 0}, {"stsd", 8}, {"avc1", 78}, {"avcC", 0}}

// replaceBox replaces the content of a box of the given track, and corrects the sizes of those
// around it.
func replaceBox(data []byte, path []boxStep, track int, content []byte) (out []byte) {
	for len(data) >= 8 {
		size := int(binary.BigEndian.Uint32(data))
		if size < 8 || size > len(data) {
			break
		}
		box := data[:size]
		data = data[size:]
		switch {
		case string(box[4:8]) != path[0].kind:
		case path[0].kind == "trak" && track != 0:
			track--
		default:
			inner := content
			if len(path) > 1 {
				begin := 8 + path[0].header
				inner = append(bytes.Clone(box[8:begin]), replaceBox(box[begin:], path[1:], track, content)...)
			}
			track--
			box = append(binary.BigEndian.AppendUint32(nil, uint32(8+len(inner))), box[4:8]...)
			box = append(box, inner...)
		}
		out = append(out, box...)
	}
	return append(out, data...)
}

// write assembles a box in memory, since its sizes are known last.
func (w *mp4Writer) write(marshal func(io.WriteSeeker) error) error {
	var b seekablebuffer.Buffer
	if err := marshal(&b); err != nil {
		return err
	}
	_, err := w.f.Write(b.Bytes())
	return err
}

func (w *mp4Writer) fragment(i, n int) *fmp4.PartTrack {
	frames := w.held[i]
	scale := int64(w.inits[i].TimeScale)
	ticks := func(d time.Duration) int64 {
		return int64(d/time.Second)*scale + int64(d%time.Second)*scale/int64(time.Second)
	}
	t := &fmp4.PartTrack{ID: i + 1, BaseTime: uint64(max(0, ticks(frames[0].Time)))}
	for k, f := range frames[:n] {
		s := &fmp4.Sample{IsNonSyncSample: !f.Keyframe, Payload: f.Data}
		if w.tracks[i].Codec == media.H264 {
			s.Payload = withLengths(f.Data)
		}
		end := f.Time + max(f.Duration, time.Second/30)
		if k+1 < len(frames) {
			end = frames[k+1].Time
		}
		s.Duration = uint32(max(0, ticks(end)-ticks(f.Time)))
		t.Samples = append(t.Samples, s)
	}
	w.held[i] = append([]Frame(nil), frames[n:]...)
	return t
}

func (w *mp4Writer) Close() error {
	return errors.Join(w.flush(0), w.f.Close())
}
