package testpattern

import (
	"image"
	"time"
)

// A codedBoat has the macroblocks of the boat in the P pictures of one way across, which are
// coded once: the boat is most of what changes, and the same each time.
type codedBoat struct {
	positions []boatPosition // by picture
	changed   []bool
	before    *picture        // the last picture, where the boat is and was
	shown     image.Rectangle // where the boat was in it
	last      uint32          // its number
	at        time.Duration   // its time
	begun     bool
	from      int // the rows of macroblocks that the boat touches, as indices
	to        int
}

type boatPosition struct {
	qp    int // of coded; 0 without
	coded []codedMacroblock
}

func newCodedBoat(s *scene, fps int) codedBoat {
	p, boat := s.now, s.boat
	row := func(y float64) int { return max(0, min(p.mbh, int(y)/16)) }
	return codedBoat{
		positions: make([]boatPosition, int(boatWay/time.Second)*fps),
		changed:   make([]bool, len(p.changed)),
		before:    newPicture(s.width, s.height),
		// One row more at each side: what is beside the boat is not coded with it.
		from: p.mbw * row(boat.water-4.8*boat.unit-16),
		to:   p.mbw * row(boat.water+boat.unit+32),
	}
}

// advance moves the boat to picture n. Where the picture's macroblocks of the boat can be coded
// apart, it returns them; else it marks them as changed.
func (b *codedBoat) advance(s *scene, e *encoder, n uint32, at time.Duration, apart bool) []codedMacroblock {
	apart = apart && b.begun && n == b.last+1
	box, shown, before := s.boat.box(at), b.shown, b.at
	b.shown, b.last, b.at, b.begun = box, n, at, true
	if !apart {
		s.boat.draw(s.now, s.still, at)
		s.now.touch(shown)
		return nil
	}
	l := &b.positions[n%uint32(len(b.positions))]
	if l.qp != e.qp {
		l.qp, l.coded = e.qp, b.code(s, e, before, at, shown.Union(box))
	}
	return l.coded
}

// code codes the macroblocks within a box that the boat changes from one time to another.
func (b *codedBoat) code(s *scene, e *encoder, before, at time.Duration, box image.Rectangle) []codedMacroblock {
	p := s.now
	changed := p.changed // of all but the boat
	p.changed = b.changed
	s.boat.draw(p, s.still, before)
	b.before.restore(box, p)
	s.boat.draw(p, s.still, at)
	clear(p.changed)
	p.touch(box)
	for i, touched := range p.changed {
		p.changed[i] = touched && !p.same(b.before, i%p.mbw, i/p.mbw)
	}
	all := e.prepare(p, p.changed)
	p.changed = changed
	return all
}
