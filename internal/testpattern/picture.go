package testpattern

import (
	"bytes"
	"image"
)

// Luma of the marks and of the flash, and chroma without colour.
const (
	black, white = 16, 235
	grey         = 128
)

// A picture has whole macroblocks: where the video ends within one, the rest is not shown.
type picture struct {
	mbw, mbh int
	planes   [3]plane // luma, Cb, Cr
	changed  []bool   // the macroblocks that were drawn on since the encoder looked
}

// A plane is the samples of one component.
type plane struct {
	pix    []byte
	stride int
}

func newPicture(width, height int) *picture {
	p := &picture{mbw: (width + 15) / 16, mbh: (height + 15) / 16}
	n := p.mbw * p.mbh
	p.planes = [3]plane{
		{make([]byte, 256*n), 16 * p.mbw}, {make([]byte, 64*n), 8 * p.mbw}, {make([]byte, 64*n), 8 * p.mbw},
	}
	p.changed = make([]bool, n)
	return p
}

func (p *picture) bounds() image.Rectangle { return image.Rect(0, 0, 16*p.mbw, 16*p.mbh) }

// touch marks the macroblocks of a rectangle as changed.
func (p *picture) touch(r image.Rectangle) {
	r = r.Intersect(p.bounds())
	if r.Empty() {
		return
	}
	for y := r.Min.Y / 16; y <= (r.Max.Y-1)/16; y++ {
		for x := r.Min.X / 16; x <= (r.Max.X-1)/16; x++ {
			p.changed[y*p.mbw+x] = true
		}
	}
}

// fill draws a rectangle.
func (p *picture) fill(r image.Rectangle, c Colour) {
	r = r.Intersect(p.bounds())
	p.touch(r)
	for i, v := range [3]byte{c.Y, c.Cb, c.Cr} {
		d := p.planes[i].rows(r, i > 0)
		for row := range d.height {
			line := p.planes[i].pix[d.start+row*d.stride:][:d.width]
			for x := range line {
				line[x] = v
			}
		}
	}
}

// restore copies a rectangle of another picture of the same size.
func (p *picture) restore(r image.Rectangle, from *picture) {
	r = r.Intersect(p.bounds())
	p.touch(r)
	for i := range p.planes {
		d := p.planes[i].rows(r, i > 0)
		for row := range d.height {
			at := d.start + row*d.stride
			copy(p.planes[i].pix[at:at+d.width], from.planes[i].pix[at:])
		}
	}
}

// rows is where a rectangle is in a plane.
type rows struct{ start, stride, width, height int }

func (l *plane) rows(r image.Rectangle, chroma bool) rows {
	if chroma {
		r = image.Rect(r.Min.X/2, r.Min.Y/2, (r.Max.X+1)/2, (r.Max.Y+1)/2)
	}
	return rows{r.Min.Y*l.stride + r.Min.X, l.stride, r.Dx(), r.Dy()}
}

// blend draws a colour through a mask, whose bounds say where.
func (p *picture) blend(mask *image.Alpha, c Colour) {
	r := mask.Rect.Intersect(p.bounds())
	p.touch(r)
	luma := &p.planes[0]
	for y := r.Min.Y; y < r.Max.Y; y++ {
		line := luma.pix[y*luma.stride+r.Min.X:][:r.Dx()]
		for x, a := range mask.Pix[mask.PixOffset(r.Min.X, y):][:r.Dx()] {
			if a != 0 {
				line[x] = mix(line[x], c.Y, int(a))
			}
		}
	}
	cb, cr := &p.planes[1], &p.planes[2]
	for y := r.Min.Y / 2; y < (r.Max.Y+1)/2; y++ {
		for x := r.Min.X / 2; x < (r.Max.X+1)/2; x++ {
			a := 0
			for _, at := range [4]image.Point{{2 * x, 2 * y}, {2*x + 1, 2 * y}, {2 * x, 2*y + 1}, {2*x + 1, 2*y + 1}} {
				if at.In(r) {
					a += int(mask.Pix[mask.PixOffset(at.X, at.Y)])
				}
			}
			if a != 0 {
				at := y*cb.stride + x
				cb.pix[at], cr.pix[at] = mix(cb.pix[at], c.Cb, a/4), mix(cr.pix[at], c.Cr, a/4)
			}
		}
	}
}

func mix(under, over byte, alpha int) byte {
	return byte((int(under)*(255-alpha) + int(over)*alpha + 127) / 255)
}

// same reports whether two pictures have the same macroblock.
func (p *picture) same(q *picture, x, y int) bool {
	for i := range p.planes {
		size := macroblockSize(i)
		for row := range size {
			at := (y*size+row)*p.planes[i].stride + x*size
			if !bytes.Equal(p.planes[i].pix[at:at+size], q.planes[i].pix[at:at+size]) {
				return false
			}
		}
	}
	return true
}

// appendRaw appends the 384 samples of a macroblock: luma, Cb, Cr.
func (p *picture) appendRaw(dst []byte, x, y int) []byte {
	for i := range p.planes {
		size := macroblockSize(i)
		for row := range size {
			at := (y*size+row)*p.planes[i].stride + x*size
			dst = append(dst, p.planes[i].pix[at:at+size]...)
		}
	}
	return dst
}

// macroblockSize is the width and height of a macroblock in a plane.
func macroblockSize(component int) int {
	if component == 0 {
		return 16
	}
	return 8
}
