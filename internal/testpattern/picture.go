package testpattern

import (
	"bytes"
	"time"
)

// The pattern in cells; doc.go draws it.
const (
	patternColumns = 40
	patternRows    = 22
	black, white   = 16, 235
	grey           = 128
	panel          = 40 // luma of the dark panels
)

// A picture is one picture in cells of 8x8 pixels: luma by cell, chroma by
// macroblock, both rounded up to whole macroblocks.
type picture struct {
	mbw, mbh int
	scale    int // cells for one cell of the pattern
	luma     []byte
	cb, cr   []byte
}

// Scale is the scale of the pattern in a video of that size: a cell is 8·Scale pixels. It
// is 0 if the pattern does not fit.
func Scale(width, height int) int {
	return min(width/(patternColumns*8), height/(patternRows*8))
}

func newPicture(width, height int) *picture {
	p := &picture{mbw: (width + 15) / 16, mbh: (height + 15) / 16, scale: Scale(width, height)}
	p.luma = make([]byte, 4*p.mbw*p.mbh)
	p.cb = make([]byte, p.mbw*p.mbh)
	p.cr = make([]byte, p.mbw*p.mbh)
	return p
}

// cells returns the luma of a macroblock: upper left, upper right, lower left,
// lower right.
func (p *picture) cells(x, y int) [4]int {
	i, stride := 4*y*p.mbw+2*x, 2*p.mbw
	return [4]int{int(p.luma[i]), int(p.luma[i+1]), int(p.luma[i+stride]), int(p.luma[i+stride+1])}
}

func (p *picture) chroma(x, y int) (cb, cr int) {
	i := y*p.mbw + x
	return int(p.cb[i]), int(p.cr[i])
}

func (p *picture) same(q *picture, x, y int) bool {
	i := y*p.mbw + x
	return p.cells(x, y) == q.cells(x, y) && p.cb[i] == q.cb[i] && p.cr[i] == q.cr[i]
}

// appendRaw appends the 384 samples of a macroblock: luma, Cb, Cr.
func (p *picture) appendRaw(dst []byte, x, y int) []byte {
	c := p.cells(x, y)
	for row := range 16 {
		left := c[row/8*2]
		for range 8 {
			dst = append(dst, byte(left))
		}
		right := c[row/8*2+1]
		for range 8 {
			dst = append(dst, byte(right))
		}
	}
	cb, cr := p.chroma(x, y)
	dst = append(dst, bytes.Repeat([]byte{byte(cb)}, 64)...)
	return append(dst, bytes.Repeat([]byte{byte(cr)}, 64)...)
}

// fill draws a rectangle of the pattern. Chroma is set by macroblock, so at scale 1
// borders must be on even cells.
func (p *picture) fill(x, y, w, h int, c Colour) {
	x, y, w, h = x*p.scale, y*p.scale, w*p.scale, h*p.scale
	for row := y; row < y+h; row++ {
		at := row * 2 * p.mbw
		for col := x; col < x+w; col++ {
			p.luma[at+col] = c.Y
		}
	}
	for row := y / 2; row < (y+h+1)/2; row++ {
		for col := x / 2; col < (x+w+1)/2; col++ {
			p.cb[row*p.mbw+col], p.cr[row*p.mbw+col] = c.Cb, c.Cr
		}
	}
}

func (p *picture) fillAll(c Colour) {
	for i := range p.luma {
		p.luma[i] = c.Y
	}
	for i := range p.cb {
		p.cb[i], p.cr[i] = c.Cb, c.Cr
	}
}

// text draws s in letters of 3x5 cells, one cell apart.
func (p *picture) text(x, y int, s string) {
	for _, r := range s {
		glyph, ok := glyphs[r]
		if !ok {
			continue
		}
		width := len(glyph) / 5
		for i, dot := range glyph {
			if dot == '#' {
				p.fill(x+i%width, y+i/width, 1, 1, Colour{white, grey, grey})
			}
		}
		x += width + 1
	}
}

// strip writes bits as black and white cells along a row.
func (p *picture) strip(row int, data [5]byte) {
	for i := range 8 * len(data) {
		c := Colour{black, grey, grey}
		if data[i/8]>>(7-i%8)&1 == 1 {
			c.Y = white
		}
		p.fill(i, row, 1, 1, c)
	}
}

// draw draws the whole pattern. at is the time of the picture in its stream.
func (p *picture) draw(m Mark, at time.Duration) {
	dark := Colour{panel, grey, grey}
	own := ColourOf(m.Identity)
	p.fillAll(own)
	clock, frame := m.strips()
	p.strip(0, clock)
	p.strip(1, frame)

	p.fill(2, 2, 36, 8, dark)
	p.text(4, 4, m.Sent.UTC().Format("04:05.000"))

	p.fill(2, 10, 20, 8, dark)
	p.text(4, 12, hex(m.Identity))

	flash := Colour{black, grey, grey}
	if at%time.Second < beepLength {
		flash.Y = white
	}
	p.fill(26, 10, 10, 8, flash)

	p.fill(blockColumn(at), 18, 4, 4, Colour{white, own.Cr, own.Cb})
}

// blockColumn is the column of the moving block: even, 0 to 36 and back in two seconds.
func blockColumn(at time.Duration) int {
	const way, lap = patternColumns - 4, 2 * time.Second
	x := int(at % lap * 2 * way / lap)
	if x > way {
		x = 2*way - x
	}
	return x &^ 1
}

func hex(identity uint16) string {
	const digits = "0123456789ABCDEF"
	return string([]byte{digits[identity>>12], digits[identity>>8&15], digits[identity>>4&15], digits[identity&15]})
}

var glyphs = map[rune]string{
	'0': "####.##.##.####",
	'1': ".#.##..#..#.###",
	'2': "###..#####..###",
	'3': "###..#.##..####",
	'4': "#.##.####..#..#",
	'5': "####..###..####",
	'6': "####..####.####",
	'7': "###..#..#.#..#.",
	'8': "####.#####.####",
	'9': "####.####..####",
	'A': ".#.#.#####.##.#",
	'B': "##.#.###.#.###.",
	'C': ".###..#..#...##",
	'D': "##.#.##.##.###.",
	'E': "####..##.#..###",
	'F': "####..##.#..#..",
	':': ".#.#.",
	'.': "....#",
}
