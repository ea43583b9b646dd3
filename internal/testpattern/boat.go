package testpattern

import (
	"image"
	"math"
	"time"
)

// A boat sails across the picture and rocks. The masks of each of its positions are drawn
// once.
type boat struct {
	parts [boatPositions][]boatPart // with the water line at y 0 and the mast at x 0
	unit  float64
	width float64 // of the picture
	water float64
	from  float64         // where it begins, of the whole way
	drawn image.Rectangle // where it is in the picture
}

type boatPart struct {
	mask   *image.Alpha
	colour Colour
}

const (
	boatPositions = 30
	boatRoll      = 3 * time.Second  // from side to side and back
	boatWay       = 12 * time.Second // from edge to edge
	boatLength    = 5                // in units
)

// newBoat makes a boat of some units' length on the water line of a picture.
func newBoat(unit, width, water float64, identity uint16) *boat {
	b := &boat{unit: unit, width: width, water: water, from: 0.2 + float64(identity>>4%8)/16}
	sail, jib := Colour{white, grey, grey}, shade(identity, 0.25, 0.92)
	hull, pennant := shade(identity, 0.8, 0.2), shade(identity+6, 0.75, 0.95)
	size := 0.85 * unit
	for i := range b.parts {
		roll := 0.07 * math.Sin(2*math.Pi*float64(i)/boatPositions)
		outline := func(c Colour, corners ...point) {
			sin, cos := math.Sincos(roll)
			for i, p := range corners {
				corners[i] = point{size * (p.x*cos - p.y*sin), size * (p.x*sin + p.y*cos)}
			}
			b.parts[i] = append(b.parts[i], boatPart{fillPolygon(corners...), c})
		}
		outline(hull, point{-0.06, -4.5}, point{0.06, -4.5}, point{0.06, 0}, point{-0.06, 0})
		outline(pennant, point{0.06, -4.5}, point{0.06, -4.1}, point{-0.9, -4.3})
		outline(sail, curve(point{-0.14, -4}, point{-1.3, -2.4}, point{-1.9, -0.75}, point{-0.14, -0.75})...)
		outline(jib, curve(point{0.16, -3.7}, point{1.25, -2.2}, point{1.9, -0.8}, point{0.16, -0.75})...)
		outline(hull, point{-2.2, -0.55}, point{2.6, -0.62}, point{2.05, 0.05}, point{1.6, 0.35}, point{-1.7, 0.35}, point{-2.05, 0})
	}
	return b
}

// curve is a sail: from the top a bent edge to a corner, and straight back.
func curve(top, bend, corner, foot point) (all []point) {
	const steps = 16
	for i := range steps + 1 {
		t := float64(i) / steps
		all = append(all, point{
			(1-t)*(1-t)*top.x + 2*t*(1-t)*bend.x + t*t*corner.x,
			(1-t)*(1-t)*top.y + 2*t*(1-t)*bend.y + t*t*corner.y,
		})
	}
	return append(all, foot)
}

// box is where the boat is at a time of the stream.
func (b *boat) box(at time.Duration) (box image.Rectangle) {
	place, parts := b.at(at)
	for _, part := range parts {
		box = box.Union(part.mask.Rect.Add(place))
	}
	return box
}

func (b *boat) at(at time.Duration) (image.Point, []boatPart) {
	way := math.Mod(b.from+float64(at%boatWay)/float64(boatWay), 1)
	turn := float64(at%boatRoll) / float64(boatRoll)
	return image.Pt(
		int((b.width+boatLength*b.unit)*way-boatLength*b.unit/2),
		int(b.water+0.12*b.unit*math.Sin(4*math.Pi*turn)),
	), b.parts[int(turn*boatPositions)%boatPositions]
}

// draw moves the boat to where it is at a time of the stream.
func (b *boat) draw(p, still *picture, at time.Duration) {
	p.restore(b.drawn, still)
	place, parts := b.at(at)
	for _, part := range parts {
		p.blend(moved(part.mask, place), part.colour)
	}
	b.drawn = b.box(at)
}
