package container

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/vp9"

	"rostrum/internal/media"
)

// frameBytes bounds a frame of a file.
const frameBytes = 32 << 20

var ivfCodecs = map[string]media.Codec{"VP80": media.VP8, "VP90": media.VP9, "AV01": media.AV1}

type ivfReader struct {
	io.Closer
	in    io.Reader
	track Track
	tick  float64 // seconds
	first int64
	begun bool
}

func newIVFReader(in io.Reader, c io.Closer) (*ivfReader, error) {
	var h [32]byte
	if _, err := io.ReadFull(in, h[:]); err != nil {
		return nil, fmt.Errorf("IVF header: %w", err)
	}
	name := string(h[8:12])
	codec, ok := ivfCodecs[name]
	if !ok {
		return nil, &Unsupported{problems: []problem{{what: fmt.Sprintf("its codec is %q, and stages carry H.264, VP8, VP9 and AV1", name), video: true}}}
	}
	rate, scale := binary.LittleEndian.Uint32(h[16:]), binary.LittleEndian.Uint32(h[20:])
	if rate == 0 || scale == 0 {
		return nil, fmt.Errorf("IVF header: time base %d/%d", scale, rate)
	}
	if n := int64(binary.LittleEndian.Uint16(h[6:])); n > 32 {
		if _, err := io.CopyN(io.Discard, in, n-32); err != nil {
			return nil, fmt.Errorf("IVF header: %w", err)
		}
	}
	return &ivfReader{Closer: c, in: in, tick: float64(scale) / float64(rate), track: Track{
		Codec: codec, Width: int(binary.LittleEndian.Uint16(h[12:])), Height: int(binary.LittleEndian.Uint16(h[14:])),
	}}, nil
}

func (r *ivfReader) Tracks() []Track { return []Track{r.track} }

func (r *ivfReader) Next() (Frame, error) {
	var h [12]byte
	if _, err := io.ReadFull(r.in, h[:]); err != nil {
		return Frame{}, endOfFile(err)
	}
	n := binary.LittleEndian.Uint32(h[:])
	if n > frameBytes {
		return Frame{}, fmt.Errorf("a frame of %d bytes", n)
	}
	data := make([]byte, n)
	if _, err := io.ReadFull(r.in, data); err != nil {
		return Frame{}, endOfFile(err)
	}
	at := int64(binary.LittleEndian.Uint64(h[4:]))
	if !r.begun {
		r.begun, r.first = true, at
	}
	return Frame{
		Time:     time.Duration(float64(at-r.first) * r.tick * float64(time.Second)),
		Keyframe: isKeyframe(r.track.Codec, data),
		Data:     data,
	}, nil
}

// endOfFile is io.EOF also for a file that ends within a frame; the frames before it were
// returned.
func endOfFile(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return io.EOF
	}
	return err
}

// isKeyframe reports whether decoding can begin with a frame.
func isKeyframe(c media.Codec, data []byte) bool {
	switch c {
	case media.H264:
		return h264Has(data, nalIDR)
	case media.VP8:
		return len(data) > 0 && data[0]&1 == 0 // RFC 6386 §9.1
	case media.VP9:
		var h vp9.Header
		return h.Unmarshal(data) == nil && !h.NonKeyFrame
	case media.AV1:
		return hasSequenceHeader(data)
	default:
		return true
	}
}

// hasSequenceHeader looks for a sequence header among OBUs with sizes (AV1 §5.3).
func hasSequenceHeader(data []byte) bool {
	for len(data) > 1 {
		kind, head := data[0]>>3&15, 1
		if kind == 1 {
			return true
		}
		if data[0]&4 != 0 {
			head = 2
		}
		if data[0]&2 == 0 || head >= len(data) {
			return false
		}
		size, n := binary.Uvarint(data[head:])
		if n <= 0 || size > uint64(len(data)-head-n) {
			return false
		}
		data = data[head+n+int(size):]
	}
	return false
}

type ivfWriter struct {
	f      *os.File
	frames uint32
}

func newIVFWriter(f *os.File, tracks []Track) (Writer, error) {
	t := tracks[0]
	h := make([]byte, 32)
	copy(h, "DKIF")
	for name, c := range ivfCodecs {
		if c == t.Codec {
			copy(h[8:], name)
		}
	}
	binary.LittleEndian.PutUint16(h[6:], 32)
	binary.LittleEndian.PutUint16(h[12:], uint16(t.Width))
	binary.LittleEndian.PutUint16(h[14:], uint16(t.Height))
	binary.LittleEndian.PutUint32(h[16:], 90000)
	binary.LittleEndian.PutUint32(h[20:], 1)
	_, err := f.Write(h)
	return &ivfWriter{f: f}, err
}

func (w *ivfWriter) Write(f Frame) error {
	h := make([]byte, 12, 12+len(f.Data))
	binary.LittleEndian.PutUint32(h, uint32(len(f.Data)))
	binary.LittleEndian.PutUint64(h[4:], uint64(f.Time*9/100_000))
	w.frames++
	_, err := w.f.Write(append(h, f.Data...))
	return err
}

func (w *ivfWriter) Close() error {
	var n [4]byte
	binary.LittleEndian.PutUint32(n[:], w.frames)
	_, err := w.f.WriteAt(n[:], 24)
	return errors.Join(err, w.f.Close())
}
