//go:build cgo

package compositor

import (
	"image"
	"slices"
	"time"

	"rostrum/internal/codec"
	"rostrum/internal/layout"
)

// black is the background's luma, in studio range.
const black = 16

// A renderer draws the picture of one Program. It is for one goroutine.
type renderer struct {
	canvas   *codec.Canvas
	size     layout.Size
	layout   layout.Layout
	interval time.Duration // between ticks

	participants []*Participant // with a place
	described    []layout.Participant
	tiles        []*tile
	cadences     map[*Participant]*cadence
}

// A tile is where a participant is drawn.
type tile struct {
	layout.Tile
	participant *Participant // nil where only the initial is drawn
	cadence     *cadence     // of participant
	scaled      *codec.Tile  // the picture, in the size of target
	target      layout.Rect  // empty where no picture can be drawn
	serial      uint64       // of the picture
	stale       bool         // it must be drawn again
}

func newRenderer(size layout.Size, l layout.Layout, interval time.Duration) (*renderer, error) {
	canvas, err := codec.NewCanvas(size.Width, size.Height)
	if err != nil {
		return nil, err
	}
	return &renderer{canvas: canvas, size: size, layout: l, interval: interval}, nil
}

func (r *renderer) close() {
	r.clear()
	r.canvas.Close()
}

func (r *renderer) clear() {
	for _, t := range r.tiles {
		t.scaled.Close()
	}
	r.tiles = nil
}

// draw updates the canvas to what is due at a time.
func (r *renderer) draw(stage *Stage, at time.Duration) error {
	if err := r.canvas.Begin(); err != nil {
		return err
	}
	participants, described := stage.placed(at)
	if !slices.Equal(participants, r.participants) || !slices.EqualFunc(described, r.described, layout.Participant.Equal) {
		r.participants, r.described = participants, described
		if err := r.arrange(); err != nil {
			return err
		}
	}
	for i, t := range r.tiles {
		t.update(at)
		t.stale = t.stale || r.isOverdrawn(i)
		if t.stale {
			t.draw(r.canvas)
		}
	}
	for _, t := range r.tiles {
		t.stale = false
	}
	return nil
}

// isOverdrawn reports whether a tile below tile i was just drawn over it.
func (r *renderer) isOverdrawn(i int) bool {
	for _, below := range r.tiles[:i] {
		if below.stale && below.Intersects(r.tiles[i].Rect) {
			return true
		}
	}
	return false
}

// arrange gets new tiles from the layout and clears the canvas.
func (r *renderer) arrange() error {
	r.clear()
	r.canvas.Fill(image.Rect(0, 0, r.size.Width, r.size.Height), black)
	byID := make(map[string]*Participant, len(r.participants))
	cadences := make(map[*Participant]*cadence, len(r.participants))
	for _, p := range r.participants {
		byID[p.id] = p
		if cadences[p] = r.cadences[p]; cadences[p] == nil {
			cadences[p] = newCadence(r.interval)
		}
	}
	r.cadences = cadences
	for _, arranged := range r.layout.Arrange(r.size, r.described) {
		scaled, err := codec.NewTile()
		if err != nil {
			return err
		}
		t := &tile{Tile: arranged, scaled: scaled, stale: true}
		if arranged.Initial == "" {
			t.participant = byID[arranged.ID]
			t.cadence = cadences[t.participant]
		}
		r.tiles = append(r.tiles, t)
	}
	return nil
}

// sizes are those of the tiles with a picture, by participant.
func (r *renderer) sizes() map[string]layout.Size {
	m := make(map[string]layout.Size, len(r.tiles))
	for _, t := range r.tiles {
		if t.participant != nil {
			m[t.ID] = layout.Size{Width: t.Width, Height: t.Height}
		}
	}
	return m
}

// update scales the picture that is due, if it is another.
func (t *tile) update(at time.Duration) {
	if t.participant == nil {
		return
	}
	picture, fresh := t.participant.picture(at, t.cadence, t.serial)
	if !fresh {
		return
	}
	defer picture.Close()
	t.serial = picture.serial
	source, target, ok := t.Fit(layout.Size{Width: picture.Width, Height: picture.Height})
	if !ok {
		return
	}
	if err := t.scaled.Scale(picture.Picture, rectangle(source), image.Pt(target.Width, target.Height)); err != nil {
		return // a pixel format that is not drawn, such as one without colour
	}
	t.target, t.stale = target, true
}

func (t *tile) draw(c *codec.Canvas) {
	if t.participant == nil {
		drawInitial(c, rectangle(t.Rect), t.Initial)
		return
	}
	if t.target != t.Rect {
		c.Fill(rectangle(t.Rect), black) // the bars beside it
	}
	if t.target != (layout.Rect{}) {
		c.Put(t.scaled, image.Pt(t.target.X, t.target.Y))
	}
}

func rectangle(r layout.Rect) image.Rectangle {
	return image.Rect(r.X, r.Y, r.X+r.Width, r.Y+r.Height)
}
