package testpattern

// A macroblock is the work on one I_16x16 macroblock: its levels, by block in raster order
// and in zigzag order.
type macroblock struct {
	luma   levels
	chroma [2]levels
	edges  [3]edges
}

// levels are those of one component.
type levels struct {
	dc    [16]int32 // the first 4 in chroma
	ac    [16][16]int32
	hasDC bool
	hasAC bool
}

// blockOrder is in which order 4x4 blocks are written, by raster position (H.264 §6.4.3).
var blockOrder = [16]int{0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15}

// code encodes an I_16x16 macroblock (H.264 §7.3.5). typeBase is 5 in P slices.
func (e *encoder) code(w *bitWriter, p *picture, x, y int, typeBase uint32) {
	m := &e.mb
	at := y*p.mbw + x
	hasTop, hasLeft := y > 0 && e.coded[at-p.mbw], x > 0 && e.coded[at-1]
	for i := range m.edges {
		m.edges[i].read(&e.decoded.planes[i], x, y, macroblockSize(i), hasTop, hasLeft)
	}
	var lumaCost, chromaCost [3]int
	m.edges[0].costs(&p.planes[0], x, y, &lumaCost)
	m.edges[1].costs(&p.planes[1], x, y, &chromaCost)
	m.edges[2].costs(&p.planes[2], x, y, &chromaCost)
	mode, chroma := best(lumaCost), best(chromaCost)
	m.edges[0].predict(&e.decoded.planes[0], x, y, mode)
	m.edges[1].predict(&e.decoded.planes[1], x, y, chroma)
	m.edges[2].predict(&e.decoded.planes[2], x, y, chroma)

	e.codeLuma(p, x, y)
	e.codeChroma(p, x, y, 0)
	e.codeChroma(p, x, y, 1)
	e.write(w, x, y, typeBase, mode, chroma)
}

// codeLuma finds the levels of luma, and adds what the decoder makes of them to the
// prediction.
func (e *encoder) codeLuma(p *picture, x, y int) {
	m, q := &e.mb.luma, &e.lumaQ
	src, dst := &p.planes[0], &e.decoded.planes[0]
	var blocks [16][16]int32
	var dc [16]int32
	m.hasDC, m.hasAC = false, false
	exact := true
	for i := range blocks {
		at := (16*y+i/4*4)*src.stride + 16*x + i%4*4
		if !difference(&blocks[i], src, dst, at) {
			clear(m.ac[i][:])
			continue
		}
		exact = false
		forward4x4(&blocks[i])
		dc[i] = blocks[i][0]
		m.hasAC = q.blockAC(&blocks[i], &m.ac[i]) || m.hasAC
	}
	if exact {
		return
	}
	hadamard4x4(&dc)
	var back [16]int32
	for i, at := range zigzag {
		m.dc[i] = q.dc((dc[at] + 1) >> 1)
		m.hasDC = m.hasDC || m.dc[i] != 0
		back[at] = m.dc[i]
	}
	if !m.hasDC && !m.hasAC {
		return
	}
	hadamard4x4(&back)
	for i := range blocks {
		blocks[i][0] = q.lumaDC(back[i])
		if blocks[i] == ([16]int32{}) {
			continue
		}
		addBlock(dst, (16*y+i/4*4)*dst.stride+16*x+i%4*4, &blocks[i])
	}
}

// codeChroma does the same for Cb or Cr.
func (e *encoder) codeChroma(p *picture, x, y, component int) {
	m, q := &e.mb.chroma[component], &e.chromaQ
	src, dst := &p.planes[1+component], &e.decoded.planes[1+component]
	var blocks [4][16]int32
	var dc, back [4]int32
	m.hasDC, m.hasAC = false, false
	for i := range blocks {
		at := (8*y+i/2*4)*src.stride + 8*x + i%2*4
		if !difference(&blocks[i], src, dst, at) {
			clear(m.ac[i][:])
			continue
		}
		forward4x4(&blocks[i])
		dc[i] = blocks[i][0]
		m.hasAC = q.blockAC(&blocks[i], &m.ac[i]) || m.hasAC
	}
	hadamard2x2(&dc)
	for i := range dc {
		m.dc[i] = q.dc(dc[i])
		m.hasDC = m.hasDC || m.dc[i] != 0
		back[i] = m.dc[i]
	}
	if !m.hasDC && !m.hasAC {
		return
	}
	hadamard2x2(&back)
	for i := range blocks {
		blocks[i][0] = q.chromaDC(back[i])
		addBlock(dst, (8*y+i/2*4)*dst.stride+8*x+i%2*4, &blocks[i])
	}
}

// blockAC quantises all coefficients of a block but the DC, and replaces them by what the
// decoder makes of them. It reports whether there is one.
func (q *quantiser) blockAC(b, levels *[16]int32) (found bool) {
	for i := 1; i < 16; i++ {
		at := zigzag[i]
		if b[at] == 0 {
			levels[i] = 0
			continue
		}
		l := q.ac(b[at], at)
		levels[i] = l
		b[at] = l * q.inverse[at]
		found = found || l != 0
	}
	return found
}

// difference is a block of the source less the prediction; it reports whether there is one.
func difference(b *[16]int32, src, predicted *plane, at int) bool {
	found := false
	for j := range 4 {
		s, d := src.pix[at:at+4:at+4], predicted.pix[at:at+4:at+4]
		if *(*[4]byte)(s) != *(*[4]byte)(d) {
			found = true
			for i := range 4 {
				b[4*j+i] = int32(s[i]) - int32(d[i])
			}
		}
		at += src.stride
	}
	return found
}

// addBlock adds the inverse transform of scaled coefficients to the prediction.
func addBlock(dst *plane, at int, b *[16]int32) {
	inverse4x4(b)
	for j := range 4 {
		d := dst.pix[at : at+4 : at+4]
		for i := range 4 {
			d[i] = byte(max(0, min(255, int32(d[i])+(b[4*j+i]+32)>>6)))
		}
		at += dst.stride
	}
}

// write writes the syntax of the macroblock.
func (e *encoder) write(w *bitWriter, x, y int, typeBase uint32, mode, chroma int) {
	m := &e.mb
	mbType := typeBase + 1 + uint32(mode)
	switch {
	case m.chroma[0].hasAC || m.chroma[1].hasAC:
		mbType += 8
	case m.chroma[0].hasDC || m.chroma[1].hasDC:
		mbType += 4
	}
	if m.luma.hasAC {
		mbType += 12
	}
	w.ue(mbType)
	w.ue(chromaMode[chroma])
	w.se(0) // mb_qp_delta

	if !m.luma.hasDC {
		clear(m.luma.dc[:])
	}
	w.residual(m.luma.dc[:], e.counts[0].context(4*x, 4*y))
	if m.luma.hasAC {
		for _, i := range blockOrder {
			e.counts[0].residual(w, 4*x+i%4, 4*y+i/4, m.luma.ac[i][1:])
		}
	}
	e.writeChroma(w, x, y)
}

func (e *encoder) writeChroma(w *bitWriter, x, y int) {
	m := &e.mb
	hasAC := m.chroma[0].hasAC || m.chroma[1].hasAC
	if !hasAC && !m.chroma[0].hasDC && !m.chroma[1].hasDC {
		return
	}
	for c := range m.chroma {
		if !m.chroma[c].hasDC {
			clear(m.chroma[c].dc[:4])
		}
		w.residual(m.chroma[c].dc[:4], chromaDC)
	}
	if !hasAC {
		return
	}
	for c := range m.chroma {
		for i := range 4 {
			if !m.chroma[c].hasAC {
				clear(m.chroma[c].ac[i][:])
			}
			e.counts[1+c].residual(w, 2*x+i%2, 2*y+i/2, m.chroma[c].ac[i][1:])
		}
	}
}

// counts has how many coefficients each 4x4 block of a component has (H.264 §9.2.1).
type counts struct {
	width int // in blocks
	n     []byte
}

// residual writes the AC block at a place.
func (c *counts) residual(w *bitWriter, x, y int, block []int32) {
	c.n[y*c.width+x] = byte(w.residual(block, c.context(x, y)))
}

// context is nC of a block.
func (c *counts) context(x, y int) int {
	at := y*c.width + x
	switch {
	case x > 0 && y > 0:
		return (int(c.n[at-1]) + int(c.n[at-c.width]) + 1) / 2
	case x > 0:
		return int(c.n[at-1])
	case y > 0:
		return int(c.n[at-c.width])
	}
	return 0
}

// fill sets those of a macroblock of size blocks.
func (c *counts) fill(x, y, size int, n byte) {
	for j := range size {
		at := (y*size+j)*c.width + x*size
		for i := range size {
			c.n[at+i] = n
		}
	}
}
