package layout

import "math"

// A Pip shows one participant in a window over the others.
type Pip struct {
	FeaturedParticipantAttribute string   `json:"featuredParticipantAttribute"`
	OmitStoppedVideo             bool     `json:"omitStoppedVideo"`
	VideoFillMode                Fill     `json:"videoFillMode"` // unset: COVER
	GridGap                      int      `json:"gridGap"`
	PipParticipantAttribute      string   `json:"pipParticipantAttribute"`
	PipBehavior                  Behavior `json:"pipBehavior"`
	PipOffset                    int      `json:"pipOffset"` // pixels from the two nearest edges
	PipPosition                  Position `json:"pipPosition"`
	PipWidth                     int      `json:"pipWidth,omitempty"` // pixels; 0 is unset
	PipHeight                    int      `json:"pipHeight,omitempty"`
	ParticipantOrderAttribute    string   `json:"participantOrderAttribute"`
}

// Behavior is what the window does when nobody is left in the main area.
type Behavior string

// The API's behaviours. The zero value is STATIC.
const (
	Static  Behavior = "STATIC"  // stays as it is
	Dynamic Behavior = "DYNAMIC" // fills the canvas
)

// Position is the corner of the window.
type Position string

// The API's positions. The zero value is BOTTOM_RIGHT.
const (
	TopLeft     Position = "TOP_LEFT"
	TopRight    Position = "TOP_RIGHT"
	BottomLeft  Position = "BOTTOM_LEFT"
	BottomRight Position = "BOTTOM_RIGHT"
)

// Arrange implements Layout. A participant that could be featured as well as in the window
// is featured.
func (p Pip) Arrange(canvas Size, participants []Participant) []Tile {
	others := ordered(participants, p.ParticipantOrderAttribute, p.OmitStoppedVideo)
	var featured, inset *Participant
	if p.FeaturedParticipantAttribute == "" && p.PipParticipantAttribute == "" && len(others) > 0 {
		featured, others = &others[0], others[1:]
	}
	if featured == nil {
		featured, others = selectOne(others, p.FeaturedParticipantAttribute)
	}
	inset, others = selectOne(others, p.PipParticipantAttribute)

	fill := p.VideoFillMode.or(Cover)
	if inset != nil && featured == nil && len(others) == 0 && p.PipBehavior == Dynamic {
		return []Tile{inset.tile(canvas.rect(), fill)}
	}
	tiles := style{gap: gap(p.GridGap, canvas), fill: fill, featured: fill}.arrange(canvas.rect(), featured, others)
	if inset != nil {
		tiles = append(tiles, inset.tile(p.window(canvas, inset), fill))
	}
	return tiles
}

// window is where the participant in front of the others is drawn.
func (p Pip) window(canvas Size, inset *Participant) Rect {
	size := Size{p.PipWidth, p.PipHeight}
	shape := inset.aspect()
	switch {
	case size.Width <= 0 && size.Height <= 0:
		side := math.Sqrt(float64(canvas.area()) / 16 / float64(shape.w*shape.h))
		size = Size{int(math.Round(side * float64(shape.w))), int(math.Round(side * float64(shape.h)))}
		if size.Width > canvas.Width || size.Height > canvas.Height {
			size = shape.within(canvas)
		}
	case size.Width <= 0:
		size.Width = size.Height * shape.w / shape.h
	case size.Height <= 0:
		size.Height = size.Width * shape.h / shape.w
	}
	size = Size{max(2, even(min(size.Width, canvas.Width))), max(2, even(min(size.Height, canvas.Height)))}

	right, bottom := canvas.Width-size.Width, canvas.Height-size.Height
	offset := max(p.PipOffset, 0)
	x, y := even(min(offset, right)), even(min(offset, bottom))
	if p.PipPosition != TopLeft && p.PipPosition != BottomLeft {
		x = right - x
	}
	if p.PipPosition != TopLeft && p.PipPosition != TopRight {
		y = bottom - y
	}
	return Rect{x, y, size.Width, size.Height}
}
