//go:build cgo

package compositor

import (
	"image"
	"time"

	"rostrum/internal/codec"
	"rostrum/internal/layout"
)

// black is the background's luma, in studio range.
const black = 16

// A scene is the picture of one Program as it changes. It is for one goroutine.
type scene struct {
	canvas     *codec.Canvas
	size       layout.Size
	layout     layout.Layout
	members    []*Member
	generation uint64
	places     []*place
}

// place is where a Member is drawn.
type place struct {
	layout.Tile
	member *Member     // nil where the initial stays
	scaled *codec.Tile // the picture, in the size of target
	target layout.Rect // empty before the first picture
	serial uint64      // of the picture
	stale  bool        // what is on the canvas isn't what should be
}

func newScene(size layout.Size, l layout.Layout) (*scene, error) {
	canvas, err := codec.NewCanvas(size.Width, size.Height)
	if err != nil {
		return nil, err
	}
	return &scene{canvas: canvas, size: size, layout: l}, nil
}

func (s *scene) close() {
	s.clear()
	s.canvas.Close()
}

func (s *scene) clear() {
	for _, p := range s.places {
		p.scaled.Close()
	}
	s.places = nil
}

// draw brings the canvas to what is due at a time.
func (s *scene) draw(room *Room, at time.Duration) error {
	if err := s.canvas.Begin(); err != nil {
		return err
	}
	members, generation := room.present()
	changed := generation != s.generation || s.members == nil
	for _, m := range members {
		changed = m.stalledOrBack(at) || changed
	}
	if changed {
		s.members, s.generation = members, generation
		if err := s.arrange(at); err != nil {
			return err
		}
	}
	for i, p := range s.places {
		p.update(at)
		p.stale = p.stale || s.uncovered(i)
		if p.stale {
			p.draw(s.canvas)
		}
	}
	for _, p := range s.places {
		p.stale = false
	}
	return nil
}

// uncovered tells whether something below a place was drawn over it just now.
func (s *scene) uncovered(i int) bool {
	for _, below := range s.places[:i] {
		if below.stale && below.Intersects(s.places[i].Rect) {
			return true
		}
	}
	return false
}

// arrange asks the layout anew and begins with an empty canvas.
func (s *scene) arrange(now time.Duration) error {
	s.clear()
	s.canvas.Fill(image.Rect(0, 0, s.size.Width, s.size.Height), black)
	byID := make(map[string]*Member, len(s.members))
	for _, m := range s.members {
		byID[m.id] = m
	}
	all := participants(s.members, now)
	initials := make(map[string]string, len(all))
	for i := range all {
		initials[all[i].ID] = all[i].Initial()
	}
	for _, t := range s.layout.Arrange(s.size, all) {
		scaled, err := codec.NewTile()
		if err != nil {
			return err
		}
		p := &place{Tile: t, scaled: scaled, stale: true}
		if t.Initial == "" {
			p.member = byID[t.ID]
			p.Initial = initials[t.ID] // until there is a picture
		}
		s.places = append(s.places, p)
	}
	return nil
}

// update takes the picture that is due, if it is another.
func (p *place) update(at time.Duration) {
	if p.member == nil {
		return
	}
	picture, fresh := p.member.picture(at, p.serial)
	if !fresh {
		return
	}
	defer picture.Close()
	p.serial = picture.serial
	source, target, ok := p.Fit(layout.Size{Width: picture.Width, Height: picture.Height})
	if !ok {
		return
	}
	if err := p.scaled.Scale(picture.Picture, rectangle(source), image.Pt(target.Width, target.Height)); err != nil {
		return // a kind of picture that we don't draw, such as one without colour
	}
	p.target, p.stale = target, true
}

func (p *place) draw(c *codec.Canvas) {
	if p.target == (layout.Rect{}) {
		drawInitial(c, rectangle(p.Rect), p.Initial)
		return
	}
	if p.target != p.Rect {
		c.Fill(rectangle(p.Rect), black) // the bars beside it
	}
	c.Put(p.scaled, image.Pt(p.target.X, p.target.Y))
}

// sizes are those of the places with a picture, by member.
func (s *scene) sizes() map[string]layout.Size {
	m := make(map[string]layout.Size, len(s.places))
	for _, p := range s.places {
		if p.member != nil {
			m[p.ID] = layout.Size{Width: p.Width, Height: p.Height}
		}
	}
	return m
}

func rectangle(r layout.Rect) image.Rectangle {
	return image.Rect(r.X, r.Y, r.X+r.Width, r.Y+r.Height)
}
