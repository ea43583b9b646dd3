package testpattern

import (
	"fmt"
	"image"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

var parseFont = sync.OnceValues(func() (*opentype.Font, error) { return opentype.Parse(gobold.TTF) })

// newFace is the font with capital letters of about 0.7 of size, in pixels.
func newFace(size float64) (font.Face, error) {
	f, err := parseFont()
	if err != nil {
		return nil, fmt.Errorf("read the font: %w", err)
	}
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: size, DPI: 72})
	if err != nil {
		return nil, fmt.Errorf("scale the font: %w", err)
	}
	return face, nil
}

// write returns a mask of a line of text. What the font lacks is a box.
func write(face font.Face, text string, base image.Point) *image.Alpha {
	metrics := face.Metrics()
	width := font.MeasureString(face, text).Ceil()
	box := image.Rect(-metrics.Descent.Ceil(), -metrics.Ascent.Ceil(), width+metrics.Descent.Ceil(), metrics.Descent.Ceil())
	mask := image.NewAlpha(box)
	d := font.Drawer{Dst: mask, Src: image.Opaque, Face: face, Dot: fixed.P(0, 0)}
	d.DrawString(text)
	return moved(mask, base)
}

// longestName is how many characters of a name are drawn, whatever their size.
const longestName = 60

// printable is a name in one line: characters without a picture become U+FFFD, and the end
// of a long one is cut.
func printable(name string) string {
	var b strings.Builder
	n := 0
	for _, r := range strings.TrimSpace(name) {
		if n++; n > longestName {
			b.WriteRune('…')
			break
		}
		if !unicode.IsGraphic(r) {
			r = unicode.ReplacementChar
		}
		b.WriteRune(r)
	}
	return b.String()
}

// writeName returns a mask of a name no wider than width: in the largest size that fits,
// else cut.
func writeName(name string, largest, smallest float64, width int, base image.Point) (*image.Alpha, error) {
	name = printable(name)
	face, err := newFace(largest)
	if err != nil {
		return nil, err
	}
	if w := font.MeasureString(face, name).Ceil(); w > width {
		if face, err = newFace(max(smallest, largest*float64(width)/float64(w))); err != nil {
			return nil, err
		}
	}
	for letters := []rune(name); len(letters) > 1 && font.MeasureString(face, name).Ceil() > width; {
		letters = letters[:len(letters)-1]
		name = string(letters) + "…"
	}
	return write(face, name, base), nil
}
