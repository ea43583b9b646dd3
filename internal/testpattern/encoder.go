package testpattern

// qp is the quantiser at which the DC levels of cells are exact; with chromaOffset
// those of a flat chroma block are too.
const (
	qp           = 16
	chromaOffset = 6
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

// An encoder encodes pictures of cells as H.264. It is for one goroutine.
type encoder struct {
	width, height, fps int
	parameters         []byte // SPS and PPS, Annex B

	w        bitWriter
	last     *picture // in the decoder
	frameNum uint32
	idr      uint32
	refill   int // where the next repeated macroblock is
	pcm      []bool
}

func newEncoder(width, height, fps int) *encoder {
	e := &encoder{width: width, height: height, fps: fps}
	e.parameters = appendNAL(nil, nalSPS, e.sps())
	e.parameters = appendNAL(e.parameters, nalPPS, e.pps())
	return e
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
	w.se(qp - 26)
	w.se(0)
	w.se(chromaOffset)
	w.flag(true) // deblocking is set per slice
	w.flag(false)
	w.flag(false)
	w.trailing()
	return w.buf
}

// encode encodes the next picture as an access unit in Annex B form. Macroblocks are
// repeated to fill budget bytes. user is the content of an SEI user data message, which
// begins with the UUID.
func (e *encoder) encode(p *picture, keyframe bool, user []byte, budget int) []byte {
	keyframe = keyframe || e.last == nil
	if keyframe {
		e.frameNum = 0
		e.idr ^= 1
	} else {
		e.frameNum = (e.frameNum + 1) % (1 << frameNumBits)
	}
	e.slice(p, keyframe, nil)
	if n := (budget - len(e.w.buf)) / pcmBytes; n > 0 {
		e.slice(p, keyframe, e.spread(n, p.mbw*p.mbh))
	}

	var out []byte
	header := byte(nalSlice)
	if keyframe {
		header = nalIDR
		out = append(out, e.parameters...)
	}
	out = appendSEI(out, user)
	out = appendNAL(out, header, e.w.buf)
	e.last = p
	return out
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

// spread chooses n of all macroblocks, evenly, and others in the next picture.
func (e *encoder) spread(n, all int) []bool {
	if len(e.pcm) != all {
		e.pcm = make([]bool, all)
	}
	clear(e.pcm)
	n = min(n, all)
	for i := range n {
		e.pcm[(e.refill+i*all/n)%all] = true
	}
	e.refill = (e.refill + 1) % all
	return e.pcm
}

// slice writes the one slice of p (H.264 §7.3.3 and §7.3.4). pcm says which
// macroblocks are I_PCM; nil is none.
func (e *encoder) slice(p *picture, keyframe bool, pcm []bool) {
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
	w.se(0) // slice_qp_delta
	w.ue(1) // no deblocking

	skipped := uint32(0)
	for y := range p.mbh {
		for x := range p.mbw {
			i := y*p.mbw + x
			raw := pcm != nil && pcm[i]
			if !keyframe && !raw && p.same(e.last, x, y) {
				skipped++
				continue
			}
			typeBase := uint32(0)
			if !keyframe {
				w.ue(skipped)
				skipped, typeBase = 0, 5
			}
			if raw {
				w.ue(typeBase + 25)
				w.align()
				w.buf = p.appendRaw(w.buf, x, y)
			} else {
				e.macroblock(p, x, y, typeBase, context(pcm, p.mbw, x, y))
			}
		}
	}
	if skipped > 0 {
		w.ue(skipped)
	}
	w.trailing()
}

// context is nC of a macroblock's DC block (H.264 §9.2.1): I_PCM neighbours count
// 16 coefficients, all others none, as ours have no AC.
func context(pcm []bool, mbw, x, y int) int {
	if pcm == nil {
		return 0
	}
	count := func(i int) int {
		if pcm[i] {
			return 16
		}
		return 0
	}
	i := y*mbw + x
	switch {
	case x > 0 && y > 0:
		return (count(i-1) + count(i-mbw) + 1) / 2
	case x > 0:
		return count(i - 1)
	case y > 0:
		return count(i - mbw)
	}
	return 0
}

// macroblock writes an I_16x16 macroblock (H.264 §7.3.5).
func (e *encoder) macroblock(p *picture, x, y int, typeBase uint32, nC int) {
	const vertical, horizontal, dc = 0, 1, 2
	var (
		mode, chromaMode uint32 = dc, 0
		pred             [4]int = [4]int{128, 128, 128, 128}
		predCb, predCr   int    = 128, 128
		here                    = p.cells(x, y)
	)
	switch {
	case x > 0:
		left := p.cells(x-1, y)
		mode, chromaMode = horizontal, 1
		pred = [4]int{left[1], left[1], left[3], left[3]}
		predCb, predCr = p.chroma(x-1, y)
	case y > 0:
		above := p.cells(x, y-1)
		mode, chromaMode = vertical, 2
		pred = [4]int{above[2], above[3], above[2], above[3]}
		predCb, predCr = p.chroma(x, y-1)
	}
	a, b, c, d := here[0]-pred[0], here[1]-pred[1], here[2]-pred[2], here[3]-pred[3]
	level := [4]int{a + b + c + d, a - b + c - d, a + b - c - d, a - b - c + d}
	cb, cr := p.chroma(x, y)
	cb, cr = cb-predCb, cr-predCr

	mbType := typeBase + 1 + mode
	if cb != 0 || cr != 0 {
		mbType += 4 // coded_block_pattern: chroma DC
	}
	w := &e.w
	w.ue(mbType)
	w.ue(chromaMode)
	w.se(0) // mb_qp_delta
	w.lumaDC(level, nC)
	if cb != 0 || cr != 0 {
		w.chromaDC(cb)
		w.chromaDC(cr)
	}
}
