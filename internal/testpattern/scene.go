package testpattern

import (
	"cmp"
	"fmt"
	"image"
	"math"
	"time"
)

// The pattern in cells; doc.go describes it.
const (
	patternColumns = 40
	patternRows    = 22
)

// A scene draws the pictures of a pattern: what moves, on what stays as it is.
type scene struct {
	width, height int
	unit          float64 // a cell, in pixels
	identity      uint16
	still, now    *picture
	clock         *clock
	boat          *boat
	lamp          []lampPart
	lit           bool
	lampBox       image.Rectangle
	mark          [2][5]byte // the strips that are shown
	marked        bool
}

// A lampPart is what is drawn when the lamp is lit.
type lampPart struct {
	mask   *image.Alpha
	colour Colour
}

// Scale is the scale of the pattern in a video of that size: a cell is 8·Scale pixels. It
// is 0 if the pattern does not fit.
func Scale(width, height int) int {
	return min(width/(patternColumns*8), height/(patternRows*8))
}

// horizon is where the sea begins.
func horizon(height int) float64 { return math.Round(0.62 * float64(height)) }

// Lamp is the middle of the lamp, which is white during the first tenth of each second.
func Lamp(width, height int) image.Point {
	return image.Pt(int(0.84*float64(width)), int(horizon(height))-8*Scale(width, height)*9/2)
}

func newScene(c VideoConfig) (*scene, error) {
	s := &scene{
		width: c.Width, height: c.Height, unit: float64(8 * Scale(c.Width, c.Height)), identity: c.Identity,
		still: newPicture(c.Width, c.Height), now: newPicture(c.Width, c.Height),
	}
	s.drawLand()
	s.drawLighthouse()
	u := s.unit
	name, err := writeName(cmp.Or(c.Name, hex(c.Identity)), 3.4*u, 1.8*u, s.width-int(4*u), s.at(2, 4.7))
	if err != nil {
		return nil, err
	}
	plain := Colour{white, grey, grey}
	s.still.blend(name, plain)
	if s.clock, err = newClock(2.4*u, s.at(2, 7.6)); err != nil {
		return nil, err
	}
	face, err := newFace(1.3 * u)
	if err != nil {
		return nil, err
	}
	s.still.blend(write(face, fmt.Sprintf("%d×%d · %d fps · UTC", s.width, s.height, c.FPS), image.Pt(int(2*u), s.height-int(1.1*u))), plain)
	water := horizon(s.height) + 0.5*(float64(s.height)-horizon(s.height))
	s.boat = newBoat(u, float64(s.width), water, c.Identity)
	s.now.restore(s.now.bounds(), s.still)
	return s, nil
}

// at is a place in cells.
func (s *scene) at(column, row float64) image.Point {
	return image.Pt(int(column*s.unit), int(row*s.unit))
}

// drawLand draws the sky in bands, the sun, hills and the sea.
func (s *scene) drawLand() {
	p, w, h, sea := s.still, float64(s.width), s.still.bounds().Max.Y, horizon(s.height)
	bands := []struct{ to, saturation, value float64 }{
		{0.42, 0.75, 0.26}, {0.58, 0.72, 0.33}, {0.71, 0.68, 0.42}, {0.82, 0.62, 0.53}, {0.91, 0.55, 0.66}, {1, 0.45, 0.8},
	}
	top := 0.0
	for _, b := range bands {
		bottom := even(sea * b.to)
		p.fill(image.Rect(0, int(top), 16*p.mbw, int(bottom)), shade(s.identity, b.saturation, b.value))
		top = bottom
	}
	sun := point{0.3 * w, sea}
	p.blend(fillPolygon(circle(sun, 2.6*s.unit)...), shade(s.identity+1, 0.22, 0.98))
	s.drawHill(0.50*w, 0.95*w, 2.2*s.unit, shade(s.identity, 0.6, 0.42))
	s.drawHill(-0.2*w, 0.24*w, 2.9*s.unit, shade(s.identity, 0.65, 0.36))
	s.drawHill(0.70*w, 1.2*w, 1.5*s.unit, shade(s.identity, 0.75, 0.2))
	p.fill(image.Rect(0, int(even(sea)), 16*p.mbw, h), ColourOf(s.identity))
	glint := shade(s.identity+1, 0.35, 0.95)
	for i, width := range []float64{2.2, 1.5, 1.9, 0.9} {
		y := sea + (0.35+0.75*float64(i))*s.unit
		x := sun.x + 0.4*s.unit*float64(i%2)
		p.blend(fillPolygon(point{x - width*s.unit, y}, point{x + width*s.unit, y}, point{x + (width-0.2)*s.unit, y + 0.22*s.unit}, point{x - (width-0.2)*s.unit, y + 0.22*s.unit}), glint)
	}
}

// drawHill draws a hill on the horizon.
func (s *scene) drawHill(left, right, height float64, c Colour) {
	sea := horizon(s.height)
	corners := []point{}
	for i := range 65 {
		t := float64(i) / 64
		corners = append(corners, point{left + (right-left)*t, sea - height*math.Sin(math.Pi*t)})
	}
	s.still.blend(fillPolygon(corners...), c)
}

// drawLighthouse draws it dark, and prepares the light.
func (s *scene) drawLighthouse() {
	lamp, u := Lamp(s.width, s.height), s.unit
	x, y := float64(lamp.X), float64(lamp.Y)
	foot := horizon(s.height) - u
	dark, wall := shade(s.identity, 0.8, 0.13), Colour{white, grey, grey}
	tower := func(from, to float64, c Colour) {
		wide := func(row float64) float64 { return u * (0.62 + 0.4*(row-y)/(foot-y)) }
		s.still.blend(fillPolygon(point{x - wide(from), from}, point{x + wide(from), from}, point{x + wide(to), to}, point{x - wide(to), to}), c)
	}
	tower(y, foot+0.3*u, wall)
	for _, from := range []float64{0.3, 0.7} {
		tower(y+from*(foot-y), y+(from+0.2)*(foot-y), shade(s.identity+6, 0.75, 0.6))
	}
	lantern := image.Rect(lamp.X-int(0.8*u), lamp.Y-int(0.7*u), lamp.X+int(0.8*u), lamp.Y+int(0.7*u))
	s.still.fill(lantern, dark)
	s.still.blend(fillPolygon(point{x - 1.1*u, y - 0.7*u}, point{x + 1.1*u, y - 0.7*u}, point{x, y - 1.5*u}), dark)
	s.still.blend(fillPolygon(point{x - 1.1*u, y + 0.7*u}, point{x + 1.1*u, y + 0.7*u}, point{x + 1.1*u, y + 0.95*u}, point{x - 1.1*u, y + 0.95*u}), dark)

	light := shade(s.identity+1, 0.15, 1)
	for _, side := range []float64{-1, 1} {
		beam := fillPolygon(point{x + side*0.8*u, y - 0.3*u}, point{x + side*6.5*u, y - 1.2*u}, point{x + side*6.5*u, y + 1.2*u}, point{x + side*0.8*u, y + 0.3*u})
		for i := range beam.Pix {
			beam.Pix[i] = byte(int(beam.Pix[i]) * 2 / 5)
		}
		s.lamp = append(s.lamp, lampPart{beam, light})
		s.lampBox = s.lampBox.Union(beam.Rect)
	}
	glass := point{float64(lantern.Min.X), float64(lantern.Min.Y)}
	far := point{float64(lantern.Max.X), float64(lantern.Max.Y)}
	s.lamp = append(s.lamp, lampPart{fillPolygon(glass, point{far.x, glass.y}, far, point{glass.x, far.y}), Colour{white, grey, grey}})
	s.lampBox = s.lampBox.Union(lantern)
}

// draw draws all of the next picture but the boat; at is its time in the stream. It reports
// whether the lamp changed.
func (s *scene) draw(m Mark, at time.Duration) (lampChanged bool) {
	s.drawMark(m)
	s.clock.draw(s.now, s.still, m.Sent)
	lit := at%time.Second < beepLength
	if lit == s.lit {
		return false
	}
	s.lit = lit
	s.now.restore(s.lampBox, s.still)
	if lit {
		for _, part := range s.lamp {
			s.now.blend(part.mask, part.colour)
		}
	}
	return true
}

// drawMark draws the cells of the strips that change.
func (s *scene) drawMark(m Mark) {
	clock, frame := m.strips()
	cell := int(s.unit)
	for row, data := range [2][5]byte{clock, frame} {
		for i := range 8 * len(data) {
			bit := data[i/8] >> (7 - i%8) & 1
			if s.marked && bit == s.mark[row][i/8]>>(7-i%8)&1 {
				continue
			}
			c := Colour{black, grey, grey}
			if bit == 1 {
				c.Y = white
			}
			s.now.fill(image.Rect(i*cell, row*cell/2, (i+1)*cell, (row+1)*cell/2), c)
		}
		s.mark[row] = data
	}
	s.marked = true
}

func even(v float64) float64 { return float64(int(v) &^ 1) }

func hex(identity uint16) string { return fmt.Sprintf("%04X", identity) }
