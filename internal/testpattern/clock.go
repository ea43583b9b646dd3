package testpattern

import (
	"image"
	"time"

	"golang.org/x/image/font"
)

// A clock shows the time of day in UTC, to the millisecond: digits of one width, of which
// only those that change are drawn.
type clock struct {
	places []clockPlace
	shown  []byte
}

// A clockPlace is where one character is.
type clockPlace struct {
	glyphs map[byte]*image.Alpha
	box    image.Rectangle
}

const clockFormat = "15:04:05.000"

// newClock makes a clock whose milliseconds are smaller.
func newClock(size float64, base image.Point) (*clock, error) {
	c := &clock{shown: make([]byte, len(clockFormat))}
	for i := range clockFormat {
		size := size
		if i >= len("15:04:05") {
			size *= 0.55
		}
		face, err := newFace(size)
		if err != nil {
			return nil, err
		}
		place := newClockPlace(face, clockFormat[i], base)
		base.X += place.box.Dx()
		c.places = append(c.places, place)
	}
	return c, nil
}

func newClockPlace(face font.Face, sample byte, base image.Point) clockPlace {
	characters, width := "0123456789", font.MeasureString(face, "0").Ceil()
	if sample < '0' {
		characters, width = string(sample), font.MeasureString(face, string(sample)).Ceil()
	} else if sample == ':' {
		characters, width = ":", font.MeasureString(face, ":").Ceil()
	}
	place := clockPlace{glyphs: map[byte]*image.Alpha{}}
	for i := range characters {
		mask := write(face, characters[i:i+1], base)
		place.glyphs[characters[i]] = mask
		place.box = mask.Rect
	}
	place.box.Min.X, place.box.Max.X = base.X, base.X+width
	return place
}

// draw draws what changed since the last time.
func (c *clock) draw(p, still *picture, t time.Time) {
	var text [len(clockFormat)]byte
	for i, ch := range t.UTC().AppendFormat(text[:0], clockFormat) {
		if i >= len(c.places) || c.shown[i] == ch {
			continue
		}
		c.shown[i] = ch
		place := &c.places[i]
		p.restore(place.box, still)
		if mask := place.glyphs[ch]; mask != nil {
			p.blend(mask, Colour{white, grey, grey})
		}
	}
}
