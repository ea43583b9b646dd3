package testpattern

import "bytes"

const (
	pictureQP    = 22  // of pictures that need less than the bit rate
	maxQP        = 38  // of others
	pcmBytes     = 386 // an I_PCM macroblock: 384 samples, its type, its alignment
	frameNumBits = 8
)

const (
	nalSlice = 0x41 // nal_ref_idc 2, types 1, 5, 6, 7, 8
	nalIDR   = 0x65
	nalSEI   = 0x06
	nalSPS   = 0x67
	nalPPS   = 0x68
)

// An encoder encodes pictures as H.264: constrained baseline, one slice a picture, CAVLC,
// no deblocking. It is for one goroutine.
type encoder struct {
	width, height, fps int
	parameters         []byte // SPS and PPS, Annex B

	w        bitWriter
	decoded  *picture // what the decoder makes of the slice
	coded    []bool   // the macroblocks that are in it
	begun    bool     // the decoder has a picture
	frameNum uint32
	idr      uint32

	qp      int
	lumaQ   quantiser
	chromaQ quantiser
	mb      macroblock
	counts  [3]counts // of the slice, by component

	refill  int // where the next repeated macroblock is
	raw     []bool
	scratch bitWriter
}

func newEncoder(width, height, fps int) *encoder {
	e := &encoder{width: width, height: height, fps: fps, decoded: newPicture(width, height)}
	e.parameters = appendNAL(nil, nalSPS, e.sps())
	e.parameters = appendNAL(e.parameters, nalPPS, e.pps())
	for i := range e.counts {
		size := macroblockSize(i) / 4
		e.counts[i] = counts{size * e.decoded.mbw, make([]byte, size*size*len(e.decoded.changed))}
	}
	e.raw, e.coded = make([]bool, len(e.decoded.changed)), make([]bool, len(e.decoded.changed))
	e.setQP(pictureQP)
	return e
}

func (e *encoder) setQP(qp int) {
	if qp != e.qp {
		e.qp, e.lumaQ, e.chromaQ = qp, newQuantiser(qp), newQuantiser(chromaQP(qp))
	}
}

// level is the lowest level_idc for the picture size and macroblock rate (H.264 table A-1).
func (e *encoder) level() uint32 {
	size := ((e.width + 15) / 16) * ((e.height + 15) / 16)
	rate := size * e.fps
	for _, l := range []struct{ idc, size, rate int }{
		{20, 396, 11880}, {21, 792, 19800}, {30, 1620, 40500}, {31, 3600, 108000},
		{32, 5120, 216000}, {40, 8192, 245760}, {42, 8704, 522240}, {51, 36864, 983040},
	} {
		if size <= l.size && rate <= l.rate {
			return uint32(l.idc)
		}
	}
	return 52
}

// sps writes the sequence parameter set (H.264 §7.3.2.1.1 and annex E).
func (e *encoder) sps() []byte {
	mbw, mbh := (e.width+15)/16, (e.height+15)/16
	w := &bitWriter{}
	w.put(66, 8)   // baseline…
	w.put(0xC0, 8) // …constrained
	w.put(e.level(), 8)
	w.ue(0)
	w.ue(frameNumBits - 4)
	w.ue(2) // pic_order_cnt_type: output order is decoding order
	w.ue(1) // one reference picture
	w.flag(false)
	w.ue(uint32(mbw - 1))
	w.ue(uint32(mbh - 1))
	w.flag(true) // frame_mbs_only
	w.flag(true) // direct_8x8_inference
	cropX, cropY := mbw*16-e.width, mbh*16-e.height
	w.flag(cropX > 0 || cropY > 0)
	if cropX > 0 || cropY > 0 {
		w.ue(0)
		w.ue(uint32(cropX / 2))
		w.ue(0)
		w.ue(uint32(cropY / 2))
	}
	w.flag(true)  // VUI
	w.flag(false) // aspect ratio
	w.flag(false) // overscan
	w.flag(true)  // video signal: unspecified format, studio range, BT.709
	w.put(5, 3)   //
	w.flag(false) //
	w.flag(true)  //
	w.put(1, 8)   //
	w.put(1, 8)   //
	w.put(1, 8)   //
	w.flag(false) // chroma location
	w.flag(true)  // timing: two ticks a frame, fixed
	w.put(1, 32)  //
	w.put(uint32(2*e.fps), 32)
	w.flag(true)
	w.flag(false) // no HRD
	w.flag(false)
	w.flag(false) // no pic_struct
	w.flag(true)  // bitstream restriction: a decoder may show each picture at once
	w.flag(true)
	w.ue(0)
	w.ue(0)
	w.ue(10)
	w.ue(10)
	w.ue(0) // no reordering
	w.ue(1)
	w.trailing()
	return w.buf
}

// pps writes the picture parameter set (H.264 §7.3.2.2).
func (e *encoder) pps() []byte {
	w := &bitWriter{}
	w.ue(0)
	w.ue(0)
	w.flag(false) // CAVLC
	w.flag(false)
	w.ue(0)
	w.ue(0)
	w.ue(0)
	w.flag(false)
	w.put(0, 2)
	w.se(pictureQP - 26)
	w.se(0)
	w.se(0)
	w.flag(true) // deblocking is set per slice
	w.flag(true) // constrained intra prediction: a macroblock depends on those coded beside it only
	w.flag(false)
	w.trailing()
	return w.buf
}

// A fill is which macroblocks are sent as samples: n of those before and after a band of
// the picture.
type fill struct{ n, from, to int }

// A codedMacroblock is the syntax of one macroblock of a P slice.
type codedMacroblock struct {
	index int
	data  []byte
	bits  uint
}

// encode encodes the next picture as an access unit in Annex B form: all macroblocks of a
// keyframe, else those that changed and those that are coded already, in order. user is
// the content of an SEI user data message, which begins with the UUID. filled is how many
// macroblocks are sent as samples.
func (e *encoder) encode(p *picture, keyframe bool, user []byte, f fill, ready []codedMacroblock) (unit []byte, filled int) {
	if keyframe {
		e.frameNum = 0
		e.idr ^= 1
	} else {
		e.frameNum = (e.frameNum + 1) % (1 << frameNumBits)
	}
	filled = e.spread(f)
	e.slice(p, keyframe, ready)
	clear(p.changed)
	e.begun = true

	header := byte(nalSlice)
	unit = make([]byte, 0, len(e.w.buf)+len(e.w.buf)/64+256)
	if keyframe {
		header = nalIDR
		unit = append(unit, e.parameters...)
	}
	unit = appendSEI(unit, user)
	return appendNAL(unit, header, e.w.buf), filled
}

func appendSEI(dst, user []byte) []byte {
	w := &bitWriter{}
	w.put(5, 8) // user_data_unregistered
	n := len(user)
	for ; n >= 255; n -= 255 {
		w.put(255, 8)
	}
	w.put(uint32(n), 8)
	w.buf = append(w.buf, user...)
	w.trailing()
	return appendNAL(dst, nalSEI, w.buf)
}

// spread chooses the macroblocks of a fill, evenly, and others in the next picture.
func (e *encoder) spread(f fill) (filled int) {
	clear(e.raw)
	all := len(e.raw) - (f.to - f.from)
	if all <= 0 {
		return 0
	}
	filled = min(f.n, all)
	for i := range filled {
		at := (e.refill + i*all/filled) % all
		if at >= f.from {
			at += f.to - f.from
		}
		e.raw[at] = true
	}
	e.refill = (e.refill + 1) % all
	return filled
}

// slice writes the one slice of a picture (H.264 §7.3.3 and §7.3.4).
func (e *encoder) slice(p *picture, keyframe bool, ready []codedMacroblock) {
	e.sliceHeader(keyframe)
	for i := range e.counts {
		clear(e.counts[i].n)
	}
	w, skipped, typeBase := &e.w, uint32(0), uint32(0)
	for i := range p.changed {
		isReady := len(ready) > 0 && ready[0].index == i
		e.coded[i] = keyframe || e.raw[i] || isReady || p.changed[i]
		if !e.coded[i] {
			skipped++
			continue
		}
		if !keyframe {
			w.ue(skipped)
			skipped, typeBase = 0, 5
		}
		switch x, y := i%p.mbw, i/p.mbw; {
		case e.raw[i]:
			e.samples(p, x, y, typeBase)
		case isReady:
			w.bits(ready[0].data, ready[0].bits)
			ready = ready[1:]
		default:
			e.code(w, p, x, y, typeBase)
		}
	}
	if skipped > 0 {
		w.ue(skipped)
	}
	w.trailing()
}

// prepare codes the macroblocks of a rectangle for a P slice in which nothing beside it
// changes.
func (e *encoder) prepare(p *picture, changed []bool) (all []codedMacroblock) {
	copy(e.coded, changed)
	for i := range e.counts {
		clear(e.counts[i].n)
	}
	for i, ok := range changed {
		if !ok {
			continue
		}
		e.scratch.reset()
		e.code(&e.scratch, p, i%p.mbw, i/p.mbw, 5)
		bits := e.scratch.length()
		e.scratch.align()
		all = append(all, codedMacroblock{i, bytes.Clone(e.scratch.buf), bits})
	}
	return all
}

func (e *encoder) sliceHeader(keyframe bool) {
	w := &e.w
	w.reset()
	w.ue(0)
	if keyframe {
		w.ue(7)
	} else {
		w.ue(5)
	}
	w.ue(0)
	w.put(e.frameNum, frameNumBits)
	if keyframe {
		w.ue(e.idr)
		w.flag(false)
		w.flag(false)
	} else {
		w.flag(false) // num_ref_idx_active_override
		w.flag(false) // ref_pic_list_modification
		w.flag(false) // adaptive_ref_pic_marking_mode
	}
	w.se(e.qp - pictureQP)
	w.ue(1) // no deblocking
}

// samples writes an I_PCM macroblock.
func (e *encoder) samples(p *picture, x, y int, typeBase uint32) {
	e.w.ue(typeBase + 25)
	e.w.align()
	e.w.buf = p.appendRaw(e.w.buf, x, y)
	for i := range e.counts {
		size := macroblockSize(i)
		e.counts[i].fill(x, y, size/4, 16)
		for row := range size {
			at := (y*size+row)*p.planes[i].stride + x*size
			copy(e.decoded.planes[i].pix[at:at+size], p.planes[i].pix[at:])
		}
	}
}
