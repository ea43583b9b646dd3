package media

import (
	"errors"
	"math/bits"
)

// A VP9Stream follows the headers of one stream of VP9, and joins the spatial layers of its
// pictures. It is for one goroutine.
type VP9Stream struct {
	slots         [8]vp9Size // of the reference frames
	Width, Height int        // of the newest picture
}

type vp9Size struct{ width, height int }

const maxSuperframe = 8 // frames (VP9 bitstream specification, annex B)

var errVP9 = errors.New("read VP9: not a frame header")

// Join makes a superframe of the frames of a picture's spatial layers, of which only the last is
// shown. Encoders for RTP mark each as one to be shown; then decoders would show all of them.
// A single frame is returned as it is.
func (s *VP9Stream) Join(layers [][]byte) ([]byte, error) {
	if len(layers) == 0 || len(layers) > maxSuperframe {
		return nil, errVP9
	}
	last := len(layers) - 1
	var joined []byte
	var sizes []int
	for i, frame := range layers {
		h, err := s.read(frame)
		switch {
		case err != nil && last == 0:
			return frame, nil
		case err != nil:
			return nil, err
		case last == 0:
			return frame, nil
		case i < last && h.existing:
			continue // it does nothing but show a frame
		case i < last && h.shown:
			frame = h.hide(frame)
		}
		joined, sizes = append(joined, frame...), append(sizes, len(frame))
	}
	return appendSuperframeIndex(joined, sizes), nil
}

// appendSuperframeIndex appends what says where the frames of a superframe end.
func appendSuperframeIndex(b []byte, sizes []int) []byte {
	if len(sizes) < 2 {
		return b
	}
	magnitude := 1
	for _, n := range sizes {
		magnitude = max(magnitude, (bits.Len(uint(n))+7)/8)
	}
	marker := byte(0xc0 | (magnitude-1)<<3 | len(sizes) - 1)
	b = append(b, marker)
	for _, n := range sizes {
		for i := range magnitude {
			b = append(b, byte(n>>(8*i)))
		}
	}
	return append(b, marker)
}

// VP9Size is the size of the picture that a keyframe, or a superframe that begins with one, shows;
// 0, 0 where it is none.
func VP9Size(keyframe []byte) (width, height int) {
	var s VP9Stream
	for i, frame := range splitSuperframe(keyframe) {
		h, err := s.read(frame)
		if err != nil || i == 0 && !h.keyframe {
			return 0, 0
		}
	}
	return s.Width, s.Height
}

// splitSuperframe returns the frames of a superframe, or the only one.
func splitSuperframe(b []byte) (frames [][]byte) {
	if len(b) == 0 {
		return nil
	}
	marker := b[len(b)-1]
	count, magnitude := int(marker&7)+1, int(marker>>3&3)+1
	index := len(b) - 2 - count*magnitude
	if marker>>5 != 6 || index < 0 || b[index] != marker {
		return [][]byte{b}
	}
	rest := b[:index]
	for at := index + 1; at < len(b)-1; at += magnitude {
		size := 0
		for i := range magnitude {
			size |= int(b[at+i]) << (8 * i)
		}
		if size == 0 || size > len(rest) {
			return frames
		}
		frames, rest = append(frames, rest[:size]), rest[size:]
	}
	return frames
}

// A vp9Header is what the uncompressed header of a frame says.
type vp9Header struct {
	keyframe, shown, existing bool
	visibility                int // position of the bit that says whether it is shown
	bits                      int // of the header
}

// hide returns a frame that is not shown, and otherwise the same. Frames that are no keyframes then
// have a bit more, which says that they are not intra-only.
func (h *vp9Header) hide(frame []byte) []byte {
	if h.keyframe {
		hidden := append([]byte(nil), frame...)
		hidden[0] &^= 0x80 >> h.visibility
		return hidden
	}
	hidden := make([]byte, (h.bits+1+7)/8, len(frame)+1)
	inserted := h.visibility + 2 // behind the one for resilience
	for i := range h.bits {
		to := i
		if i >= inserted {
			to++
		}
		if i != h.visibility && frame[i/8]&(0x80>>(i%8)) != 0 {
			hidden[to/8] |= 0x80 >> (to % 8)
		}
	}
	return append(hidden, frame[(h.bits+7)/8:]...)
}

// read reads the uncompressed header of the next frame (VP9 bitstream specification, §6.2).
func (s *VP9Stream) read(frame []byte) (h vp9Header, err error) {
	r := vp9Reader{bitReader: bitReader{data: frame}}
	h, size, resilient := s.readBegin(&r)
	switch {
	case r.failed:
		return h, errVP9
	case h.existing:
		s.Width, s.Height = size.width, size.height
		return h, nil
	}
	if !resilient {
		r.skip(2) // refresh_frame_context, frame_parallel_decoding_mode
	}
	r.skip(2) // frame_context_idx
	r.loopFilter()
	r.quantization()
	r.segmentation()
	r.tiles(size.width)
	r.skip(16) // header_size_in_bytes
	if h.bits = r.at; r.failed {
		return h, errVP9
	}
	s.Width, s.Height = size.width, size.height
	return h, nil
}

// readBegin reads a header to its size, or to the frame that is shown again.
func (s *VP9Stream) readBegin(r *vp9Reader) (h vp9Header, size vp9Size, resilient bool) {
	if r.bits(2) != 2 {
		r.failed = true
		return h, size, false
	}
	profile := r.bits(1) | r.bits(1)<<1
	if profile == 3 {
		r.skip(1)
	}
	if h.existing = r.flag(); h.existing {
		return h, s.slots[r.bits(3)], false
	}
	h.keyframe = !r.flag()
	h.visibility = r.at
	h.shown = r.flag()
	resilient = r.flag()
	return h, s.readReferences(r, h, profile, resilient), resilient
}

// vp9CodedSize reads the size that the begin of a frame states; 0, 0 where it is that of a
// reference.
func vp9CodedSize(frame []byte) (keyframe bool, width, height int) {
	var s VP9Stream
	r := vp9Reader{bitReader: bitReader{data: frame}}
	h, size, _ := s.readBegin(&r)
	if r.failed {
		return false, 0, 0
	}
	return h.keyframe, size.width, size.height
}

// readReferences reads which frames a frame refers to and replaces, and its size.
func (s *VP9Stream) readReferences(r *vp9Reader, h vp9Header, profile uint32, resilient bool) (size vp9Size) {
	refresh := uint32(0xff)
	switch intraOnly := !h.keyframe && !h.shown && r.flag(); {
	case h.keyframe:
		r.skip(24)
		r.colour(profile)
		size = r.size()
		r.renderSize()
	case intraOnly:
		r.resetContext(resilient)
		r.skip(24)
		if profile > 0 {
			r.colour(profile)
		}
		refresh = r.bits(8)
		size = r.size()
		r.renderSize()
	default:
		r.resetContext(resilient)
		refresh = r.bits(8)
		var references [3]uint32
		for i := range references {
			references[i] = r.bits(3)
			r.skip(1) // ref_frame_sign_bias
		}
		size = s.sizeOf(r, references)
		r.renderSize()
		r.skip(1) // allow_high_precision_mv
		if !r.flag() {
			r.skip(2) // raw_interpolation_filter
		}
	}
	if !r.failed {
		for i := range s.slots {
			if refresh>>i&1 != 0 {
				s.slots[i] = size
			}
		}
	}
	return size
}

// sizeOf reads a size that may be that of a reference.
func (s *VP9Stream) sizeOf(r *vp9Reader, references [3]uint32) vp9Size {
	for _, i := range references {
		if r.flag() {
			return s.slots[i]
		}
	}
	return r.size()
}

// A vp9Reader reads parts of an uncompressed header.
type vp9Reader struct{ bitReader }

func (r *vp9Reader) flag() bool { return r.bits(1) == 1 }

func (r *vp9Reader) skip(n int) { r.bits(n) }

func (r *vp9Reader) resetContext(resilient bool) {
	if !resilient {
		r.skip(2)
	}
}

func (r *vp9Reader) colour(profile uint32) {
	if profile >= 2 {
		r.skip(1) // ten_or_twelve_bit
	}
	const rgb = 7
	switch space := r.bits(3); {
	case space != rgb && profile&1 == 1:
		r.skip(4) // color_range, subsampling, reserved
	case space != rgb, profile&1 == 1:
		r.skip(1)
	}
}

func (r *vp9Reader) size() vp9Size {
	width := int(r.bits(16)) + 1
	return vp9Size{width, int(r.bits(16)) + 1}
}

func (r *vp9Reader) renderSize() {
	if r.flag() {
		r.skip(32)
	}
}

func (r *vp9Reader) loopFilter() {
	r.skip(9)      // level, sharpness
	if !r.flag() { // loop_filter_delta_enabled
		return
	}
	if r.flag() { // loop_filter_delta_update
		for range 6 {
			r.optional(7)
		}
	}
}

func (r *vp9Reader) quantization() {
	r.skip(8)
	for range 3 {
		r.optional(5)
	}
}

func (r *vp9Reader) segmentation() {
	if !r.flag() {
		return
	}
	if r.flag() { // segmentation_update_map
		for range 7 {
			r.optional(8)
		}
		if r.flag() { // segmentation_temporal_update
			for range 3 {
				r.optional(8)
			}
		}
	}
	if !r.flag() { // segmentation_update_data
		return
	}
	r.skip(1)
	for range 8 {
		for _, n := range [...]int{9, 7, 2, 0} { // bits of a feature, with its sign
			r.optional(n)
		}
	}
}

func (r *vp9Reader) tiles(width int) {
	blocks := (width + 63) / 64
	columns, limit := 0, 1 // as logarithms
	for 64<<columns < blocks {
		columns++
	}
	for blocks>>limit >= 4 {
		limit++
	}
	for columns < limit-1 && r.flag() {
		columns++
	}
	r.optional(1) // tile_rows_log2
}

// optional skips a flag, and bits that follow it if it is set.
func (r *vp9Reader) optional(n int) {
	if r.flag() {
		r.skip(n)
	}
}
