package container

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"

	"rostrum/internal/media"
)

// NAL unit types (H.264 table 7-1).
const (
	nalSlice = 1
	nalIDR   = 5
	nalSEI   = 6
	nalSPS   = 7
	nalPPS   = 8
	nalAUD   = 9
)

var startCode = []byte{0, 0, 0, 1}

// h264Units returns the NAL units of an access unit in Annex B form.
func h264Units(unit []byte) [][]byte {
	var units [][]byte
	rest := unit
	begin := bytes.Index(rest, startCode[1:])
	for begin >= 0 {
		rest = rest[begin+3:]
		begin = bytes.Index(rest, startCode[1:])
		nal := rest
		if begin >= 0 {
			nal = bytes.TrimRight(rest[:begin], "\x00")
		}
		if len(nal) > 0 {
			units = append(units, nal)
		}
	}
	return units
}

func h264Has(unit []byte, kind byte) bool {
	for _, nal := range h264Units(unit) {
		if nal[0]&0x1F == kind {
			return true
		}
	}
	return false
}

// h264Size reads the size of the picture from a sequence parameter set.
func h264Size(sps []byte) (width, height int, fps float64) {
	var s h264.SPS
	if s.Unmarshal(sps) != nil {
		return 0, 0, 0
	}
	return s.Width(), s.Height(), s.FPS()
}

// avcConfig is the content of an AVCDecoderConfigurationRecord (ISO 14496-15 §5.3.3).
type avcConfig struct {
	lengthSize    int
	parameters    []byte // SPS and PPS in Annex B form
	width, height int
}

func parseAVCConfig(b []byte) (c avcConfig, err error) {
	truncated := errors.New("the H.264 configuration is truncated")
	if len(b) < 7 {
		return c, truncated
	}
	c.lengthSize = int(b[4]&3) + 1
	count, rest := int(b[5]&31), b[6:]
	for _, last := range []bool{false, true} {
		for range count {
			if len(rest) < 2 {
				return c, truncated
			}
			n := int(binary.BigEndian.Uint16(rest))
			if n == 0 || n > len(rest)-2 {
				return c, truncated
			}
			set := rest[2 : 2+n]
			if set[0]&0x1F == nalSPS {
				c.width, c.height, _ = h264Size(set)
			}
			c.parameters = append(append(c.parameters, startCode...), set...)
			rest = rest[2+n:]
		}
		if last {
			return c, nil
		}
		if len(rest) < 1 {
			return c, truncated
		}
		count, rest = int(rest[0]), rest[1:]
	}
	return c, nil
}

// annexB converts a sample with lengths to Annex B form. A keyframe without parameter sets
// gets them.
func (c avcConfig) annexB(sample []byte) (unit []byte, keyframe bool, err error) {
	var out []byte
	hasSPS := false
	for len(sample) > 0 {
		if len(sample) < c.lengthSize {
			return nil, false, errors.New("an H.264 sample is truncated")
		}
		n := 0
		for _, b := range sample[:c.lengthSize] {
			n = n<<8 | int(b)
		}
		sample = sample[c.lengthSize:]
		if n > len(sample) {
			return nil, false, errors.New("an H.264 sample is truncated")
		}
		if n > 0 {
			kind := sample[0] & 0x1F
			keyframe = keyframe || kind == nalIDR
			hasSPS = hasSPS || kind == nalSPS
			out = append(append(out, startCode...), sample[:n]...)
		}
		sample = sample[n:]
	}
	if keyframe && !hasSPS {
		out = append(bytes.Clone(c.parameters), out...)
	}
	return out, keyframe, nil
}

// An h264Reader reads raw H.264 (annex B). Times follow from the frame rate.
type h264Reader struct {
	io.Closer
	in    *bufio.Scanner
	track Track
	fps   float64
	next  []byte // the NAL unit that begins the next access unit
	count int
}

func newH264Reader(in io.Reader, c io.Closer, o Options) (*h264Reader, error) {
	s := bufio.NewScanner(in)
	s.Buffer(make([]byte, 1<<20), frameBytes)
	s.Split(splitUnits)
	r := &h264Reader{Closer: c, in: s, fps: o.FPS, track: Track{Codec: media.H264}}
	// The parameter sets, which come first, have the size.
	for r.track.Width == 0 {
		nal, err := r.unit()
		if err != nil {
			return nil, fmt.Errorf("raw H.264 without a sequence parameter set: %w", err)
		}
		if nal[0]&0x1F != nalSPS {
			continue
		}
		var fps float64
		r.track.Width, r.track.Height, fps = h264Size(nal)
		if r.track.Width == 0 {
			return nil, errors.New("raw H.264 with an invalid sequence parameter set")
		}
		if r.fps == 0 {
			r.fps = fps
		}
		r.next = nal
	}
	if r.fps <= 0 || r.fps > 240 {
		r.fps = 30
	}
	return r, nil
}

// splitUnits is a bufio.SplitFunc: each token is a NAL unit.
func splitUnits(data []byte, atEOF bool) (advance int, token []byte, err error) {
	begin := bytes.Index(data, startCode[1:])
	if begin < 0 {
		if atEOF {
			return len(data), nil, nil
		}
		return max(0, len(data)-2), nil, nil
	}
	begin += 3
	if end := bytes.Index(data[begin:], startCode[1:]); end >= 0 {
		return begin + end, bytes.TrimRight(data[begin:begin+end], "\x00"), nil
	}
	if atEOF {
		return len(data), bytes.TrimRight(data[begin:], "\x00"), nil
	}
	return begin - 3, nil, nil
}

// unit returns a copy of the next NAL unit.
func (r *h264Reader) unit() ([]byte, error) {
	if r.next != nil {
		nal := r.next
		r.next = nil
		return nal, nil
	}
	for r.in.Scan() {
		if len(r.in.Bytes()) > 0 {
			return bytes.Clone(r.in.Bytes()), nil
		}
	}
	if err := r.in.Err(); err != nil {
		return nil, err
	}
	return nil, io.EOF
}

func (r *h264Reader) Tracks() []Track { return []Track{r.track} }

// Next returns an access unit. It ends before the first NAL unit that must begin another
// (H.264 §7.4.1.2.3).
func (r *h264Reader) Next() (Frame, error) {
	f := Frame{
		Time:     time.Duration(float64(r.count) / r.fps * float64(time.Second)),
		Duration: time.Duration(float64(time.Second) / r.fps),
	}
	picture := false
	for {
		nal, err := r.unit()
		if err == io.EOF && picture {
			break
		}
		if err != nil {
			return Frame{}, err
		}
		kind := nal[0] & 0x1F
		slice := kind == nalSlice || kind == nalIDR
		first := slice && len(nal) > 1 && nal[1]&0x80 != 0 // first_mb_in_slice is 0
		if picture && (first || kind >= nalSEI && kind <= nalAUD) {
			r.next = nal
			break
		}
		picture = picture || slice
		f.Keyframe = f.Keyframe || kind == nalIDR
		if kind != nalAUD {
			f.Data = append(append(f.Data, startCode...), nal...)
		}
	}
	r.count++
	return f, nil
}

type h264Writer struct{ *os.File }

func newH264Writer(f *os.File, _ []Track) (Writer, error) { return h264Writer{f}, nil }

func (w h264Writer) Write(f Frame) error {
	_, err := w.File.Write(f.Data)
	return err
}
