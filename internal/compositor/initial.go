//go:build cgo

package compositor

import (
	"image"
	"math"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"rostrum/internal/codec"
)

// Luma of a tile without a picture, in studio range.
const (
	dark  = 36
	disc  = 74
	light = 220
)

// drawInitial draws the dark tile of a participant without a picture: a disc with the
// initial.
func drawInitial(c *codec.Canvas, tile image.Rectangle, initial string) {
	c.Fill(tile, dark)
	side := min(tile.Dx(), tile.Dy())
	if side < 16 {
		return
	}
	glyph := glyphOf(initial)
	radius := float64(side) * 0.3
	middleX, middleY := float64(tile.Dx())/2, float64(tile.Dy())/2
	plane, stride := c.Plane(0)
	for y := int(middleY - radius - 1); y <= int(middleY+radius+1); y++ {
		row := plane[(tile.Min.Y+y)*stride+tile.Min.X:]
		for x := int(middleX - radius - 1); x <= int(middleX+radius+1); x++ {
			// Coordinates in the disc are from -1 to 1.
			u, v := (float64(x)+0.5-middleX)/radius, (float64(y)+0.5-middleY)/radius
			inDisc := edge((1 - math.Hypot(u, v)) * radius)
			inGlyph := edge(glyph(u, v) * radius)
			luma := dark + (disc-dark)*inDisc
			row[x] = byte(luma + (light-luma)*inGlyph*inDisc)
		}
	}
}

// edge smooths the outline of a shape: pixels is how far inside of it a point is.
func edge(pixels float64) float64 { return min(max(pixels+0.5, 0), 1) }

// A glyph returns how far inside of its outline a point is; less than 0 is outside.
type glyph func(u, v float64) float64

// glyphOf is the glyph of an initial: its letter or, where the font has none, a head
// and shoulders.
func glyphOf(initial string) glyph {
	first, _ := utf8.DecodeRuneInString(norm.NFD.String(initial)) // É is an E with an accent
	if strokes, ok := font[unicode.ToUpper(first)]; ok {
		return letter(strokes)
	}
	return func(u, v float64) float64 {
		head := 0.3 - math.Hypot(u, v+0.3)
		shoulders := 0.55 - math.Hypot(u, (v-0.75)*0.9)
		return max(head, shoulders)
	}
}

// letter draws lines of some width along the strokes.
func letter(strokes string) glyph {
	type line struct{ x0, y0, x1, y1 float64 }
	var lines []line
	at := func(i int) (x, y float64) {
		n := int(strokes[i] - 'a')
		return (float64(n%5)/4 - 0.5) * 0.8, (float64(n/5)/4 - 0.5) * 1.05
	}
	for i := 1; i < len(strokes); i++ {
		if strokes[i] == ' ' || strokes[i-1] == ' ' {
			continue
		}
		x0, y0 := at(i - 1)
		x1, y1 := at(i)
		lines = append(lines, line{x0, y0, x1, y1})
	}
	return func(u, v float64) float64 {
		nearest := math.Inf(1) // squared
		for _, l := range lines {
			dx, dy := l.x1-l.x0, l.y1-l.y0
			t := min(max(((u-l.x0)*dx+(v-l.y0)*dy)/(dx*dx+dy*dy), 0), 1)
			ex, ey := u-l.x0-t*dx, v-l.y0-t*dy
			nearest = min(nearest, ex*ex+ey*ey)
		}
		return 0.085 - math.Sqrt(nearest)
	}
}

// font has the strokes of letters and digits between 25 points, a to y, five in a
// row from the top left; a space begins a new line.
var font = map[rune]string{
	'A': "ucy ln", 'B': "ukadjnk ntxu", 'C': "jdbfpvxt", 'D': "uadjtxu", 'E': "eauy kn", 'F': "eau kn",
	'G': "jdbfpvxtom", 'H': "au ey ko", 'I': "cw bd vx", 'J': "etxvp", 'K': "au eky", 'L': "auy",
	'M': "uamey", 'N': "uaye", 'O': "dbfpvxtjd", 'P': "uadjnk", 'Q': "dbfpvxtjd sy", 'R': "uadjnk my",
	'S': "jdbflntxvp", 'T': "ae cw", 'U': "apvxte", 'V': "awe", 'W': "avmxe", 'X': "ay eu", 'Y': "ame mw", 'Z': "aeuy",
	'0': "dbfpvxtjd iq", '1': "gcw vx", '2': "fbdjuy", '3': "fbdjnm ntxvp", '4': "xdpt", '5': "eakntxvp",
	'6': "dbfpvxtnk", '7': "aev", '8': "bdjnlfb lpvxtn", '9': "jnlfbdjtxv",
}
